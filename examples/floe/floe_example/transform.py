"""The transformations, as functions of a DuckDB connection and nothing else.

They know nothing of Dagster, so that a unit test needs an in-memory database and no platform.
Every function replaces its table as a whole: building twice gives the same tables.
"""

from __future__ import annotations

from pathlib import Path

from duckdb import DuckDBPyConnection

SEED_PATH = Path(__file__).parent / "seeds" / "orders.csv"


def load_raw_orders(connection: DuckDBPyConnection, csv_path: Path = SEED_PATH) -> int:
    """Read the CSV file as it is, every column as text, into `raw_orders`; return the number of rows.

    Raises `duckdb.IOException` where the file cannot be read.
    """
    # all_varchar: a wrong amount or date is a row to be rejected later, not a load that fails.
    connection.execute(
        "CREATE OR REPLACE TABLE raw_orders AS SELECT * FROM read_csv(?, header = true, all_varchar = true)",
        [str(csv_path)],
    )
    return count_rows(connection, "raw_orders")


def clean_orders(connection: DuckDBPyConnection) -> int:
    """Build `orders` from `raw_orders`; return the number of rows.

    One row an order id. A row without customer, without a readable date or without a positive
    amount is left out. Customers are lower case, countries upper case, amounts exact to the cent.
    """
    connection.execute(
        """
        CREATE OR REPLACE TABLE orders AS
        SELECT DISTINCT ON (order_id)
            CAST(order_id AS INTEGER) AS order_id,
            lower(customer) AS customer,
            upper(country) AS country,
            TRY_CAST(ordered_at AS TIMESTAMP) AS ordered_at,
            TRY_CAST(amount AS DECIMAL(12, 2)) AS amount,
            status
        FROM raw_orders
        WHERE coalesce(customer, '') <> ''
          AND TRY_CAST(ordered_at AS TIMESTAMP) IS NOT NULL
          AND TRY_CAST(amount AS DECIMAL(12, 2)) > 0
        ORDER BY order_id
        """
    )
    return count_rows(connection, "orders")


def compute_daily_revenue(connection: DuckDBPyConnection, run_id: str) -> int:
    """Build `daily_revenue` from the paid `orders`; return the number of days.

    Each row names the run that built it, so that a reader can tell this run's numbers from an
    earlier run's.
    """
    connection.execute(
        """
        CREATE OR REPLACE TABLE daily_revenue AS
        SELECT CAST(ordered_at AS DATE) AS day, count(*) AS orders, sum(amount) AS revenue, ? AS run_id
        FROM orders
        WHERE status = 'paid'
        GROUP BY day
        ORDER BY day
        """,
        [run_id],
    )
    return count_rows(connection, "daily_revenue")


def compute_customer_revenue(connection: DuckDBPyConnection) -> int:
    """Build `customer_revenue` from the paid `orders`; return the number of customers."""
    connection.execute(
        """
        CREATE OR REPLACE TABLE customer_revenue AS
        SELECT customer, count(*) AS orders, sum(amount) AS revenue
        FROM orders
        WHERE status = 'paid'
        GROUP BY customer
        ORDER BY revenue DESC, customer
        """
    )
    return count_rows(connection, "customer_revenue")


def count_rows(connection: DuckDBPyConnection, table: str) -> int:
    """Return the number of rows of one of this module's tables."""
    return query_value(connection, f'SELECT count(*) FROM "{table}"')


def query_value(connection: DuckDBPyConnection, sql: str) -> int:
    """Return the single number that a query gives; raise `LookupError` where it gives no row."""
    row = connection.execute(sql).fetchone()
    if row is None:
        raise LookupError(f"no row from: {sql}")
    return row[0]
