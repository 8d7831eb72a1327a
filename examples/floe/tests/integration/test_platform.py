"""The platform as a pod beside it sees it: names, ports, identity."""

import os
import socket
import struct
from pathlib import Path

import pytest

from tests.integration.conftest import CODE_LOCATION
from tests.integration.dagster_client import DagsterClient
from tests.integration.polling import wait_for

SERVICES = ["dagster-webserver", "postgres", CODE_LOCATION]


@pytest.mark.parametrize("service", SERVICES)
def test_service_is_found_by_its_short_name(service: str) -> None:
    assert socket.gethostbyname(service)


@pytest.mark.parametrize("service", SERVICES)
def test_full_name_leads_to_the_same_address(service: str) -> None:
    search = [line.split()[1:] for line in Path("/etc/resolv.conf").read_text().splitlines() if line.startswith("search")]
    namespace_domain = search[0][0]
    assert ".svc." in namespace_domain
    assert socket.gethostbyname(f"{service}.{namespace_domain}") == socket.gethostbyname(service)


def test_postgres_speaks_its_protocol() -> None:
    ssl_request = struct.pack("!ii", 8, 80877103)
    with socket.create_connection(("postgres", 5432), timeout=5) as connection:
        connection.sendall(ssl_request)
        assert connection.recv(1) in (b"S", b"N")


def test_webserver_is_the_pinned_dagster(dagster: DagsterClient) -> None:
    assert dagster.get_server_info()["dagster_version"] == "1.13.27"


def test_daemons_send_heartbeats(dagster: DagsterClient) -> None:
    def probe() -> tuple[list[str] | None, object]:
        statuses = dagster.get_daemon_statuses()
        required = [status for status in statuses if status["required"]]
        if required and all(status["healthy"] for status in required):
            return [status["daemonType"] for status in required], statuses
        return None, statuses

    assert "QUEUED_RUN_COORDINATOR" in wait_for("all required daemons healthy", probe, deadline_seconds=60)


def test_tests_run_without_root() -> None:
    assert os.getuid() != 0


def test_tests_cannot_write_the_warehouse(warehouse_path: Path) -> None:
    with pytest.raises(OSError):
        (warehouse_path.parent / "written-by-tests").touch()
