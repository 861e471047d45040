"""Streams of news. Runs over the fake, and as a link in tests/engine over Redis."""

from __future__ import annotations

from rookery_common.live.streams import (
    ACCOUNTS_PER_MESSAGE,
    LIVE_SHARDS,
    MESSAGES_PER_CALL,
    LiveStreams,
    Message,
    Position,
    live_shard,
)

ACCOUNTS = list(range(1000, 1020))


async def _ends(streams: LiveStreams[str]) -> dict[int, Position]:
    return {shard: await streams.end(shard) for shard in range(LIVE_SHARDS)}


async def _read(streams: LiveStreams[str], positions: dict[int, Position]) -> list[Message[str]]:
    found = [message for group in streams.groups for message in await streams.read({s: positions[s] for s in group})]
    positions.update({message.shard: message.position for message in found})
    return found


async def test_each_account_is_told_once_and_in_order(streams: LiveStreams[str]) -> None:
    positions = await _ends(streams)
    await streams.publish([(ACCOUNTS, "one"), (ACCOUNTS, "two")])
    await streams.publish([(ACCOUNTS, "three")])
    found = await _read(streams, positions)
    for account_id in ACCOUNTS:
        assert [message.item for message in found if account_id in message.account_ids] == ["one", "two", "three"]
    assert all(live_shard(account_id) == message.shard for message in found for account_id in message.account_ids)
    assert await _read(streams, positions) == []


async def test_more_than_a_call_takes_arrives_whole_and_without_a_gap(streams: LiveStreams[str]) -> None:
    before = await _ends(streams)
    positions = dict(before)
    items = [str(number) for number in range(2 * MESSAGES_PER_CALL + 1)]
    await streams.publish([([7], item) for item in items])
    found: list[Message[str]] = []
    while more := await _read(streams, positions):
        found += more
    assert [message.item for message in found] == items
    first = before[live_shard(7)].sequence + 1
    assert [message.position.sequence for message in found] == list(range(first, first + len(items)))


async def test_many_accounts_of_one_item_travel_in_several_messages(streams: LiveStreams[str]) -> None:
    positions = await _ends(streams)
    accounts = [account_id for account_id in range(20_000) if live_shard(account_id) == 3][: ACCOUNTS_PER_MESSAGE + 1]
    await streams.publish([(accounts, "for all")])
    found = await _read(streams, positions)
    assert [len(message.account_ids) for message in found] == [ACCOUNTS_PER_MESSAGE, 1]
    assert sorted(account_id for message in found for account_id in message.account_ids) == accounts


async def test_what_was_lost_is_missing_in_every_sequence(streams: LiveStreams[str]) -> None:
    before = await _ends(streams)
    await streams.publish([([102], "found")], lost=3)
    after = await _ends(streams)
    steps = {shard: after[shard].sequence - before[shard].sequence for shard in after}
    assert steps == {shard: 4 if shard == live_shard(102) else 3 for shard in range(LIVE_SHARDS)}


async def test_who_begins_now_is_not_told_of_before(streams: LiveStreams[str]) -> None:
    await streams.publish([(ACCOUNTS, "long ago")])
    assert await _read(streams, await _ends(streams)) == []


def test_shards_are_used_alike() -> None:
    counts = dict.fromkeys(range(LIVE_SHARDS), 0)
    for number in range(8000):
        counts[live_shard((number << 22) + 5)] += 1
    assert all(800 < count < 1200 for count in counts.values())
