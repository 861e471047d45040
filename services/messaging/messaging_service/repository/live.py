"""Notices on their way to open connections: capped Redis Streams, each with a sequence by which a gap is seen.

What travels is that there is a message and for whom; the text stays where it is encrypted.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

from messaging_service.models import Notice
from rookery_common.clients.redis import RedisClient

LIVE_SHARDS: Final = 8
KEEP_NOTICES: Final = 10_000
READ_NOTICES: Final = 500
# Below the client's own time for a call.
BLOCK_MS: Final = 400
PREFIX: Final = "messaging:"
_HEAD: Final = struct.Struct(">qq")
# KEYS: a stream, its sequence. ARGV: how many notices to keep, how many were lost before these, then notices.
_PUBLISH: Final = """
redis.call('INCRBY', KEYS[2], ARGV[2])
for i = 3, #ARGV do
  local sequence = redis.call('INCR', KEYS[2])
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 's', sequence, 'n', ARGV[i])
end
return 1
"""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a stream has been read: its last entry, and that entry's sequence."""

    entry_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class ShardNotice:
    """A notice as it stood in a stream."""

    shard: int
    position: Position
    notice: Notice


class LiveStreams:
    """Publishing to the streams and reading them; raises RedisUnavailable while Redis is away."""

    def __init__(self, redis: RedisClient, prefix: str = PREFIX, *, cluster: bool = False) -> None:
        self._redis = redis
        self._prefix = prefix
        self._publish = redis.script(_PUBLISH, name="live_publish")
        # One call can read several streams, but in a cluster not of several slots.
        self.groups = [[shard] for shard in range(LIVE_SHARDS)] if cluster else [list(range(LIVE_SHARDS))]

    async def publish(self, notices: Iterable[Notice], *, lost: int = 0) -> None:
        """In their order for each account. `lost`: how many could not be published before; readers will see a gap."""
        packed: dict[int, list[bytes]] = {shard: [] for shard in range(LIVE_SHARDS)} if lost else {}
        for notice in notices:
            for shard, account_ids in _by_shard(notice.account_ids).items():
                packed.setdefault(shard, []).append(_encoded(notice, account_ids))
        await asyncio.gather(*(self._append(shard, entries, lost) for shard, entries in packed.items()))

    async def _append(self, shard: int, packed: Sequence[bytes], lost: int) -> None:
        keys = [self._key(shard), f"{self._key(shard)}:sequence"]
        await self._publish(keys, [KEEP_NOTICES, lost, *packed])

    async def end(self, shard: int) -> Position:
        """Where the stream is now."""
        newest = await self._redis.call("live_end", self._redis.raw.xrevrange(self._key(shard), count=1))
        if newest:
            return _position(*newest[0])
        sequence = await self._redis.call("live_sequence", self._redis.raw.get(f"{self._key(shard)}:sequence"))
        return Position("0-0", int(sequence or 0))

    async def read(self, positions: Mapping[int, Position]) -> list[ShardNotice]:
        """What has come after these positions; waits up to 0.4 s for the first. The shards are those of one group."""
        streams = {self._key(shard): position.entry_id for shard, position in positions.items()}
        shards = {self._key(shard).encode(): shard for shard in positions}
        command = self._redis.raw.xread(streams, count=READ_NOTICES, block=BLOCK_MS)
        answer: Any = await self._redis.call("live_read", command)
        return [
            ShardNotice(shards[key], _position(entry_id, fields), _decoded(fields[b"n"]))
            for key, pages in (answer or {}).items()
            for page in pages
            for entry_id, fields in page
        ]

    def _key(self, shard: int) -> str:
        return f"{self._prefix}live:{{{shard}}}"


def live_shard(account_id: int) -> int:
    """The stream on which an account's notices travel; its bits are mixed, since ids are made of time and sequence."""
    return (crc32(account_id.to_bytes(8, "big")) >> 20) % LIVE_SHARDS


def _by_shard(account_ids: Iterable[int]) -> dict[int, list[int]]:
    shards: dict[int, list[int]] = {}
    for account_id in account_ids:
        shards.setdefault(live_shard(account_id), []).append(account_id)
    return shards


def _encoded(notice: Notice, account_ids: Sequence[int]) -> bytes:
    head = _HEAD.pack(notice.conversation_id, notice.sequence)
    return head + struct.pack(f">{len(account_ids)}q", *account_ids)


def _decoded(packed: bytes) -> Notice:
    conversation_id, sequence = _HEAD.unpack_from(packed)
    count = (len(packed) - _HEAD.size) // 8
    return Notice(conversation_id, sequence, struct.unpack_from(f">{count}q", packed, _HEAD.size))


def _position(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Position:
    return Position(entry_id.decode(), int(fields[b"s"]))
