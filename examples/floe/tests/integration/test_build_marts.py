"""The job: launched through GraphQL, queued by the webserver, dequeued by the daemon, run beside the code."""

import pytest

from tests.integration.conftest import JOB
from tests.integration.dagster_client import Run

ASSETS = ["raw_orders", "orders", "daily_revenue", "customer_revenue"]


def test_code_location_offers_the_job(repository: dict) -> None:
    assert JOB in [job["name"] for job in repository["jobs"]]


def test_code_location_offers_the_assets(repository: dict) -> None:
    assert sorted(ASSETS) == sorted(node["assetKey"]["path"][-1] for node in repository["assetNodes"])


def test_run_succeeds(marts_run: Run) -> None:
    errors = [event["error"]["message"] for event in marts_run.events if event.get("error")]
    assert marts_run.status == "SUCCESS", errors


def test_run_goes_through_the_daemons_queue(marts_run: Run) -> None:
    order = [event["__typename"] for event in marts_run.events]
    assert order.index("RunEnqueuedEvent") < order.index("RunStartingEvent") < order.index("RunStartEvent")


@pytest.mark.parametrize(("asset", "rows"), [("raw_orders", 19), ("orders", 14), ("daily_revenue", 4), ("customer_revenue", 6)])
def test_asset_is_materialized_with_its_row_count(marts_run: Run, asset: str, rows: int) -> None:
    counts = [
        entry["intValue"]
        for event in marts_run.events_of("MaterializationEvent")
        if event["assetKey"]["path"] == [asset]
        for entry in event["metadataEntries"]
        if entry["label"] == "dagster/row_count"
    ]
    assert counts == [rows]


@pytest.mark.parametrize("check", ["order_ids_are_unique", "revenue_adds_up"])
def test_asset_check_passes(marts_run: Run, check: str) -> None:
    evaluations = [event["evaluation"] for event in marts_run.events_of("AssetCheckEvaluationEvent")]
    assert [evaluation["success"] for evaluation in evaluations if evaluation["checkName"] == check] == [True]
