"""An account's marks in Redis, a sheet for each week: a cache only, read by one command for all viewers of a call."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping, Sequence

from post_service.models import PostMarks
from post_service.repository.marks import Sheet, Week
from post_service.repository.redis_guard import RedisGuard
from rookery_common.clients.redis import RedisClient

TTL_SECONDS = 3600
READ_SECONDS = 0.25

# stamp | floor, number of marks; then the posts' ids, then a byte for each. The script knows where the stamp is.
_HEAD = struct.Struct(">qqH")
_COMBINATIONS = tuple(PostMarks(*(bool(bits >> n & 1) for n in range(5))) for bits in range(32))

# What was read earlier never replaces what was read later.
_PUT = """
local held = redis.call('GETRANGE', KEYS[1], 0, 7)
if #held == 8 and struct.unpack('>i8', held) > struct.unpack('>i8', ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""


class MarkCache:
    """`post:m:<account>:<week>` holds a sheet; an empty one too, as most are."""

    def __init__(self, redis: RedisClient, guard: RedisGuard, prefix: str = "post:") -> None:
        self._redis = redis
        self._guard = guard
        self._prefix = f"{prefix}m:".encode()
        self._put = redis.script(_PUT, name="put_marks", shared=True)

    async def get_many(self, weeks: Sequence[Week]) -> dict[Week, Sheet]:
        """What is cached of these, in one round trip."""
        if not weeks or self._guard.is_away():
            return {}
        keys = [self._key(week) for week in weeks]
        values = await self._guard.attempt("read_marks", self._redis.mget("get_marks", keys, timeout=READ_SECONDS))
        return {week: _unpack(value) for week, value in zip(weeks, values or (), strict=False) if value}

    async def put(self, sheets: Mapping[Week, Sheet], stamp: int) -> None:
        """Unless what is cached was read later; `stamp` is a version from before the sheets were read."""
        calls = [self._put([self._key(week)], [_pack(sheet, stamp), TTL_SECONDS]) for week, sheet in sheets.items()]
        await self._guard.attempt("put_marks", asyncio.gather(*calls))

    def _key(self, week: Week) -> bytes:
        return b"%b%d:%d" % (self._prefix, *week)


def _pack(sheet: Sheet, stamp: int) -> bytes:
    size = len(sheet.marks)
    bits = bytes(
        favourited | reblogged << 1 | kept << 2 | pinned << 3 | muted << 4
        for favourited, reblogged, kept, pinned, muted in sheet.marks.values()
    )
    return b"".join((_HEAD.pack(stamp, sheet.floor, size), struct.pack(f">{size}q", *sheet.marks), bits))


def _unpack(value: bytes) -> Sheet:
    _, floor, size = _HEAD.unpack_from(value)
    if not size:
        return Sheet({}, floor)
    post_ids = struct.unpack_from(f">{size}q", value, _HEAD.size)
    return Sheet({key: _COMBINATIONS[bits] for key, bits in zip(post_ids, value[-size:], strict=True)}, floor)
