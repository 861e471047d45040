"""Changes that are committed together: few transactions for many, and nobody suffers from another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from rookery_common.errors import AppError
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.rpc.deadline import deadline
from rookery_common.testing.events import FakeProducer
from user_service.errors import AccountNotFound, FollowNotAllowed
from user_service.relationships.models import FollowSettings

if TYPE_CHECKING:
    from tests.conftest import World

NOTHING = FollowSettings()
UNKNOWN = 404


async def _people(world: World, count: int) -> list[int]:
    return [await world.sign_up(f"user{number}") for number in range(count)]


async def test_many_at_once_are_a_few_transactions_and_each_is_told_of(
    real_world: World, outbox: PostgresOutbox, producer: FakeProducer, sent: Callable[[str], float]
) -> None:
    star, *fans = await _people(real_world, 41)
    before = sent("commit")
    answers = await asyncio.gather(*(real_world.relationships.follow(fan, star, NOTHING) for fan in fans))
    assert all(answer.following for answer in answers)
    assert sent("commit") - before <= 8
    found = await real_world.relationships.between([(fan, star) for fan in fans])
    assert all(relationship.following for relationship in found.values())
    assert (await real_world.counts(star)).followers == len(fans)
    assert [(await real_world.counts(fan)).following for fan in fans] == [1] * len(fans)
    await outbox.drain()
    told = [event.key for event in producer.sent if ":" in event.key]
    assert sorted(told) == sorted(f"{fan}:{star}" for fan in fans)


async def test_what_is_refused_among_others_is_refused_alone(real_world: World) -> None:
    star, blocked, *fans = await _people(real_world, 6)
    await real_world.relationships.block(star, blocked)
    follow = real_world.relationships.follow
    everybody = (fans[0], blocked, UNKNOWN, *fans[1:])
    answers = await asyncio.gather(*(follow(one, star, NOTHING) for one in everybody), return_exceptions=True)
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [FollowNotAllowed, AccountNotFound]
    assert (await real_world.counts(star)).followers == len(fans)


async def test_two_that_somebody_keeps_busy_hold_up_nobody_else(real_world: World, other_world: World) -> None:
    star, kept, *fans = await _people(real_world, 10)

    async def follow(fan: int) -> None:
        assert (await real_world.relationships.follow(fan, star, NOTHING)).following

    async def insist() -> None:
        with deadline(1.5), pytest.raises(AppError):
            await follow(kept)

    async with other_world.ties.transaction([(star, kept)]):
        start = time.monotonic()
        held_up = asyncio.create_task(insist())
        await asyncio.gather(*map(follow, fans))
        assert time.monotonic() - start < 1.0
        assert not held_up.done()
        await held_up
    assert (await real_world.counts(star)).followers == len(fans)
    await follow(kept)
    assert (await real_world.counts(star)).followers == len(fans) + 1
