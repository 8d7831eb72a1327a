"""One materialisation, followed through the platform: catalog and object storage, Cube, Jaeger, Prometheus."""

import json
import os
import uuid
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tests.e2e.cube_client import CubeClient
from tests.e2e.prometheus_queries import query_prometheus
from tests.integration.dagster_client import Run
from tests.integration.polling import wait_for
from tests.integration.test_warehouse import REVENUE_BY_DAY

PUBLISHED = ["iceberg_orders", "iceberg_daily_revenue", "served_daily_revenue"]
# The collector gathers for a second, and Prometheus asks every two; a collector that had lost Jaeger tries again after
# half a minute at most.
TELEMETRY_DEADLINE_SECONDS = 45


def load_table(catalog: httpx.Client, name: str) -> dict:
    return catalog.get(f"/v1/namespaces/shop/tables/{name}").raise_for_status().json()


def current_snapshot(table: dict) -> dict:
    metadata = table["metadata"]
    return next(s for s in metadata["snapshots"] if s["snapshot-id"] == metadata["current-snapshot-id"])


def test_run_succeeds(published_run: Run) -> None:
    assert published_run.events_of("MaterializationEvent")


class TestCatalog:
    @pytest.mark.usefixtures("published_run")
    def test_lists_the_tables(self, catalog: httpx.Client) -> None:
        listed = catalog.get("/v1/namespaces/shop/tables").raise_for_status().json()["identifiers"]
        assert {"orders", "daily_revenue"} <= {table["name"] for table in listed}

    @pytest.mark.parametrize(("name", "rows"), [("orders", 14), ("daily_revenue", 4)])
    def test_table_holds_what_this_run_wrote(self, catalog: httpx.Client, published_run: Run, name: str, rows: int) -> None:
        summary = current_snapshot(load_table(catalog, name))["summary"]
        assert summary["floe.run-id"] == published_run.run_id
        assert summary["total-records"] == str(rows)

    @pytest.mark.usefixtures("published_run")
    def test_tables_lie_in_object_storage(self, catalog: httpx.Client) -> None:
        table = load_table(catalog, "daily_revenue")
        assert table["metadata-location"].startswith("s3://")
        assert current_snapshot(table)["manifest-list"].startswith("s3://")


class TestCube:
    def test_answers_with_the_revenue_of_this_run(self, cube: CubeClient, published_run: Run) -> None:
        rows = cube.load(
            {
                "measures": ["DailyRevenue.revenue"],
                "dimensions": ["DailyRevenue.day"],
                "filters": [{"member": "DailyRevenue.runId", "operator": "equals", "values": [published_run.run_id]}],
                "order": {"DailyRevenue.day": "asc"},
            }
        )
        assert {row["DailyRevenue.day"]: Decimal(row["DailyRevenue.revenue"]) for row in rows} == REVENUE_BY_DAY

    @pytest.mark.usefixtures("published_run")
    def test_revenue_reaches_its_target(self, cube: CubeClient, results_path: Path) -> None:
        # FLOE_DEMO_FAIL=1 asks for more than was earned: a red run for demonstrations.
        target = Decimal("1000000") if os.environ.get("FLOE_DEMO_FAIL") == "1" else Decimal("1165.24")
        rows = cube.load({"measures": ["DailyRevenue.revenue"]})
        (results_path / "cube.json").write_text(json.dumps(rows, indent=2) + "\n")
        assert Decimal(rows[0]["DailyRevenue.revenue"]) >= target


class TestTelemetry:
    def test_jaeger_has_the_run_as_one_trace(self, jaeger: httpx.Client, collected_run: Run) -> None:
        trace_id = uuid.UUID(collected_run.run_id).hex

        def probe() -> tuple[list[str] | None, object]:
            answer = jaeger.get(f"/api/traces/{trace_id}")
            names = [span["operationName"] for trace in answer.json().get("data") or [] for span in trace["spans"]]
            return (names if len(names) >= len(PUBLISHED) else None), (answer.status_code, names)

        names = wait_for(f"trace {trace_id} in Jaeger", probe, TELEMETRY_DEADLINE_SECONDS)
        assert sorted(names) == sorted(f"materialize {asset}" for asset in PUBLISHED)

    def test_prometheus_has_the_rows_of_each_asset(self, prometheus: httpx.Client, collected_run: Run) -> None:
        started = min(float(event["timestamp"]) / 1000 for event in collected_run.events if event.get("timestamp"))

        def probe() -> tuple[dict[str, int] | None, object]:
            fresh = query_prometheus(prometheus, f"floe_asset_materialized_at_seconds > {started}")
            rows = query_prometheus(prometheus, "floe_asset_rows")
            counts = {row["metric"]["asset"]: int(row["value"][1]) for row in rows}
            return (counts if len(fresh) == len(PUBLISHED) else None), (fresh, counts)

        counts = wait_for("rows of each asset in Prometheus", probe, TELEMETRY_DEADLINE_SECONDS)
        assert counts == {"iceberg_orders": 14, "iceberg_daily_revenue": 4, "served_daily_revenue": 4}

    @pytest.mark.needs("jaeger")
    @pytest.mark.usefixtures("collected_run")
    def test_collector_hands_on_every_span(self, prometheus: httpx.Client) -> None:
        def count(metric: str) -> float:
            found = query_prometheus(prometheus, f'sum({{__name__=~"otelcol_{metric}_spans(_total)?"}})')
            return float(found[0]["value"][1]) if found else 0

        def probe() -> tuple[float | None, object]:
            accepted, sent = count("receiver_accepted"), count("exporter_sent")
            return (sent if len(PUBLISHED) <= accepted <= sent else None), f"{accepted:g} accepted, {sent:g} sent on"

        assert wait_for("all spans sent on to Jaeger", probe, TELEMETRY_DEADLINE_SECONDS)
