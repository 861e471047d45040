"""Live streams. Runs over the fakes, and as a link in tests/engine over Redis."""

from __future__ import annotations

from feed_service.models import LiveKind, LiveUpdate
from feed_service.placement import LIVE_SHARDS, live_shard
from feed_service.repository.live import LiveStreams, Message, Position

READERS = list(range(1000, 1020))


async def _ends(streams: LiveStreams) -> dict[int, Position]:
    return {shard: await streams.end(shard) for shard in range(LIVE_SHARDS)}


async def _read(streams: LiveStreams, positions: dict[int, Position]) -> list[Message]:
    found = [message for group in streams.groups for message in await streams.read({s: positions[s] for s in group})]
    positions.update({message.shard: message.position for message in found})
    return found


async def test_each_reader_is_told_once_and_in_order(streams: LiveStreams) -> None:
    positions = await _ends(streams)
    updates = [LiveUpdate(LiveKind.UPDATE, entry_id, 7, READERS) for entry_id in (1, 2, 3)]
    await streams.publish(updates[:2])
    await streams.publish(updates[2:])
    found = await _read(streams, positions)
    for reader_id in READERS:
        mine = [message.update for message in found if reader_id in message.update.reader_ids]
        assert [(update.kind, update.entry_id, update.author_id) for update in mine] == [
            (LiveKind.UPDATE, 1, 7),
            (LiveKind.UPDATE, 2, 7),
            (LiveKind.UPDATE, 3, 7),
        ]
    assert all(live_shard(r) == message.shard for message in found for r in message.update.reader_ids)
    assert await _read(streams, positions) == []


async def test_sequences_have_no_gap(streams: LiveStreams) -> None:
    positions = before = await _ends(streams)
    positions = dict(before)
    for entry_id in range(5):
        await streams.publish([LiveUpdate(LiveKind.DELETE, entry_id, 7, READERS)])
    found = await _read(streams, positions)
    for shard in {live_shard(reader_id) for reader_id in READERS}:
        sequences = [message.position.sequence for message in found if message.shard == shard]
        assert sequences == list(range(before[shard].sequence + 1, before[shard].sequence + 6))


async def test_what_was_lost_leaves_a_gap_in_every_sequence(streams: LiveStreams) -> None:
    before = await _ends(streams)
    await streams.publish([LiveUpdate(LiveKind.UPDATE, 1, 7, READERS)], lost=3)
    after = await _ends(streams)
    assert all(after[shard].sequence >= before[shard].sequence + 3 for shard in range(LIVE_SHARDS))


async def test_a_reader_that_begins_now_is_not_told_of_before(streams: LiveStreams) -> None:
    await streams.publish([LiveUpdate(LiveKind.UPDATE, 1, 7, READERS)])
    assert await _read(streams, await _ends(streams)) == []
