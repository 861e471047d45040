"""The feed of revocations: in order, without gaps, never silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from auth_service.errors import RevocationsForgotten
from auth_service.service.revocations import LOOK_SECONDS, Revocations
from rookery_common.errors import Unavailable


@pytest.fixture(autouse=True)
async def listens(world: Any) -> AsyncIterator[None]:
    await world.auth.revocations.start()
    yield
    await world.auth.revocations.stop()


async def ended(world: Any, count: int) -> list[int]:
    """That many revoked sessions, in order."""
    sessions = []
    for _ in range(count):
        session = world.auth.sessions.new(world.app, 0, ("read",)).session
        await world.repository.add_session(session)
        await world.auth.sessions.revoke(session, cause="test")
        sessions.append(session.session_id)
    return sessions


async def beat(world: Any, feed: Any) -> Any:
    """The next message; time passes while the feed sleeps."""
    task = asyncio.ensure_future(anext(feed))
    while not task.done():
        await asyncio.sleep(0.001)
        world.clock.advance(LOOK_SECONDS)
    return task.result()


async def test_zero_begins_with_the_last_ten_minutes(world: Any) -> None:
    await ended(world, 2)
    world.clock.advance(601)
    recent = await ended(world, 3)
    found, sequence = await anext(world.auth.revocations.watch(0))
    assert [revocation.session_id for revocation in found] == recent
    assert [revocation.sequence for revocation in found] == [3, 4, 5]
    assert sequence == 5


async def test_a_fresh_feed_answers_at_once_that_nothing_was_revoked(world: Any) -> None:
    assert await anext(world.auth.revocations.watch(0)) == ([], 0)


async def test_revocations_follow_as_they_happen_with_heartbeats_between(world: Any) -> None:
    feed = world.auth.revocations.watch(0)
    assert (await beat(world, feed))[1] == 0
    (session,) = await ended(world, 1)
    found, sequence = await beat(world, feed)
    assert ([revocation.session_id for revocation in found], sequence) == ([session], 1)
    assert await beat(world, feed) == ([], 1)
    await feed.aclose()


async def test_a_heartbeat_comes_at_least_every_300_milliseconds() -> None:
    assert LOOK_SECONDS <= 0.25


async def test_a_watch_goes_on_where_another_stopped(world: Any) -> None:
    await ended(world, 4)
    found, _ = await anext(world.auth.revocations.watch(2))
    assert [revocation.sequence for revocation in found] == [3, 4]
    assert await anext(world.auth.revocations.watch(4)) == ([], 4)


async def test_a_sequence_that_can_not_be_continued_is_refused(world: Any) -> None:
    await ended(world, 2)
    for since in (3, 10**12, -1):
        with pytest.raises(RevocationsForgotten):
            await anext(world.auth.revocations.watch(since))
    world.clock.advance(100)
    await ended(world, 1)
    await world.repository.purge("revocations", world.clock.now())
    with pytest.raises(RevocationsForgotten):
        await anext(world.auth.revocations.watch(1))
    assert (await anext(world.auth.revocations.watch(2)))[1] == 3


async def test_revocations_made_at_once_all_get_through_in_order(world: Any) -> None:
    feed = world.auth.revocations.watch(0)
    seen: list[int] = []
    await beat(world, feed)
    many = [asyncio.create_task(ended(world, 3)) for _ in range(5)]
    while len(seen) < 15:
        seen += [revocation.sequence for revocation in (await beat(world, feed))[0]]
    await asyncio.gather(*many)
    await feed.aclose()
    assert seen == list(range(1, 16))


async def test_while_the_database_is_away_it_is_asked_less_and_less_and_at_once_when_it_was_there(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    away, hear = True, world.repository.hear_revocations
    enough = asyncio.Event()

    async def sleep(seconds: float) -> None:
        nonlocal away
        if seconds == LOOK_SECONDS:  # it hears
            raise Unavailable("cut")
        waits.append(seconds)
        away = len(waits) < 6
        if len(waits) == 8:
            enough.set()
        await asyncio.sleep(0)

    @asynccontextmanager
    async def hear_revocations() -> AsyncIterator[Any]:
        if away:
            raise Unavailable("away")
        async with hear() as heard:
            yield heard

    monkeypatch.setattr(world.repository, "hear_revocations", hear_revocations)
    monkeypatch.setattr(world.clock, "sleep", sleep)
    monkeypatch.setattr(Revocations, "_wait", lambda self, _heard: self._clock.sleep(LOOK_SECONDS))
    feed = Revocations(world.repository, world.clock)
    await feed.start()
    async with asyncio.timeout(10):
        await enough.wait()
    await feed.stop()
    assert waits[:8] == [0.4, 0.8, 1.6, 2.0, 2.0, 2.0, 0.2, 0.2]
