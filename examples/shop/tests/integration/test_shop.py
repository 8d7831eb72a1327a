"""The shop as its customers call it: by the name of its Service."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

SHOP = "http://shop"


def call(method: str, path: str) -> tuple[int, dict]:
    try:
        with urlopen(Request(SHOP + path, method=method), timeout=10) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        return error.code, json.load(error)


@pytest.fixture(autouse=True)
def empty_basket():
    call("DELETE", "/basket")


def test_everything_has_a_price():
    status, prices = call("GET", "/prices")
    assert status == 200
    assert all(cents > 0 for cents in prices.values())


def test_a_new_basket_is_empty():
    assert call("GET", "/basket") == (200, {"things": [], "cents": 0})


def test_things_go_into_the_basket():
    assert call("POST", "/basket/apple")[0] == 201
    assert call("GET", "/basket")[1]["things"] == ["apple"]


def test_the_basket_costs_what_its_things_cost():
    for thing in ("apple", "apple", "tea"):
        call("POST", f"/basket/{thing}")
    assert call("GET", "/basket")[1]["cents"] == 30 + 30 + 420


def test_what_is_not_sold_is_refused():
    status, answer = call("POST", "/basket/moon")
    assert status == 404
    assert answer == {"error": "no moon here"}
