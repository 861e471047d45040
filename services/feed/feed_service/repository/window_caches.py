"""The windows of one cache, or of two while they are moved from one to the other: for whoever changes them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from feed_service.models import Delivery
from feed_service.repository.windows import WindowRepository


class WindowCaches:
    """What is done in one is done in all; every call raises RedisUnavailable while any of them is away, and is then to
    be done again: a window that has missed something must not say that it is complete."""

    def __init__(self, *caches: WindowRepository) -> None:
        self._caches = caches

    async def push(self, deliveries: Iterable[Delivery]) -> None:
        """Into the windows that exist and reach down to the entry."""
        each = list(deliveries)
        await asyncio.gather(*(cache.push(each) for cache in self._caches))

    async def forget_following(self, reader_id: int) -> None:
        """After a change of whom the reader follows: the next read takes it from CQL."""
        await asyncio.gather(*(cache.forget_following(reader_id) for cache in self._caches))

    async def forget_below(self, reader_id: int, floor: int) -> None:
        """After a new follow: a window that reaches below the floor has not all that its home has there now."""
        await asyncio.gather(*(cache.forget_below(reader_id, floor) for cache in self._caches))

    async def forget(self, reader_id: int) -> None:
        """A reader's window, and whom it follows."""
        await asyncio.gather(*(cache.forget(reader_id) for cache in self._caches))
