"""The transformations over an in-memory database: no platform needed."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from floe_example import transform

HEADER = "order_id,customer,country,ordered_at,amount,status"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        yield connection


def load_orders(connection: duckdb.DuckDBPyConnection, directory: Path, *lines: str) -> int:
    csv_path = directory / "orders.csv"
    csv_path.write_text("\n".join([HEADER, *lines]) + "\n")
    return transform.load_raw_orders(connection, csv_path)


def test_raw_orders_keep_every_row_as_text(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    assert load_orders(connection, tmp_path, "1,ada,de,never,twelve,paid", "1,ada,de,never,twelve,paid") == 2
    assert connection.execute("SELECT ordered_at, amount FROM raw_orders").fetchall() == [("never", "twelve")] * 2


def test_missing_file_is_an_error(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(duckdb.IOException):
        transform.load_raw_orders(connection, tmp_path / "none.csv")


def test_an_order_sent_twice_is_one_order(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    load_orders(connection, tmp_path, *["7,ada,de,2026-03-01 09:00:00,10.00,paid"] * 2)
    assert transform.clean_orders(connection) == 1


@pytest.mark.parametrize(
    "line",
    [
        "1,,de,2026-03-01 09:00:00,10.00,paid",
        "1,ada,de,yesterday,10.00,paid",
        "1,ada,de,2026-03-01 09:00:00,ten,paid",
        "1,ada,de,2026-03-01 09:00:00,-10.00,paid",
        "1,ada,de,2026-03-01 09:00:00,0,paid",
    ],
    ids=["no customer", "no date", "no amount", "negative", "zero"],
)
def test_unusable_order_is_left_out(connection: duckdb.DuckDBPyConnection, tmp_path: Path, line: str) -> None:
    load_orders(connection, tmp_path, line, "2,ada,de,2026-03-01 09:00:00,10.00,paid")
    transform.clean_orders(connection)
    assert connection.execute("SELECT order_id FROM orders").fetchall() == [(2,)]


def test_names_are_spelled_one_way(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    load_orders(connection, tmp_path, "1,GRACE,De,2026-03-01 09:00:00,10.00,paid")
    transform.clean_orders(connection)
    assert connection.execute("SELECT customer, country FROM orders").fetchall() == [("grace", "DE")]


def test_revenue_counts_paid_orders_by_day(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    load_orders(
        connection,
        tmp_path,
        "1,ada,de,2026-03-01 23:59:59,10.10,paid",
        "2,ada,de,2026-03-02 00:00:00,20.20,paid",
        "3,bob,de,2026-03-02 12:00:00,0.30,paid",
        "4,bob,de,2026-03-02 13:00:00,99.00,refunded",
    )
    transform.clean_orders(connection)
    assert transform.compute_daily_revenue(connection, "run-1") == 2
    rows = connection.execute("SELECT CAST(day AS VARCHAR), orders, revenue, run_id FROM daily_revenue").fetchall()
    assert rows == [("2026-03-01", 1, Decimal("10.10"), "run-1"), ("2026-03-02", 2, Decimal("20.50"), "run-1")]


def test_customers_are_ranked_by_revenue(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    load_orders(
        connection,
        tmp_path,
        "1,ada,de,2026-03-01 09:00:00,10.00,paid",
        "2,bob,de,2026-03-01 09:00:00,30.00,paid",
        "3,ada,de,2026-03-01 09:00:00,5.00,paid",
    )
    transform.clean_orders(connection)
    transform.compute_customer_revenue(connection)
    assert connection.execute("SELECT customer, revenue FROM customer_revenue").fetchall() == [
        ("bob", Decimal("30.00")),
        ("ada", Decimal("15.00")),
    ]
