"""On which day readers were last seen, in Redis: for fan-out, which asks for hundreds at once. Where nothing is known
of a reader, everything is delivered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rookery_common.clients.redis import RedisClient, Value

# Then the day is learned again from CQL.
LIFE_SECONDS: Final = 90 * 86_400
PREFIX: Final = "feed:"
ASKED_AT_ONCE: Final = 500


class SeenRepository:
    """In the cache, or in both while the caches are moved: what is noted in one is noted in each, and the first is
    asked. Every call raises RedisUnavailable while one of them is away."""

    def __init__(self, *caches: RedisClient, prefix: str = PREFIX) -> None:
        self._caches = caches
        self._prefix = prefix

    async def days(self, reader_ids: Sequence[int]) -> dict[int, int]:
        """Of those of whom it is known."""
        found: dict[int, int] = {}
        for first in range(0, len(reader_ids), ASKED_AT_ONCE):
            part = reader_ids[first : first + ASKED_AT_ONCE]
            values = await self._caches[0].mget("seen_days", [self._key(reader_id) for reader_id in part])
            found |= {reader_id: int(day) for reader_id, day in zip(part, values, strict=True) if day is not None}
        return found

    async def note(self, reader_id: int, day: int) -> list[int]:
        """From now on; returns the days that were noted before."""
        before = await self._set({reader_id: day}, "GET")
        return [int(each) for each in before if each is not None]

    async def learn(self, days: Mapping[int, int]) -> None:
        """Where nothing is noted, which must not take the place of what is."""
        await self._set(days, "NX")

    async def forget(self, reader_id: int) -> None:
        """As if never seen."""
        await self._send([("UNLINK", self._key(reader_id))])

    async def _set(self, days: Mapping[int, int], how: str) -> list[Any]:
        return await self._send([("SET", self._key(each), day, "EX", LIFE_SECONDS, how) for each, day in days.items()])

    async def _send(self, commands: Sequence[Sequence[Value]]) -> list[Any]:
        answers = await asyncio.gather(*(cache.send("seen_set", commands) for cache in self._caches))
        return [answer for each in answers for answer in each]

    def _key(self, reader_id: int) -> str:
        return f"{self._prefix}seen:{reader_id}"
