"""Each program of the platform by itself, so that a dead one is red under its own name before what is built on it is.

PostgreSQL and MinIO answer the platform's own pods alone (NetworkPolicies): they are seen through those that use them.
"""

import os

import httpx
import pytest

from tests.e2e.conftest import CODE_LOCATION, JOB
from tests.e2e.prometheus_queries import query_prometheus
from tests.integration.dagster_client import DagsterClient, Run
from tests.integration.polling import wait_for

# A target is asked every two seconds, from the start of Prometheus on.
SCRAPE_DEADLINE_SECONDS = 15


def test_webserver_is_the_pinned_dagster(dagster: DagsterClient) -> None:
    assert dagster.get_server_info()["dagster_version"] == "1.13.27"


@pytest.mark.needs("floe-example")
def test_webserver_loads_the_code_location(dagster: DagsterClient) -> None:
    assert JOB in [job["name"] for job in dagster.load_code_location(CODE_LOCATION)["jobs"]]


def test_daemon_starts_the_run(started_run: Run) -> None:
    order = [event["__typename"] for event in started_run.events]
    assert order.index("RunEnqueuedEvent") < order.index("RunStartingEvent") < order.index("RunStartEvent")


def test_catalog_answers(catalog: httpx.Client) -> None:
    assert "defaults" in catalog.get("/v1/config").raise_for_status().json()


CUBE_URL = os.environ.get("CUBE_URL", "http://cube:4000")


@pytest.mark.needs("cube")
def test_cube_refuses_who_has_no_token() -> None:
    assert httpx.get(f"{CUBE_URL}/cubejs-api/v1/meta", timeout=30).status_code == 403


@pytest.mark.needs("cube", "postgres")
def test_cube_reaches_its_database() -> None:
    # It says so of itself.
    answer = httpx.get(f"{CUBE_URL}/readyz", timeout=30)
    assert answer.status_code == 200, answer.text


@pytest.mark.needs("otel-collector")
def test_collector_accepts_traces(collector_url: str) -> None:
    httpx.post(f"{collector_url}/v1/traces", json={"resourceSpans": []}, timeout=30).raise_for_status()


def test_jaeger_answers(jaeger: httpx.Client) -> None:
    jaeger.get("/api/services").raise_for_status()


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
