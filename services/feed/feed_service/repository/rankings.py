"""Rankings that readers are paging through, in Redis: for an hour, and gone without harm."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Final

from feed_service.models import Entry, Reason
from feed_service.placement import window_shard
from feed_service.ranking import Part, Ranked
from rookery_common.clients.redis import RedisClient

LIFE_SECONDS: Final = 3_600
PREFIX: Final = "feed:"


class RankingRepository:
    """Every call raises RedisUnavailable while Redis is away."""

    def __init__(self, redis: RedisClient, prefix: str = PREFIX) -> None:
        self._redis = redis
        self._prefix = prefix

    async def keep(self, reader_id: int, ranked: Sequence[Ranked]) -> str:
        """Returns the name to find it by."""
        name = secrets.token_hex(8)
        rows = [
            (*_row(each.entry), each.score, [(part.feature, part.value, part.weight) for part in each.why])
            for each in ranked
        ]
        command = self._redis.raw.set(self._key(reader_id, name), json.dumps(rows), ex=LIFE_SECONDS)
        await self._redis.call("ranking_keep", command)
        return name

    async def find(self, reader_id: int, name: str) -> list[Ranked] | None:
        """None where it is not there any more."""
        kept = await self._redis.call("ranking_find", self._redis.raw.get(self._key(reader_id, name)))
        if kept is None:
            return None
        return [
            Ranked(Entry(entry_id, author_id, Reason(reason)), score, tuple(Part(*part) for part in why))
            for entry_id, author_id, reason, score, why in json.loads(kept)
        ]

    def _key(self, reader_id: int, name: str) -> str:
        return f"{self._prefix}ranking:{{{window_shard(reader_id)}}}:{reader_id}:{name}"


def _row(entry: Entry) -> tuple[int, int, int]:
    return entry.entry_id, entry.author_id, int(entry.reason)
