"""How many are in large groups: counted once in a while, kept in Redis, gone without harm."""

from __future__ import annotations

from typing import Final

from notification_service.models import GroupKey
from notification_service.placement import window_shard
from notification_service.repository.windows import PREFIX
from rookery_common.clients.redis import RedisClient

# What is smaller is counted each time.
LARGE: Final = 1_000
LIFE_MS: Final = 60_000


class CountCache:
    """Counts of large groups, as they were within the last minute. Raises RedisUnavailable while Redis is away."""

    def __init__(self, redis: RedisClient, prefix: str = PREFIX) -> None:
        self._redis = redis
        self._prefix = prefix

    async def get(self, recipient_id: int, key: GroupKey, above: int) -> int | None:
        """As it was kept, if it was."""
        kept: bytes | None = await self._redis.call(
            "count_get", self._redis.raw.get(self._key(recipient_id, key, above))
        )
        return int(kept) if kept is not None else None

    async def put(self, recipient_id: int, key: GroupKey, above: int, count: int) -> None:
        """Keeps it if it is large."""
        if count >= LARGE:
            name = self._key(recipient_id, key, above)
            await self._redis.call("count_put", self._redis.raw.set(name, count, px=LIFE_MS))

    def _key(self, recipient_id: int, key: GroupKey, above: int) -> str:
        group = f"{key.kind:d}:{key.subject_id}:{key.window}:{above}"
        return f"{self._prefix}count:{{{window_shard(recipient_id)}}}:{recipient_id}:{group}"
