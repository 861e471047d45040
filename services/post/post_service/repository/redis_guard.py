"""Leaves a Redis that fails alone for a moment, for all caches of the process together."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from post_service import metrics
from rookery_common.clock import Clock
from rookery_common.errors import AppError, Internal, Unavailable
from rookery_common.logs import get_logger

AWAY_SECONDS = 1.0
"""After a failure Redis is left alone for this long, so that its timeouts don't add up in every request."""

FAILURES = (Unavailable, Internal)
T = TypeVar("T")
log = get_logger()


class RedisGuard:
    """Knows whether Redis has just failed; what fails here is counted and told, and never raised."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._away_until = 0.0

    def is_away(self) -> bool:
        """Whether reads had better not ask."""
        return self._clock.monotonic() < self._away_until

    async def attempt(self, operation: str, call: Awaitable[T]) -> T | None:
        """The call's answer, or None. Writes are tried even while Redis seems away: what is stale must not outlive a
        short outage."""
        try:
            return await call
        except FAILURES as error:
            self.failed(operation, error)
            return None

    def failed(self, operation: str, error: AppError) -> None:
        metrics.CACHE_FAILURES.labels(operation).inc()
        log.warning("post.cache_failed", operation=operation, reason=error.reason)
        self._away_until = self._clock.monotonic() + AWAY_SECONDS
