"""What the end-to-end tests share: the programs of the full platform, and one run of the job that fills them."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.components import components_of
from tests.e2e.cube_client import CubeClient
from tests.e2e.kubernetes_client import KubernetesClient
from tests.integration.dagster_client import DagsterClient, Run

CODE_LOCATION = "floe-example"
JOB = "build_lakehouse"


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.user_properties += [("needs", name) for name in components_of(item)]


def open_http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def dagster() -> Iterator[DagsterClient]:
    client = DagsterClient(os.environ.get("DAGSTER_HOST", "dagster-webserver"))
    yield client
    client.close()


@pytest.fixture(scope="session")
def started_run(dagster: DagsterClient) -> Run:
    """One run of the job, launched by these tests and started out of the queue."""
    return dagster.start_job(CODE_LOCATION, dagster.load_code_location(CODE_LOCATION)["name"], JOB)


@pytest.fixture(scope="session")
def published_run(dagster: DagsterClient, started_run: Run) -> Run:
    """The same run at its end, when it has written all of its tables."""
    run = dagster.finish_run(started_run)
    errors = [event["error"]["message"] for event in run.events if event.get("error")]
    assert run.status == "SUCCESS", errors
    return run


@pytest.fixture(scope="session")
def collector_url() -> str:
    return os.environ.get("COLLECTOR_URL", "http://otel-collector:4318")


@pytest.fixture(scope="session")
def collected_run(published_run: Run) -> Run:
    """The same run, whose spans the collector says it has taken."""
    url = os.environ.get("COLLECTOR_METRICS_URL", "http://otel-collector:8888/metrics")
    page = httpx.get(url, timeout=30).raise_for_status().text
    accepted = [line for line in page.splitlines() if line.startswith("otelcol_receiver_accepted_spans")]
    assert accepted, page
    assert sum(float(line.rsplit(" ", 1)[1]) for line in accepted) > 0, accepted
    return published_run


@pytest.fixture(scope="session")
def catalog() -> Iterator[httpx.Client]:
    """The Iceberg REST catalog."""
    yield from open_http(os.environ.get("CATALOG_URL", "http://polaris:8181"))


@pytest.fixture(scope="session")
def jaeger() -> Iterator[httpx.Client]:
    yield from open_http(os.environ.get("JAEGER_URL", "http://jaeger:16686"))


@pytest.fixture(scope="session")
def prometheus() -> Iterator[httpx.Client]:
    yield from open_http(os.environ.get("PROMETHEUS_URL", "http://prometheus:9090"))


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[KubernetesClient]:
    with KubernetesClient() as client:
        yield client


@pytest.fixture(scope="session")
def cube(kubernetes: KubernetesClient) -> Iterator[CubeClient]:
    secret = kubernetes.read_secret("cube-credentials", "api-secret")
    with CubeClient(os.environ.get("CUBE_URL", "http://cube:4000"), secret) as client:
        yield client


@pytest.fixture(scope="session")
def results_path() -> Path:
    return Path(os.environ.get("RESULTS_PATH", "/results"))
