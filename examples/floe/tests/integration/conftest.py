"""What the integration tests share: the platform they talk to, and one run of the job."""

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.integration.dagster_client import DagsterClient, Run

CODE_LOCATION = "floe-example"
JOB = "build_marts"

# Ready does not yet mean loaded: the webserver looks for a code location that was late every 10 s.
CODE_LOCATION_DEADLINE_SECONDS = 60
RUN_DEADLINE_SECONDS = 120


@pytest.fixture(scope="session")
def dagster() -> Iterator[DagsterClient]:
    client = DagsterClient(os.environ.get("DAGSTER_HOST", "dagster-webserver"))
    yield client
    client.close()


@pytest.fixture(scope="session")
def repository(dagster: DagsterClient) -> dict:
    """The data product's definitions, as the webserver has loaded them."""
    return dagster.wait_for_code_location(CODE_LOCATION, CODE_LOCATION_DEADLINE_SECONDS)


@pytest.fixture(scope="session")
def marts_run(dagster: DagsterClient, repository: dict) -> Run:
    """One run of the job, launched by these tests and ended, well or not."""
    run_id = dagster.launch_job(CODE_LOCATION, repository["name"], JOB)
    return dagster.wait_for_run(run_id, RUN_DEADLINE_SECONDS)


@pytest.fixture(scope="session")
def warehouse_path() -> Path:
    return Path(os.environ.get("DUCKDB_PATH", "/data/floe.duckdb"))


@pytest.fixture(scope="session")
def warehouse(marts_run: Run, warehouse_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The DuckDB file after the run, opened for reading only."""
    connection = duckdb.connect(str(warehouse_path), read_only=True)
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def results_path() -> Path:
    return Path(os.environ.get("RESULTS_PATH", "/results"))
