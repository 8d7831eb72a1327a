"""The Kubernetes API as the pod of these tests may use it (testAccess of the chart)."""

import base64
import os
import ssl
from pathlib import Path
from types import TracebackType

import httpx

from tests.integration.polling import wait_for

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class KubernetesClient:
    """The API of the cluster that this pod runs in; `namespace` is the pod's own."""

    def __init__(self) -> None:
        self.namespace = (ACCOUNT / "namespace").read_text()
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        self._http = httpx.Client(
            base_url=f"https://{host}:{port}",
            verify=ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt")),
            headers={"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"},
            timeout=30,
        )

    def __enter__(self) -> "KubernetesClient":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._http.close()

    def request(self, method: str, path: str, body: dict | None = None, **query: str) -> httpx.Response:
        """The answer as it is, refusals included."""
        return self._http.request(method, path, json=body, params=query)

    def get(self, path: str, **query: str) -> dict:
        return self.request("GET", path, None, **query).raise_for_status().json()

    def list_pods(self, selector: str) -> list[dict]:
        return self.get(f"/api/v1/namespaces/{self.namespace}/pods", labelSelector=selector)["items"]

    def read_secret(self, name: str, key: str) -> str:
        secret = self.get(f"/api/v1/namespaces/{self.namespace}/secrets/{name}")
        return base64.b64decode(secret["data"][key]).decode()

    def get_own_container(self) -> dict:
        """The container that these tests run in: an image that is known to be on the nodes."""
        pod = self.get(f"/api/v1/namespaces/{self.namespace}/pods/{os.environ['HOSTNAME']}")
        return pod["spec"]["containers"][0]

    def create_pod(self, namespace: str, name: str, script: str, labels: dict[str, str] | None = None) -> None:
        """Start a pod that runs a Python script, under the restricted Pod Security Standard."""
        own = self.get_own_container()
        self.request(
            "POST",
            f"/api/v1/namespaces/{namespace}/pods",
            {
                "metadata": {"name": name, "labels": labels or {}},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "terminationGracePeriodSeconds": 0,
                    "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [
                        {
                            "name": "main",
                            "image": own["image"],
                            "imagePullPolicy": own["imagePullPolicy"],
                            "command": ["python", "-c", script],
                            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                        }
                    ],
                },
            },
        ).raise_for_status()

    def wait_for_pod(self, namespace: str, name: str, phases: set[str], deadline_seconds: float) -> dict:
        """Return the pod once it is in one of the phases."""

        def probe() -> tuple[dict | None, object]:
            pod = self.get(f"/api/v1/namespaces/{namespace}/pods/{name}")
            return (pod if pod["status"]["phase"] in phases else None), pod["status"]

        return wait_for(f"pod {name} is {' or '.join(sorted(phases))}", probe, deadline_seconds)

    def read_log(self, namespace: str, name: str) -> str:
        return self.request("GET", f"/api/v1/namespaces/{namespace}/pods/{name}/log").raise_for_status().text
