"""Prometheus' HTTP API, as far as these tests need it."""

import httpx


def query_prometheus(prometheus: httpx.Client, query: str) -> list[dict]:
    """Return the series that a query gives now."""
    body = prometheus.get("/api/v1/query", params={"query": query}).raise_for_status().json()
    return body["data"]["result"]
