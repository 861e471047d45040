"""The time that is left for the work in hand: set where a call comes in, passed on with every call that goes out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rookery_common.errors import DeadlineExceeded

DEFAULT_SECONDS = 10.0
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
_started: ContextVar[float | None] = ContextVar("started", default=None)


def remaining() -> float | None:
    """Seconds left for the current work, 0 when none are; None where no deadline was set."""
    deadline = _deadline.get()
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def within(timeout: float) -> float:
    """The timeout, or what is left if that is less. Raises DeadlineExceeded when nothing is left."""
    deadline = _deadline.get()
    if deadline is None:
        return timeout
    left = deadline - time.monotonic()
    if left <= 0:
        raise DeadlineExceeded("The time for this request is up.")
    return left if left < timeout else timeout


def start_deadline(seconds: float) -> None:
    """For the rest of the current task; for a task that serves one request only."""
    now = time.monotonic()
    _started.set(now)
    _deadline.set(now + seconds)


def elapsed() -> float:
    """Seconds since the call in hand came in, such as it spent waiting for its turn; 0 outside any."""
    started = _started.get()
    return 0.0 if started is None else time.monotonic() - started


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Gives what runs inside at most these seconds, or what was left if that is less."""
    outer, wanted = _deadline.get(), time.monotonic() + seconds
    token = _deadline.set(wanted if outer is None else min(outer, wanted))
    try:
        yield
    finally:
        _deadline.reset(token)
