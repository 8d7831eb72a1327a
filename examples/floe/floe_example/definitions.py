"""The Dagster code location: four assets, their checks, and the job that builds them all."""

import dagster as dg
from dagster_duckdb import DuckDBResource

from floe_example import transform


@dg.asset(group_name="sources", kinds={"duckdb", "csv"})
def raw_orders(duckdb: DuckDBResource) -> dg.MaterializeResult:
    """Orders exactly as the shop exports them."""
    with duckdb.get_connection() as connection:
        rows = transform.load_raw_orders(connection)
    return dg.MaterializeResult(metadata={"dagster/row_count": rows})


@dg.asset(deps=[raw_orders], group_name="marts", kinds={"duckdb"})
def orders(duckdb: DuckDBResource) -> dg.MaterializeResult:
    """One row an order, cleaned; rows that cannot be an order are left out."""
    with duckdb.get_connection() as connection:
        rows = transform.clean_orders(connection)
    return dg.MaterializeResult(metadata={"dagster/row_count": rows})


@dg.asset(deps=[orders], group_name="marts", kinds={"duckdb"})
def daily_revenue(context: dg.AssetExecutionContext, duckdb: DuckDBResource) -> dg.MaterializeResult:
    """Revenue of the paid orders, a row a day."""
    with duckdb.get_connection() as connection:
        rows = transform.compute_daily_revenue(connection, context.run_id)
    return dg.MaterializeResult(metadata={"dagster/row_count": rows})


@dg.asset(deps=[orders], group_name="marts", kinds={"duckdb"})
def customer_revenue(duckdb: DuckDBResource) -> dg.MaterializeResult:
    """Revenue of the paid orders, a row a customer."""
    with duckdb.get_connection() as connection:
        rows = transform.compute_customer_revenue(connection)
    return dg.MaterializeResult(metadata={"dagster/row_count": rows})


@dg.asset_check(asset=orders, blocking=True)
def order_ids_are_unique(duckdb: DuckDBResource) -> dg.AssetCheckResult:
    """An order counted twice is revenue counted twice, so the marts are not built then."""
    with duckdb.get_connection() as connection:
        duplicates = transform.query_value(
            connection, "SELECT count(*) - count(DISTINCT order_id) FROM orders"
        )
    return dg.AssetCheckResult(passed=duplicates == 0, metadata={"duplicates": duplicates})


@dg.asset_check(asset=daily_revenue, additional_deps=[customer_revenue])
def revenue_adds_up(duckdb: DuckDBResource) -> dg.AssetCheckResult:
    """The same money by day and by customer."""
    with duckdb.get_connection() as connection:
        by_day = transform.query_value(connection, "SELECT sum(revenue) FROM daily_revenue")
        by_customer = transform.query_value(connection, "SELECT sum(revenue) FROM customer_revenue")
    return dg.AssetCheckResult(
        passed=by_day == by_customer,
        metadata={"by_day": str(by_day), "by_customer": str(by_customer)},
    )


build_marts = dg.define_asset_job("build_marts", selection=dg.AssetSelection.all())

defs = dg.Definitions(
    assets=[raw_orders, orders, daily_revenue, customer_revenue],
    asset_checks=[order_ids_are_unique, revenue_adds_up],
    jobs=[build_marts],
    resources={"duckdb": DuckDBResource(database=dg.EnvVar("DUCKDB_PATH"))},
    # A DuckDB file has one writing process at a time, so a run's steps share one.
    executor=dg.in_process_executor,
)
