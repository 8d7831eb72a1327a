"""Waiting for something that another program does."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_INTERVAL_SECONDS = 0.5
# On a machine that is ten times slower every deadline is ten times longer.
DEADLINE_FACTOR = float(os.environ.get("DEADLINE_FACTOR", "1"))


def wait_for(what: str, probe: Callable[[], tuple[T | None, object]], deadline_seconds: float) -> T:
    """Call `probe` until it gives a result, and return that.

    `probe` returns (result, what it saw); a result of None means not yet. An exception of the probe
    is not caught: what can heal, the probe itself has to say.
    Raises `TimeoutError` with the last thing seen when `deadline_seconds` times DEADLINE_FACTOR are over.
    """
    deadline_seconds *= DEADLINE_FACTOR
    end = time.monotonic() + deadline_seconds
    while True:
        result, seen = probe()
        if result is not None:
            return result
        if time.monotonic() >= end:
            raise TimeoutError(f"{what}: not within {deadline_seconds:g} s; last seen: {seen}")
        time.sleep(POLL_INTERVAL_SECONDS)
