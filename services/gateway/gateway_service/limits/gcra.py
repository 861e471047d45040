"""GCRA: a limit as one time a key, at which it would be unused again; in Redis for all replicas, here without it.

Each request moves the time on by the limit's interval; what would move it further ahead than the limit's seconds is
refused and moves nothing. So `requests` may come at once, and then one each interval, with no windows to wait for.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import NamedTuple

from gateway_service.limits.rules import Limit
from rookery_common.clients.redis import RedisClient
from rookery_common.errors import AppError

SHARDS = 64
MAX_SPENDS = 512
CALL_SECONDS = 0.1
MAX_LOCAL = 200_000

# KEYS: one each spend. ARGV: interval and window in microseconds, one pair each. Returns what is left of the window and
# the time until the limit is unused, pair by pair; less than nothing left: refused, and so long to wait.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local answers = {}
for i, key in ipairs(KEYS) do
  local interval, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local unused = tonumber(redis.call('GET', key) or now)
  if unused < now then unused = now end
  local left = now + window - unused - interval
  if left >= 0 then
    unused = unused + interval
    redis.call('SET', key, string.format('%.0f', unused), 'PX', math.ceil((unused - now) / 1000))
  end
  answers[2 * i - 1] = left
  answers[2 * i] = unused - now
end
return answers
"""


class Spend(NamedTuple):
    """One request against one key's limit."""

    key: str
    limit: Limit


class Level(NamedTuple):
    """How a limit stands after a request: what is left of it, and the seconds until it is unused again."""

    limit: Limit
    remaining: int
    reset_seconds: float
    # 0 where the request was let through.
    wait_seconds: float


def _level(limit: Limit, left_us: int, reset_us: int) -> Level:
    if left_us < 0:
        return Level(limit, 0, reset_us / 1e6, -left_us / 1e6)
    return Level(limit, left_us // limit.interval_us, reset_us / 1e6, 0.0)


def _window_us(limit: Limit) -> int:
    return limit.interval_us * limit.requests


class LocalBuckets:
    """The same for this process alone; what is used least is forgotten first."""

    def __init__(
        self, capacity: int = MAX_LOCAL, now_us: Callable[[], int] = lambda: time.monotonic_ns() // 1000
    ) -> None:
        self._capacity = capacity
        self._now_us = now_us
        self._unused_at: OrderedDict[str, int] = OrderedDict()

    def take(self, spends: Sequence[Spend]) -> list[Level]:
        """Each spend's level, in this order."""
        now = self._now_us()
        return [self._take(spend, now) for spend in spends]

    def _take(self, spend: Spend, now: int) -> Level:
        interval = spend.limit.interval_us
        unused = max(now, self._unused_at.get(spend.key, now))
        left = now + _window_us(spend.limit) - unused - interval
        if left >= 0:
            unused += interval
            self._unused_at[spend.key] = unused
            self._unused_at.move_to_end(spend.key)
            if len(self._unused_at) > self._capacity:
                self._unused_at.popitem(last=False)
        return _level(spend.limit, left, unused - now)


class RedisBuckets:
    """Limits that all replicas share: one call of a script for all requests that came during the last one."""

    def __init__(self, redis: RedisClient, *, cluster: bool) -> None:
        self._script = redis.script(SCRIPT, name="limits", shared=True)
        self._shards = SHARDS if cluster else 1
        self._queue: deque[tuple[Sequence[Spend], asyncio.Future[list[Level]]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def take(self, spends: Sequence[Spend]) -> list[Level]:
        """Each spend's level, in this order. Raises Unavailable; then what was spent is not known."""
        answer: asyncio.Future[list[Level]] = asyncio.get_running_loop().create_future()
        self._queue.append((spends, answer))
        if self._task is None:
            # In a context of its own: the call is for many, and must not inherit one's deadline.
            self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())
        return await answer

    async def _run(self) -> None:
        try:
            while self._queue:
                await self._call_next()
        finally:
            self._task = None

    async def _call_next(self) -> None:
        batch = [self._queue.popleft()]
        size = len(batch[0][0])
        while self._queue and size + len(self._queue[0][0]) <= MAX_SPENDS:
            batch.append(self._queue.popleft())
            size += len(batch[-1][0])
        try:
            levels = await self._levels([spend for spends, _ in batch for spend in spends])
        except AppError as error:
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        start = 0
        for spends, answer in batch:
            if not answer.done():
                answer.set_result(levels[start : start + len(spends)])
            start += len(spends)

    async def _levels(self, spends: Sequence[Spend]) -> list[Level]:
        """By shards, for the keys of a script share a slot: one call where Redis is not a cluster."""
        if self._shards == 1:
            return await self._levels_of(0, spends)
        shards: dict[int, list[int]] = {}
        for place, spend in enumerate(spends):
            shards.setdefault(zlib.crc32(spend.key.encode()) % self._shards, []).append(place)
        levels: dict[int, Level] = {}
        for shard, places in shards.items():
            levels |= zip(places, await self._levels_of(shard, [spends[place] for place in places]), strict=True)
        return [levels[place] for place in range(len(spends))]

    async def _levels_of(self, shard: int, spends: Sequence[Spend]) -> list[Level]:
        keys = [f"gateway:limit:{{{shard}}}:{key}" for key, _ in spends]
        arguments = [number for _, limit in spends for number in (limit.interval_us, _window_us(limit))]
        answer = iter(await self._script(keys, arguments, timeout=CALL_SECONDS))
        return [_level(limit, int(next(answer)), int(next(answer))) for _, limit in spends]
