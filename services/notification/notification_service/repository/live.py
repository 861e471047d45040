"""Notifications on their way to open connections: capped Redis Streams, each with a sequence by which a gap is seen."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from notification_service.models import Kind, Notification
from notification_service.placement import LIVE_SHARDS, live_shard
from notification_service.repository import scripts
from rookery_common.clients.redis import RedisClient

KEEP_MESSAGES: Final = 10_000
MESSAGES_PER_CALL: Final = 200
READ_MESSAGES: Final = 500
# Below the client's own time for a call.
BLOCK_MS: Final = 400
PREFIX: Final = "notification:"
_FIELDS: Final = struct.Struct(">Bqqqq")


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
    notification: Notification


class LiveStreams:
    """Publishing to the streams and reading them; raises RedisUnavailable while Redis is away."""

    def __init__(self, redis: RedisClient, prefix: str = PREFIX, *, cluster: bool = False) -> None:
        self._redis = redis
        self._prefix = prefix
        self._publish = redis.script(scripts.PUBLISH, name="live_publish")
        # One call can read several streams, but in a cluster not of several slots.
        self.groups = [[shard] for shard in range(LIVE_SHARDS)] if cluster else [list(range(LIVE_SHARDS))]

    async def publish(self, notifications: Iterable[Notification], *, lost: int = 0) -> None:
        """In their order for each recipient. `lost`: how many could not be published before; readers will see a gap."""
        messages: dict[int, list[bytes]] = {shard: [] for shard in range(LIVE_SHARDS)} if lost else {}
        for each in notifications:
            messages.setdefault(live_shard(each.recipient_id), []).append(_packed(each))
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
            Message(shards[key], _position(message_id, fields), _unpacked(fields[b"n"]))
            for key, pages in (answer or {}).items()
            for page in pages
            for message_id, fields in page
        ]

    def _key(self, shard: int) -> str:
        return f"{self._prefix}live:{{{shard}}}"


def _packed(told: Notification) -> bytes:
    return _FIELDS.pack(told.kind, told.notification_id, told.recipient_id, told.account_id, told.post_id)


def _unpacked(packed: bytes) -> Notification:
    kind, notification_id, recipient_id, account_id, post_id = _FIELDS.unpack(packed)
    return Notification(notification_id, recipient_id, Kind(kind), account_id, post_id)


def _position(message_id: bytes, fields: Mapping[bytes, bytes]) -> Position:
    return Position(message_id.decode(), int(fields[b"s"]))
