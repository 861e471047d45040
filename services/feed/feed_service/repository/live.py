"""Updates on their way to open connections: capped Redis Streams, each with a sequence by which a gap is seen."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from feed_service.models import LiveKind, LiveUpdate
from feed_service.placement import LIVE_SHARDS, live_shard
from feed_service.repository import scripts
from rookery_common.clients.redis import RedisClient

KEEP_MESSAGES: Final = 10_000
READERS_PER_MESSAGE: Final = 500
MESSAGES_PER_CALL: Final = 200
READ_MESSAGES: Final = 500
# Below the client's own time for a call.
BLOCK_MS: Final = 400
PREFIX: Final = "feed:"
_HEAD: Final = struct.Struct(">Bqq")


@dataclass(frozen=True, slots=True)
class Position:
    """How far a stream has been read: its last message, and that message's sequence."""

    message_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a stream."""

    shard: int
    position: Position
    update: LiveUpdate


class LiveStreams:
    """Publishing to the streams and reading them; raises RedisUnavailable while Redis is away."""

    def __init__(self, redis: RedisClient, prefix: str = PREFIX, *, cluster: bool = False) -> None:
        self._redis = redis
        self._prefix = prefix
        self._publish = redis.script(scripts.PUBLISH, name="live_publish")
        # One call can read several streams, but in a cluster not of several slots.
        self.groups = [[shard] for shard in range(LIVE_SHARDS)] if cluster else [list(range(LIVE_SHARDS))]

    async def publish(self, updates: Iterable[LiveUpdate], *, lost: int = 0) -> None:
        """In their order for each reader. `lost`: how many could not be published before; readers will see a gap."""
        messages: dict[int, list[bytes]] = {shard: [] for shard in range(LIVE_SHARDS)} if lost else {}
        for update in updates:
            for shard, reader_ids in _by_shard(update.reader_ids).items():
                messages.setdefault(shard, []).extend(_encoded(update, reader_ids))
        await asyncio.gather(*(self._append(shard, packed, lost) for shard, packed in messages.items()))

    async def _append(self, shard: int, packed: Sequence[bytes], lost: int) -> None:
        keys = [self._key(shard), f"{self._key(shard)}:sequence"]
        for first in range(0, max(1, len(packed)), MESSAGES_PER_CALL):
            part = packed[first : first + MESSAGES_PER_CALL]
            await self._publish(keys, [KEEP_MESSAGES, 0 if first else lost, *part])

    async def end(self, shard: int) -> Position:
        """Where the stream is now."""
        newest = await self._redis.call("live_end", self._redis.raw.xrevrange(self._key(shard), count=1))
        if newest:
            return _position(*newest[0])
        sequence = await self._redis.call("live_sequence", self._redis.raw.get(f"{self._key(shard)}:sequence"))
        return Position("0-0", int(sequence or 0))

    async def read(self, positions: Mapping[int, Position]) -> list[Message]:
        """What has come after these positions; waits up to 0.4 s for the first. The shards are those of one group."""
        streams = {self._key(shard): position.message_id for shard, position in positions.items()}
        shards = {self._key(shard).encode(): shard for shard in positions}
        command = self._redis.raw.xread(streams, count=READ_MESSAGES, block=BLOCK_MS)
        answer: Any = await self._redis.call("live_read", command)
        return [
            Message(shards[key], _position(message_id, fields), _decoded(fields[b"u"]))
            for key, pages in (answer or {}).items()
            for page in pages
            for message_id, fields in page
        ]

    def _key(self, shard: int) -> str:
        return f"{self._prefix}live:{{{shard}}}"


def _by_shard(reader_ids: Iterable[int]) -> dict[int, list[int]]:
    shards: dict[int, list[int]] = {}
    for reader_id in reader_ids:
        shards.setdefault(live_shard(reader_id), []).append(reader_id)
    return shards


def _encoded(update: LiveUpdate, reader_ids: Sequence[int]) -> list[bytes]:
    head = _HEAD.pack(update.kind, update.entry_id, update.author_id)
    parts = (
        reader_ids[first : first + READERS_PER_MESSAGE] for first in range(0, len(reader_ids), READERS_PER_MESSAGE)
    )
    return [head + struct.pack(f">{len(part)}q", *part) for part in parts]


def _decoded(packed: bytes) -> LiveUpdate:
    kind, entry_id, author_id = _HEAD.unpack_from(packed)
    count = (len(packed) - _HEAD.size) // 8
    return LiveUpdate(LiveKind(kind), entry_id, author_id, struct.unpack_from(f">{count}q", packed, _HEAD.size))


def _position(message_id: bytes, fields: Mapping[bytes, bytes]) -> Position:
    return Position(message_id.decode(), int(fields[b"s"]))
