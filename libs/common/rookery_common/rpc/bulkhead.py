"""Keeps a dependency that hangs from holding up everything: only so many may wait for it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rookery_common.errors import Unavailable


class DependencyBusy(Unavailable):
    """As many wait for the dependency as may; it was not asked."""

    reason = "DEPENDENCY_BUSY"


class Bulkhead:
    """Around each wait for one service. What `most` says is asked each time, so that it may follow the load."""

    def __init__(self, service: str, most: Callable[[], float]) -> None:
        self._service = service
        self._most = most
        self._waiting = 0

    def __enter__(self) -> None:
        self._enter(1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting -= 1

    @contextmanager
    def of_many(self, waiting: int) -> Iterator[None]:
        """Around a wait of so many."""
        self._enter(waiting)
        try:
            yield
        finally:
            self._waiting -= waiting

    def _enter(self, waiting: int) -> None:
        if self._waiting >= self._most():
            raise DependencyBusy(f"Too many wait for {self._service}.", retry_after=1.0)
        self._waiting += waiting
