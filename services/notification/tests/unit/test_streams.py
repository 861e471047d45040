"""Streams of notifications. Runs over the fakes, and as a link in tests/engine over Redis."""

from __future__ import annotations

from notification_service.models import Kind, Notification
from notification_service.placement import LIVE_SHARDS, live_shard
from notification_service.repository.live import LiveStreams, Message, Position


def _told(number: int, recipient_id: int) -> Notification:
    return Notification(number, recipient_id, Kind.MENTION, (1 << 62) + 7, 9)


async def _ends(streams: LiveStreams) -> dict[int, Position]:
    return {shard: await streams.end(shard) for shard in range(LIVE_SHARDS)}


async def _read(streams: LiveStreams, positions: dict[int, Position]) -> list[Message]:
    found = []
    for group in streams.groups:
        found += await streams.read({shard: positions[shard] for shard in group})
    return found


async def test_what_is_published_is_read_once_and_in_order(streams: LiveStreams) -> None:
    await streams.publish([_told(1, 102)])
    positions = await _ends(streams)
    told = [_told(number, recipient_id) for number in range(2, 300) for recipient_id in (102, 103)]
    await streams.publish(told)
    seen: list[Notification] = []
    while messages := await _read(streams, positions):
        seen += [message.notification for message in messages]
        positions.update({message.shard: message.position for message in messages})
    assert sorted(seen, key=lambda each: each.recipient_id) == sorted(told, key=lambda each: each.recipient_id)
    assert await _ends(streams) == positions


async def test_what_was_lost_is_missing_in_every_sequence(streams: LiveStreams) -> None:
    before = await _ends(streams)
    await streams.publish([_told(1, 102)], lost=3)
    after = await _ends(streams)
    steps = {shard: after[shard].sequence - before[shard].sequence for shard in after}
    assert steps == {shard: 4 if shard == live_shard(102) else 3 for shard in range(LIVE_SHARDS)}
