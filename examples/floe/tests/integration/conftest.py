"""What the integration tests share: the platform they talk to, and one run of the job."""

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.integration.dagster_client import DagsterClient, Run

CODE_LOCATION = "floe-example"
JOB = "build_marts"


@pytest.fixture(scope="session")
def dagster() -> Iterator[DagsterClient]:
    client = DagsterClient(os.environ.get("DAGSTER_HOST", "dagster-webserver"))
    yield client
    client.close()


@pytest.fixture(scope="session")
def repository(dagster: DagsterClient) -> dict:
    """The data product's definitions, as the webserver has loaded them."""
    return dagster.load_code_location(CODE_LOCATION)


@pytest.fixture(scope="session")
def marts_run(dagster: DagsterClient, repository: dict) -> Run:
    """One run of the job, launched by these tests and ended, well or not."""
    return dagster.finish_run(dagster.start_job(CODE_LOCATION, repository["name"], JOB))


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
