"""What the ServiceAccount of this Job may do."""

import json
import os
import ssl
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def get(resource: str) -> dict:
    namespace = (ACCOUNT / "namespace").read_text()
    url = f"https://kubernetes.default.svc/api/v1/namespaces/{namespace}/{resource}"
    request = Request(url, headers={"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"})
    with urlopen(request, context=ssl.create_default_context(cafile=ACCOUNT / "ca.crt"), timeout=10) as response:
        return json.load(response)


def test_sees_its_own_pod():
    names = [pod["metadata"]["name"] for pod in get("pods")["items"]]
    assert os.environ["HOSTNAME"] in names


def test_may_not_read_anything_else():
    try:
        get(os.environ["FORBIDDEN"])
    except HTTPError as error:
        assert error.code == 403
    else:
        raise AssertionError("the ServiceAccount may read secrets")
