"""What was merged of authors' own timelines for readers who page through it, in Redis: for ten minutes, and gone
without harm."""

from __future__ import annotations

import json
from typing import Final

from feed_service.models import Entry, Reason, Stretch
from feed_service.placement import window_shard
from rookery_common.clients.redis import RedisClient

LIFE_SECONDS: Final = 600
PREFIX: Final = "feed:"


class StretchRepository:
    """One for each reader and set of authors; every call raises RedisUnavailable while Redis is away."""

    def __init__(self, redis: RedisClient, prefix: str = PREFIX) -> None:
        self._redis = redis
        self._prefix = prefix

    async def keep(self, reader_id: int, authors: str, stretch: Stretch) -> None:
        """In the place of the one before; `authors` names whose posts it has."""
        columns = list(zip(*stretch.entries, strict=True)) or [()] * 3
        value = json.dumps([stretch.above, stretch.below, *columns])
        command = self._redis.raw.set(self._key(reader_id, authors), value, ex=LIFE_SECONDS)
        await self._redis.call("stretch_keep", command)

    async def find(self, reader_id: int, authors: str) -> Stretch | None:
        """None where there is none any more."""
        kept = await self._redis.call("stretch_find", self._redis.raw.get(self._key(reader_id, authors)))
        if kept is None:
            return None
        above, below, *columns = json.loads(kept)
        entries = [
            Entry(entry_id, author_id, Reason(reason)) for entry_id, author_id, reason in zip(*columns, strict=True)
        ]
        return Stretch(above, below, entries)

    def _key(self, reader_id: int, authors: str) -> str:
        return f"{self._prefix}older:{{{window_shard(reader_id)}}}:{reader_id}:{authors}"
