"""Waiting for what happens a moment later, with an end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
STEP_SECONDS = 0.1


def eventually(
    read: Callable[[], T], accept: Callable[[T], bool], *, within: float, what: str, step: float = STEP_SECONDS
) -> T:
    """What `read` gives as soon as `accept` takes it; AssertionError with the last value after `within` seconds."""
    end = time.monotonic() + within
    while True:
        value = read()
        if accept(value):
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {within} s; last seen: {value!r}")
        time.sleep(step)
