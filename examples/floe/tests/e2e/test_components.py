"""Each program of the platform by itself, so that a dead one is red under its own name before what is built on it is.

PostgreSQL and MinIO answer the platform's own pods alone (NetworkPolicies): they are seen through those that use them.
"""

import os

import httpx
import pytest

from tests.e2e.components import starting_a_run
from tests.e2e.conftest import CODE_LOCATION, CODE_LOCATION_DEADLINE_SECONDS, JOB
from tests.e2e.prometheus_queries import query_prometheus
from tests.integration.dagster_client import DagsterClient, Run
from tests.integration.polling import wait_for

# A target is asked every two seconds, from the start of Prometheus on.
SCRAPE_DEADLINE_SECONDS = 15


@pytest.mark.needs("dagster-webserver")
def test_webserver_is_the_pinned_dagster(dagster: DagsterClient) -> None:
    assert dagster.get_server_info()["dagster_version"] == "1.13.27"


@pytest.mark.needs("dagster-webserver", "floe-example")
def test_webserver_has_loaded_the_code_location(dagster: DagsterClient) -> None:
    repository = dagster.wait_for_code_location(CODE_LOCATION, CODE_LOCATION_DEADLINE_SECONDS)
    assert JOB in [job["name"] for job in repository["jobs"]]


@starting_a_run
def test_daemon_starts_the_run(lakehouse_run: Run) -> None:
    order = [event["__typename"] for event in lakehouse_run.events]
    assert order.index("RunEnqueuedEvent") < order.index("RunStartingEvent") < order.index("RunStartEvent")


@pytest.mark.needs("polaris")
def test_catalog_answers(catalog: httpx.Client) -> None:
    assert "defaults" in catalog.get("/v1/config").raise_for_status().json()


@pytest.mark.needs("cube", "postgres")
def test_cube_is_ready_and_refuses_who_has_no_token() -> None:
    with httpx.Client(base_url=os.environ.get("CUBE_URL", "http://cube:4000"), timeout=30) as anyone:
        # It says of itself whether its database answers.
        assert anyone.get("/readyz").status_code == 200
        assert anyone.get("/cubejs-api/v1/meta").status_code == 403


@pytest.mark.needs("otel-collector")
def test_collector_accepts_traces() -> None:
    url = os.environ.get("COLLECTOR_URL", "http://otel-collector:4318")
    httpx.post(f"{url}/v1/traces", json={"resourceSpans": []}, timeout=30).raise_for_status()


@pytest.mark.needs("jaeger")
def test_jaeger_answers(jaeger: httpx.Client) -> None:
    jaeger.get("/api/services").raise_for_status()


@pytest.mark.needs("prometheus")
@pytest.mark.parametrize(
    "job",
    [
        "prometheus",
        pytest.param("otel-collector", marks=pytest.mark.needs("otel-collector")),
        pytest.param("platform", marks=pytest.mark.needs("otel-collector")),
        pytest.param("jaeger", marks=pytest.mark.needs("jaeger")),
        pytest.param("minio", marks=pytest.mark.needs("minio")),
    ],
)
def test_prometheus_reaches_its_target(prometheus: httpx.Client, job: str) -> None:
    def probe() -> tuple[bool | None, object]:
        found = query_prometheus(prometheus, f'up{{job="{job}"}}')
        # Of a program with replicas, all of them.
        return (True if {row["value"][1] for row in found} == {"1"} else None), found

    assert wait_for(f"{job} is up", probe, SCRAPE_DEADLINE_SECONDS)
