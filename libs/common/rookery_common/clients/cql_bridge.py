"""From the driver's thread to the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from cassandra.cluster import ResponseFuture


class _Waiting:
    """Collects a statement's pages. In the end it lets go of the driver's response, and that of its timer, which refers
    back to it: what is left in cycles only the collector frees, and that costs more than the statement."""

    __slots__ = ("_done", "_response", "_rows")

    def __init__(self, response: ResponseFuture, done: Callable[[list[Any] | None, Exception | None], None]) -> None:
        self._response: ResponseFuture | None = response
        self._done = done
        self._rows: list[Any] = []

    def take(self, page: Sequence[Any] | None) -> None:
        """In the driver's thread, as all of this."""
        self._rows.extend(page or ())
        if self._response is not None and self._response.has_more_pages:
            self._response.start_fetching_next_page()
        else:
            self._end(self._rows, None)

    def fail(self, error: Exception) -> None:
        self._end(None, error)

    def _end(self, rows: list[Any] | None, error: Exception | None) -> None:
        response, self._response = self._response, None
        if response is not None:
            response._timer = None
        self._done(rows, error)


class Bridge:
    """Brings results from the driver's thread to the event loop, waking it once for all that have come meanwhile."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._done: deque[tuple[asyncio.Future[list[Any]], list[Any] | None, Exception | None]] = deque()
        self._woken = False

    def wait(self, response: ResponseFuture) -> asyncio.Future[list[Any]]:
        """A future of all rows; further pages are fetched as they are needed."""
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        waiting = _Waiting(response, partial(self._put, future))
        response.add_callbacks(waiting.take, waiting.fail)
        return future

    def _put(self, future: asyncio.Future[list[Any]], rows: list[Any] | None, error: Exception | None) -> None:
        # In the driver's thread. Appended before the flag is read, and drained after it is cleared: nothing is missed.
        self._done.append((future, rows, error))
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._woken = False
        while self._done:
            future, rows, error = self._done.popleft()
            if future.done():
                continue  # its caller has gone
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(rows or [])
