"""Streams of news without Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from rookery_common.live.streams import LIVE_SHARDS, Codec, LiveStreams, Message, Packed, Position

T = TypeVar("T")


class MemoryStreams(LiveStreams[T]):
    """Takes the place of LiveStreams; `ask` is awaited before each call, and raises while its Redis is away."""

    def __init__(self, codec: Codec[T], ask: Callable[[], Awaitable[None]]) -> None:
        self._codec = codec
        self._ask = ask
        self._messages: dict[int, list[tuple[int, Packed]]] = {shard: [] for shard in range(LIVE_SHARDS)}
        self._sequences = dict.fromkeys(range(LIVE_SHARDS), 0)
        self.groups = [list(range(LIVE_SHARDS))]

    async def _append(self, messages: Mapping[int, Sequence[Packed]], lost: int) -> None:
        await self._ask()
        for shard, part in messages.items():
            self._sequences[shard] += lost
            for message in part:
                self._sequences[shard] += 1
                self._messages[shard].append((self._sequences[shard], message))

    async def end(self, shard: int) -> Position:
        await self._ask()
        return Position(str(len(self._messages[shard])), self._sequences[shard])

    async def read(self, positions: Mapping[int, Position]) -> list[Message[T]]:
        await self._ask()
        await asyncio.sleep(0.001)
        return [
            self._message(shard, Position(str(number), sequence), packed)
            for shard, position in positions.items()
            for number, (sequence, packed) in enumerate(self._messages[shard], 1)
            if number > int(position.message_id)
        ]
