"""The rules of the platform's namespace: who it runs as, how much it may use, who gets in, what stays."""

import json
import os
import socket
import uuid

import httpx
import pytest

from tests.e2e.kubernetes_client import KubernetesClient
from tests.integration.polling import wait_for

PLATFORM = "app.kubernetes.io/part-of=floe"
POD_DEADLINE_SECONDS = 120

LISTEN = "import http.server; http.server.HTTPServer(('', 8000), http.server.BaseHTTPRequestHandler).serve_forever()"
TRY_TO_CONNECT = """
import json, socket, time
def reach(host, port):
    try:
        socket.create_connection((host, port), timeout=4).close()
        return 'reached'
    except OSError as error:
        return f'{type(error).__name__}: {error}'
print(json.dumps({name: reach(*target) for name, target in %s.items()}))
"""


@pytest.mark.needs()
def test_every_container_runs_without_root(kubernetes: KubernetesClient) -> None:
    pods = kubernetes.list_pods(PLATFORM)
    assert pods
    contexts = {
        f"{pod['metadata']['name']}/{container['name']}": {
            **pod["spec"]["securityContext"],
            **container["securityContext"],
        }
        for pod in pods
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    }
    careless = [
        name
        for name, context in contexts.items()
        if not context["runAsNonRoot"] or context["runAsUser"] == 0 or context["allowPrivilegeEscalation"]
    ]
    assert careless == []


@pytest.mark.needs()
def test_no_pod_of_the_platform_holds_a_token(kubernetes: KubernetesClient) -> None:
    volumes = {
        pod["metadata"]["name"]: [volume for volume in pod["spec"]["volumes"] if "projected" in volume]
        for pod in kubernetes.list_pods(PLATFORM)
    }
    assert {name: found for name, found in volumes.items() if found} == {}


@pytest.mark.needs()
def test_pods_are_spread_over_nodes(kubernetes: KubernetesClient) -> None:
    nodes = {pod["spec"]["nodeName"] for pod in kubernetes.list_pods(PLATFORM)}
    assert len(nodes) >= 2


@pytest.mark.needs()
def test_pod_over_quota_is_refused(kubernetes: KubernetesClient) -> None:
    own = kubernetes.get_own_container()
    greedy = {"requests": {"cpu": "500", "memory": "1Gi"}, "limits": {"cpu": "500", "memory": "1Gi"}}
    pod = {
        "metadata": {"name": f"greedy-{uuid.uuid4().hex[:8]}"},
        "spec": {"containers": [{"name": "main", "image": own["image"], "resources": greedy}]},
    }
    answer = kubernetes.request("POST", f"/api/v1/namespaces/{kubernetes.namespace}/pods", pod, dryRun="All")
    assert answer.status_code == 403
    assert "exceeded quota: floe-platform" in answer.json()["message"]


@pytest.mark.usefixtures("published_run")
def test_tables_outlive_the_pod_of_the_catalog(kubernetes: KubernetesClient, catalog: httpx.Client) -> None:
    before = catalog.get("/v1/namespaces/shop/tables/orders").raise_for_status().json()["metadata-location"]
    pods = f"/api/v1/namespaces/{kubernetes.namespace}/pods"
    old = kubernetes.get(f"{pods}/polaris-0")["metadata"]["uid"]
    kubernetes.request("DELETE", f"{pods}/polaris-0").raise_for_status()

    def probe() -> tuple[str | None, object]:
        answer = kubernetes.request("GET", f"{pods}/polaris-0")
        if answer.status_code == 404:
            return None, "gone"
        pod = answer.json()
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
        return (pod["metadata"]["uid"] if pod["metadata"]["uid"] != old and ready else None), pod["status"]

    assert wait_for("a new pod polaris-0 is ready", probe, POD_DEADLINE_SECONDS) != old

    def read() -> tuple[str | None, object]:
        # A Service learns of its new pod a moment after the pod is ready. Until then there is no answer, or one of somebody
        # else: what is sent to the address of a pod that is gone leaves the cluster. A connection that is kept would stay so.
        try:
            answer = httpx.get(catalog.base_url.join("/v1/namespaces/shop/tables/orders"), timeout=5)
        except httpx.TransportError as error:
            return None, error
        return (answer.json()["metadata-location"] if answer.is_success else None), (answer.status_code, answer.text)

    assert wait_for("the catalog answers again", read, 30) == before


@pytest.fixture
def outside(kubernetes: KubernetesClient) -> str:
    namespace = os.environ.get("OUTSIDE_NAMESPACE", "")
    if not namespace:
        pytest.skip("no namespace to come from: OUTSIDE_NAMESPACE is not set (testAccess.outsideNamespace of the chart)")
    return namespace


@pytest.mark.needs()
def test_pod_of_another_namespace_is_refused(kubernetes: KubernetesClient, outside: str) -> None:
    suffix = uuid.uuid4().hex[:8]
    guarded, stranger = f"guarded-{suffix}", f"stranger-{suffix}"
    kubernetes.create_pod(outside, guarded, LISTEN, {"guarded": suffix})
    # Nobody may enter this pod: whether that holds shows whether this cluster's network enforces policies at all.
    kubernetes.request(
        "POST",
        f"/apis/networking.k8s.io/v1/namespaces/{outside}/networkpolicies",
        {"metadata": {"name": guarded}, "spec": {"podSelector": {"matchLabels": {"guarded": suffix}}, "policyTypes": ["Ingress"]}},
    ).raise_for_status()
    running = kubernetes.wait_for_pod(outside, guarded, {"Running"}, POD_DEADLINE_SECONDS)
    services = {name: socket.gethostbyname(name) for name in ("dagster-webserver", "postgres")}
    targets = {
        "guarded": (running["status"]["podIP"], 8000),
        "dagster-webserver": (services["dagster-webserver"], 3000),
        "postgres": (services["postgres"], 5432),
    }
    kubernetes.create_pod(outside, stranger, TRY_TO_CONNECT % targets)
    kubernetes.wait_for_pod(outside, stranger, {"Succeeded"}, POD_DEADLINE_SECONDS)
    seen = json.loads(kubernetes.read_log(outside, stranger))
    for name in (guarded, stranger):
        kubernetes.request("DELETE", f"/api/v1/namespaces/{outside}/pods/{name}").raise_for_status()
    if seen.pop("guarded") == "reached":
        pytest.skip(f"this cluster's network does not enforce NetworkPolicies: a pod that lets nobody in was entered; {seen}")
    assert {name: result for name, result in seen.items() if result == "reached"} == {}
