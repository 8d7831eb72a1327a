"""The marts in PostgreSQL, where Cube reads them."""

from __future__ import annotations

import os
from collections.abc import Mapping

import psycopg2
from psycopg2.extras import execute_values


def connect_marts(environment: Mapping[str, str] = os.environ) -> psycopg2.extensions.connection:
    """Open the database of `MARTS_POSTGRES_DATABASE`; raise `KeyError` where the platform has none."""
    return psycopg2.connect(
        host=environment["MARTS_POSTGRES_HOST"],
        port=environment["MARTS_POSTGRES_PORT"],
        dbname=environment["MARTS_POSTGRES_DATABASE"],
        user=environment["MARTS_POSTGRES_USER"],
        password=environment["POSTGRES_PASSWORD"],
        connect_timeout=10,
    )


def replace_daily_revenue(connection: psycopg2.extensions.connection, rows: list[dict]) -> int:
    """Replace the table `daily_revenue` in one transaction, so that a reader never meets half of it; return the rows."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS daily_revenue"
            " (day date PRIMARY KEY, orders bigint NOT NULL, revenue numeric NOT NULL, run_id text NOT NULL)"
        )
        cursor.execute("DELETE FROM daily_revenue")
        execute_values(
            cursor,
            "INSERT INTO daily_revenue (day, orders, revenue, run_id) VALUES %s",
            [(row["day"], row["orders"], row["revenue"], row["run_id"]) for row in rows],
        )
    return len(rows)
