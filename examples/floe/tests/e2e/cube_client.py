"""Cube's REST API, as far as these tests need it."""

import base64
import hashlib
import hmac
import json
import time
from types import TracebackType

import httpx

from tests.integration.polling import wait_for

TOKEN_SECONDS = 3600


class CubeError(Exception):
    """Cube answered, and the answer is an error."""


class CubeClient:
    def __init__(self, url: str, api_secret: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30, headers={"Authorization": sign_token(api_secret)})

    def __enter__(self) -> "CubeClient":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._http.close()

    def load(self, query: dict, deadline_seconds: float = 30) -> list[dict]:
        """Return the rows of a query; Cube says "Continue wait" for as long as it works on one."""

        def probe() -> tuple[list[dict] | None, object]:
            body = self._http.post("/cubejs-api/v1/load", json={"query": query}).json()
            if body.get("error") == "Continue wait":
                return None, body
            if "error" in body:
                raise CubeError(body["error"])
            return body["data"], body

        return wait_for(f"Cube answers {query}", probe, deadline_seconds)


def sign_token(secret: str) -> str:
    """A JSON Web Token as Cube wants it: HS256 over the API secret."""

    def encode(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    header = encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    claims = encode(json.dumps({"exp": int(time.time()) + TOKEN_SECONDS}).encode())
    signature = hmac.new(secret.encode(), f"{header}.{claims}".encode(), hashlib.sha256).digest()
    return f"{header}.{claims}.{encode(signature)}"
