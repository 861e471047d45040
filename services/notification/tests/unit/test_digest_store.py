"""Where digests stand, over the fake and over the engine."""

from __future__ import annotations

from dataclasses import replace

from notification_service.digest_models import Frequency
from notification_service.repository.digests import SHARDS, DigestRepository

ALICE = 101


async def test_one_process_goes_through_a_shard_at_a_time(digests: DigestRepository) -> None:
    for shard in range(SHARDS):
        assert await digests.lease(shard, "one", held=False)
        assert not await digests.lease(shard, "two", held=False)
        assert await digests.lease(shard, "one", held=True)
        await digests.release(shard, "one")
        assert await digests.lease(shard, "two", held=False)


async def test_a_slot_is_gone_through_in_pages_and_forgotten(digests: DigestRepository) -> None:
    for recipient_id in range(1, 30):
        await digests.put(recipient_id, Frequency.DAILY, 7)
    found: list[int] = []
    for shard in range(SHARDS):
        after = 0
        while page := await digests.due(shard, 7, after, 4):
            found += page
            after = page[-1]
        assert await digests.reached(shard) is None
        await digests.reach(shard, 8)
        assert await digests.reached(shard) == 8
        assert await digests.due(shard, 7, 0, 4) == []
    assert sorted(found) == list(range(1, 30))


async def test_a_digest_is_kept_as_it_was_chosen_and_where_it_stands(digests: DigestRepository) -> None:
    assert await digests.get(ALICE) is None
    await digests.put(ALICE, Frequency.WEEKLY, 7)
    await digests.advance(ALICE, 9, 77)
    held = await digests.get(ALICE)
    assert held is not None
    assert (held.frequency, held.slot, held.told_up_to) == (Frequency.WEEKLY, 9, 77)
    await digests.put(ALICE, Frequency.OFF, 0)
    assert await digests.get(ALICE) == replace(held, frequency=Frequency.OFF, slot=0)
