"""The Dagster code location of the full platform: the marts of DuckDB, published and served.

DuckDB → Iceberg tables in object storage, through the catalog → back out of them → PostgreSQL, which Cube reads. What a
dashboard shows has therefore been in the object storage.
"""

import dagster as dg
from dagster_duckdb import DuckDBResource

from floe_example import definitions as marts_only
from floe_example.lakehouse import marts, tables, telemetry


def publish(context: dg.AssetExecutionContext, duckdb: DuckDBResource, table: str) -> dg.MaterializeResult:
    with telemetry.materialization(context.asset_key.to_user_string(), context.run_id) as report:
        with duckdb.get_connection() as connection:
            rows = connection.sql(f'SELECT * FROM "{table}"').to_arrow_table()
        report.rows = tables.replace_table(tables.connect_catalog(), table, rows, context.run_id)
    return dg.MaterializeResult(metadata={"dagster/row_count": report.rows})


@dg.asset(deps=[marts_only.orders], group_name="lakehouse", kinds={"iceberg"})
def iceberg_orders(context: dg.AssetExecutionContext, duckdb: DuckDBResource) -> dg.MaterializeResult:
    """The clean orders, as the table shop.orders of the catalog."""
    return publish(context, duckdb, "orders")


@dg.asset(deps=[marts_only.daily_revenue], group_name="lakehouse", kinds={"iceberg"})
def iceberg_daily_revenue(context: dg.AssetExecutionContext, duckdb: DuckDBResource) -> dg.MaterializeResult:
    """Revenue by day, as the table shop.daily_revenue of the catalog."""
    return publish(context, duckdb, "daily_revenue")


@dg.asset(deps=[iceberg_daily_revenue], group_name="serving", kinds={"postgres"})
def served_daily_revenue(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Revenue by day, read back from the object storage and put where Cube reads."""
    with telemetry.materialization(context.asset_key.to_user_string(), context.run_id) as report:
        rows = tables.read_table(tables.connect_catalog(), "daily_revenue")
        connection = marts.connect_marts()
        try:
            report.rows = marts.replace_daily_revenue(connection, rows)
        finally:
            connection.close()
    return dg.MaterializeResult(metadata={"dagster/row_count": report.rows})


build_lakehouse = dg.define_asset_job("build_lakehouse", selection=dg.AssetSelection.all())

defs = dg.Definitions.merge(
    marts_only.defs,
    dg.Definitions(assets=[iceberg_orders, iceberg_daily_revenue, served_daily_revenue], jobs=[build_lakehouse]),
)
