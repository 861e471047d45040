"""Capped Redis Streams of news, each with a sequence by which a gap is seen."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from zlib import crc32

from rookery_common.clients.redis import RedisClient

LIVE_SHARDS: Final = 8
KEEP_MESSAGES: Final = 10_000
ACCOUNTS_PER_MESSAGE: Final = 500
MESSAGES_PER_CALL: Final = 200
READ_MESSAGES: Final = 500
# Below the client's own time for a call.
BLOCK_MS: Final = 400
# KEYS: streams, each with its sequence. ARGV: how many messages to keep, how many were lost before these, then for each
# stream how many messages it gets, and these, of two each.
_PUBLISH: Final = """
local i = 3
for k = 1, #KEYS, 2 do
  redis.call('INCRBY', KEYS[k + 1], ARGV[2])
  for n = 1, tonumber(ARGV[i]) do
    local sequence = redis.call('INCR', KEYS[k + 1])
    redis.call('XADD', KEYS[k], 'MAXLEN', '~', ARGV[1], '*', 's', sequence, 'a', ARGV[i + 1], 'i', ARGV[i + 2])
    i = i + 2
  end
  i = i + 1
end
return 1
"""
T = TypeVar("T")
Packed = tuple[bytes, bytes]  # accounts, item


@dataclass(frozen=True, slots=True)
class News(Generic[T]):
    """Something for these accounts; without an item, that they may have missed something."""

    account_ids: Sequence[int]
    item: T | None


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """How an item travels. A change of it needs another prefix of streams, for old and new processes run at once."""

    pack: Callable[[T], bytes]
    unpack: Callable[[bytes], T]


@dataclass(frozen=True, slots=True)
class Position:
    """How far a stream has been read: its last message, and that message's sequence."""

    message_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Message(Generic[T]):
    """One message of a stream."""

    shard: int
    position: Position
    account_ids: Sequence[int]
    item: T


def live_shard(account_id: int) -> int:
    """The stream on which an account's news travels; its bits are mixed, since ids are made of time and sequence."""
    return (crc32(account_id.to_bytes(8, "big")) >> 20) % LIVE_SHARDS


class LiveStreams(Generic[T]):
    """Publishing to the streams and reading them; raises RedisUnavailable while Redis is away."""

    def __init__(self, redis: RedisClient, codec: Codec[T], prefix: str, *, cluster: bool = False) -> None:
        self._redis = redis
        self._codec = codec
        self._prefix = prefix
        self._publish = redis.script(_PUBLISH, name="live_publish", shared=True)
        # One call can read several streams, but in a cluster not of several slots.
        self.groups = [[shard] for shard in range(LIVE_SHARDS)] if cluster else [list(range(LIVE_SHARDS))]

    async def publish(self, news: Iterable[tuple[Sequence[int], T]], *, lost: int = 0) -> None:
        """Accounts and an item each, in their order for each account.

        `lost`: how many could not be published before; readers will see a gap.
        """
        messages: dict[int, list[Packed]] = {shard: [] for shard in range(LIVE_SHARDS)} if lost else {}
        for account_ids, item in news:
            packed = self._codec.pack(item)
            for shard, concerned in _by_shard(account_ids).items():
                messages.setdefault(shard, []).extend((accounts, packed) for accounts in _packed_accounts(concerned))
        concerned_groups = ([shard for shard in group if shard in messages] for group in self.groups)
        calls = [self._append({shard: messages[shard] for shard in group}, lost) for group in concerned_groups if group]
        await asyncio.gather(*calls)

    async def _append(self, messages: Mapping[int, Sequence[Packed]], lost: int) -> None:
        """To streams of one group, some at a time of each."""
        step = MESSAGES_PER_CALL // len(messages)
        for first in range(0, max(1, *map(len, messages.values())), step):
            keys, arguments = list[str](), list[Any]()
            for shard, all_of_it in messages.items():
                part = all_of_it[first : first + step]
                if part or not first:
                    keys += (self._key(shard), f"{self._key(shard)}:sequence")
                    arguments += (len(part), *(field for message in part for field in message))
            await self._publish(keys, [KEEP_MESSAGES, 0 if first else lost, *arguments])

    async def end(self, shard: int) -> Position:
        """Where the stream is now."""
        newest = await self._redis.call("live_end", self._redis.raw.xrevrange(self._key(shard), count=1))
        if newest:
            return _position(*newest[0])
        sequence = await self._redis.call("live_sequence", self._redis.raw.get(f"{self._key(shard)}:sequence"))
        return Position("0-0", int(sequence or 0))

    async def read(self, positions: Mapping[int, Position]) -> list[Message[T]]:
        """What has come after these positions; waits up to 0.4 s for the first. The shards are those of one group."""
        streams = {self._key(shard): position.message_id for shard, position in positions.items()}
        shards = {self._key(shard).encode(): shard for shard in positions}
        command = self._redis.raw.xread(streams, count=READ_MESSAGES, block=BLOCK_MS)
        answer: Any = await self._redis.call("live_read", command)
        return [
            self._message(shards[key], _position(message_id, fields), (fields[b"a"], fields[b"i"]))
            for key, pages in (answer or {}).items()
            for page in pages
            for message_id, fields in page
        ]

    def _message(self, shard: int, position: Position, packed: Packed) -> Message[T]:
        accounts, item = packed
        account_ids = struct.unpack(f">{len(accounts) // 8}q", accounts)
        return Message(shard, position, account_ids, self._codec.unpack(item))

    def _key(self, shard: int) -> str:
        return f"{self._prefix}news:{{{shard}}}"


def _by_shard(account_ids: Iterable[int]) -> dict[int, list[int]]:
    shards: dict[int, list[int]] = {}
    for account_id in account_ids:
        shards.setdefault(live_shard(account_id), []).append(account_id)
    return shards


def _packed_accounts(account_ids: Sequence[int]) -> list[bytes]:
    parts = (
        account_ids[first : first + ACCOUNTS_PER_MESSAGE] for first in range(0, len(account_ids), ACCOUNTS_PER_MESSAGE)
    )
    return [struct.pack(f">{len(part)}q", *part) for part in parts]


def _position(message_id: bytes, fields: Mapping[bytes, bytes]) -> Position:
    return Position(message_id.decode(), int(fields[b"s"]))
