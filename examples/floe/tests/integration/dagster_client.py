"""Dagster's GraphQL, as far as these tests need it."""

from dataclasses import dataclass

import httpx

from tests.integration.polling import DEADLINE_FACTOR, wait_for

FINISHED_STATUSES = {"SUCCESS", "FAILURE", "CANCELED"}
STARTED_STATUSES = {"STARTED", "CANCELING", *FINISHED_STATUSES}

# A Service learns of a new pod a moment after the pod is ready.
CODE_LOCATION_DEADLINE_SECONDS = 15
# The daemon has no probe that says when it begins to look at the queue.
START_DEADLINE_SECONDS = 60
RUN_DEADLINE_SECONDS = 60


class DagsterError(Exception):
    """Dagster answered, and the answer is an error."""


@dataclass(frozen=True)
class Run:
    """A run that has started, with all its events so far."""

    run_id: str
    status: str
    events: list[dict]

    def events_of(self, typename: str) -> list[dict]:
        return [event for event in self.events if event["__typename"] == typename]


class DagsterClient:
    """One webserver at http://host:3000."""

    def __init__(self, host: str) -> None:
        self.url = f"http://{host}:3000"
        self._http = httpx.Client(base_url=self.url, timeout=30 * DEADLINE_FACTOR)

    def close(self) -> None:
        self._http.close()

    def get_server_info(self) -> dict:
        return self._http.get("/server_info").raise_for_status().json()

    def query(self, query: str, **variables: object) -> dict:
        """Return `data` of the answer; raise `DagsterError` where GraphQL reports errors."""
        response = self._http.post("/graphql", json={"query": query, "variables": variables})
        if response.headers.get("content-type") != "application/json":
            response.raise_for_status()
        # Of status 500 too the answer says what went wrong: in `errors`, or as a PythonError in its data.
        body = response.json()
        if body.get("errors"):
            raise DagsterError("; ".join(error["message"] for error in body["errors"]))
        return body["data"]

    def load_code_location(self, name: str) -> dict:
        """Have the webserver load a code location anew, and return its repository.

        What it shows otherwise may be what it remembers of a program that is gone.
        """

        def probe() -> tuple[dict | None, object]:
            loaded = self.query(
                """
                mutation Load($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) {
                    __typename
                    ... on Error { message }
                    ... on WorkspaceLocationEntry {
                      locationOrLoadError {
                        __typename
                        ... on PythonError { message }
                        ... on RepositoryLocation { repositories {
                          name
                          jobs { name }
                          assetNodes { assetKey { path } }
                        } }
                      }
                    }
                } }
                """,
                name=name,
            )["reloadRepositoryLocation"]
            location = loaded.get("locationOrLoadError") or {}
            return (location["repositories"][0] if location.get("repositories") else None), loaded

        return wait_for(f"code location {name} loaded by {self.url}", probe, CODE_LOCATION_DEADLINE_SECONDS)

    def start_job(self, location: str, repository: str, job: str) -> Run:
        """Launch a run and return it as soon as the daemon has started it."""
        run_id = self.launch_job(location, repository, job)
        return self._wait_for_run(run_id, "has started", STARTED_STATUSES, START_DEADLINE_SECONDS)

    def finish_run(self, started: Run) -> Run:
        """Return a run that has started when it has ended, well or not."""
        return self._wait_for_run(started.run_id, "has ended", FINISHED_STATUSES, RUN_DEADLINE_SECONDS)

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

    def _wait_for_run(self, run_id: str, what: str, statuses: set[str], deadline_seconds: float) -> Run:
        """Return the run as soon as its status is one of those that are named.

        If that takes too long, cancel it, so that it does not come between later ones, and raise `TimeoutError`.
        """

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
            return (run["status"] if run["status"] in statuses else None), run["status"]

        try:
            status = wait_for(f"run {run_id} {what}", probe, deadline_seconds)
        except TimeoutError:
            self.cancel_run(run_id)
            raise
        return Run(run_id, status, self._read_events(run_id))

    def cancel_run(self, run_id: str) -> None:
        """Take a run out of the queue, or end it; raise `DagsterError` where Dagster refuses that."""
        cancelled = self.query(
            """
            mutation Cancel($runId: String!) {
                terminateRun(runId: $runId, terminatePolicy: MARK_AS_CANCELED_IMMEDIATELY) {
                    __typename
                    ... on Error { message }
                }
            }
            """,
            runId=run_id,
        )["terminateRun"]
        if cancelled["__typename"] != "TerminateRunSuccess":
            raise DagsterError(f"terminateRun: {cancelled}")

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
