"""Dagster's GraphQL, as far as these tests need it."""

from dataclasses import dataclass

import httpx

from tests.integration.polling import wait_for

FINISHED_STATUSES = {"SUCCESS", "FAILURE", "CANCELED"}


class DagsterError(Exception):
    """Dagster answered, and the answer is an error."""


@dataclass(frozen=True)
class Run:
    """A finished run with all its events."""

    run_id: str
    status: str
    events: list[dict]

    def events_of(self, typename: str) -> list[dict]:
        return [event for event in self.events if event["__typename"] == typename]


class DagsterClient:
    """One webserver at http://host:3000."""

    def __init__(self, host: str) -> None:
        self.url = f"http://{host}:3000"
        self._http = httpx.Client(base_url=self.url, timeout=30)

    def close(self) -> None:
        self._http.close()

    def get_server_info(self) -> dict:
        return self._http.get("/server_info").raise_for_status().json()

    def query(self, query: str, **variables: object) -> dict:
        """Return `data` of the answer; raise `DagsterError` where GraphQL reports errors."""
        response = self._http.post("/graphql", json={"query": query, "variables": variables})
        body = response.raise_for_status().json()
        if body.get("errors"):
            raise DagsterError("; ".join(error["message"] for error in body["errors"]))
        return body["data"]

    def wait_for_code_location(self, name: str, deadline_seconds: float) -> dict:
        """Return the repository of a code location as soon as the webserver has loaded it."""

        def probe() -> tuple[dict | None, object]:
            workspace = self.query(
                """
                { workspaceOrError {
                    __typename
                    ... on PythonError { message }
                    ... on Workspace { locationEntries {
                      name loadStatus
                      locationOrLoadError {
                        __typename
                        ... on PythonError { message }
                        ... on RepositoryLocation { repositories {
                          name
                          jobs { name }
                          assetNodes { assetKey { path } }
                        } }
                      }
                    } }
                } }
                """
            )["workspaceOrError"]
            for entry in workspace.get("locationEntries", []):
                if entry["name"] == name and (entry["locationOrLoadError"] or {}).get("repositories"):
                    return entry["locationOrLoadError"]["repositories"][0], None
            return None, workspace

        return wait_for(f"code location {name} loaded by {self.url}", probe, deadline_seconds)

    def launch_job(self, location: str, repository: str, job: str) -> str:
        """Launch a run and return its id; raise `DagsterError` where Dagster refuses it."""
        launched = self.query(
            """
            mutation Launch($params: ExecutionParams!) { launchRun(executionParams: $params) {
                __typename
                ... on LaunchRunSuccess { run { runId } }
                ... on Error { message }
            } }
            """,
            params={
                "selector": {
                    "repositoryLocationName": location,
                    "repositoryName": repository,
                    "jobName": job,
                },
                "runConfigData": {},
            },
        )["launchRun"]
        if launched["__typename"] != "LaunchRunSuccess":
            raise DagsterError(f"launchRun: {launched}")
        return launched["run"]["runId"]

    def wait_for_run(self, run_id: str, deadline_seconds: float) -> Run:
        """Return the run when it has ended, well or not."""

        def probe() -> tuple[str | None, object]:
            run = self.query(
                """
                query Status($runId: ID!) { runOrError(runId: $runId) {
                    __typename
                    ... on Run { status }
                    ... on Error { message }
                } }
                """,
                runId=run_id,
            )["runOrError"]
            if run["__typename"] != "Run":
                raise DagsterError(f"run {run_id}: {run}")
            return (run["status"] if run["status"] in FINISHED_STATUSES else None), run["status"]

        status = wait_for(f"run {run_id} ended", probe, deadline_seconds)
        return Run(run_id, status, self._read_events(run_id))

    def _read_events(self, run_id: str) -> list[dict]:
        events: list[dict] = []
        cursor = None
        while True:
            page = self.query(
                """
                query Logs($runId: ID!, $cursor: String) { logsForRun(runId: $runId, afterCursor: $cursor, limit: 1000) {
                    __typename
                    ... on Error { message }
                    ... on EventConnection {
                      cursor hasMore
                      events {
                        __typename
                        ... on MessageEvent { message level stepKey timestamp }
                        ... on ErrorEvent { error { message } }
                        ... on MaterializationEvent {
                          assetKey { path }
                          metadataEntries { label ... on IntMetadataEntry { intValue } }
                        }
                        ... on AssetCheckEvaluationEvent { evaluation { checkName success assetKey { path } } }
                      }
                    }
                } }
                """,
                runId=run_id,
                cursor=cursor,
            )["logsForRun"]
            if page["__typename"] != "EventConnection":
                raise DagsterError(f"events of run {run_id}: {page}")
            events += page["events"]
            cursor = page["cursor"]
            if not page["hasMore"]:
                return events

    def get_daemon_statuses(self) -> list[dict]:
        return self.query(
            "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy lastHeartbeatTime } } } }"
        )["instance"]["daemonHealth"]["allDaemonStatuses"]
