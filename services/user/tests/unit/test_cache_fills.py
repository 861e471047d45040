"""What is not cached: read once for all who miss it at once, never from before a change, and what is not there too."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING

import pytest

from rookery_common.errors import Unavailable
from rookery_common.testing import FakeClock
from user_service import encodings
from user_service.cache import ABSENT_SECONDS, ENTRY_SECONDS, JITTER, EpochCache
from user_service.models import AccountView, Counts

if TYPE_CHECKING:
    from tests.conftest import FakeRedisClient

Cache = EpochCache[int, AccountView]
ALICE, BOB, NOBODY = 1, 2, 404


class Database:
    """Accounts by id, how often it was asked for which, and a gate before its answers."""

    def __init__(self) -> None:
        self.followers = {ALICE: 0, BOB: 0}
        self.asked: list[set[int]] = []
        self.open = asyncio.Event()
        self.failures: list[Exception] = []

    async def read(self, ids: Collection[int]) -> dict[int, AccountView]:
        self.asked.append(set(ids))
        found = {
            id_: AccountView(id_, 1, Counts(self.followers[id_]), b"profile") for id_ in ids if id_ in self.followers
        }
        await self.open.wait()
        if self.failures:
            raise self.failures.pop()
        return found


@pytest.fixture
def cache(redis: FakeRedisClient, clock: FakeClock) -> Cache:
    return EpochCache(redis, encodings.VIEWS, clock)


@pytest.fixture
def database() -> Database:
    return Database()


async def _ask(cache: Cache, database: Database, *ids: int) -> dict[int, int]:
    """Followers by account."""
    lookup = await cache.get(ids)
    found = lookup.hits | await cache.fill(lookup, ids, database.read)
    return {id_: view.counts.followers for id_, view in found.items()}


async def test_many_who_miss_the_same_read_it_once(cache: Cache, database: Database) -> None:
    await cache.raise_epochs([ALICE, BOB])
    asking = [asyncio.create_task(_ask(cache, database, *ids)) for ids in ((ALICE,), (ALICE, BOB), (BOB,), (ALICE,))]
    await asyncio.sleep(0.01)
    assert database.asked == [{ALICE}, {BOB}]
    database.open.set()
    assert await asyncio.gather(*asking) == [{ALICE: 0}, {ALICE: 0, BOB: 0}, {BOB: 0}, {ALICE: 0}]
    assert await _ask(cache, database, ALICE, BOB) == {ALICE: 0, BOB: 0}
    assert len(database.asked) == 2


async def test_nobody_who_asks_after_a_change_waits_for_what_was_read_before_it(
    cache: Cache, database: Database
) -> None:
    await cache.raise_epochs([ALICE])
    before = asyncio.create_task(_ask(cache, database, ALICE))
    await asyncio.sleep(0.01)
    database.followers[ALICE] = 1
    await cache.raise_epochs([ALICE])
    after = asyncio.create_task(_ask(cache, database, ALICE))
    await asyncio.sleep(0.01)
    assert database.asked == [{ALICE}, {ALICE}]
    database.open.set()
    assert await before == {ALICE: 0}
    assert await after == {ALICE: 1}
    assert await _ask(cache, database, ALICE) == {ALICE: 1}


async def test_without_an_epoch_everybody_reads(cache: Cache, database: Database) -> None:
    asking = [asyncio.create_task(_ask(cache, database, ALICE)) for _ in range(3)]
    await asyncio.sleep(0.01)
    database.open.set()
    assert await asyncio.gather(*asking) == [{ALICE: 0}] * 3
    assert database.asked == [{ALICE}] * 3


async def test_what_fails_for_who_came_first_is_tried_by_the_others(cache: Cache, database: Database) -> None:
    await cache.raise_epochs([ALICE])
    database.failures.append(Unavailable("away"))
    asking = [asyncio.create_task(_ask(cache, database, ALICE)) for _ in range(2)]
    await asyncio.sleep(0.01)
    database.open.set()
    first, second = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(first, Unavailable)
    assert second == {ALICE: 0}


async def test_who_came_first_and_gives_up_leaves_it_to_the_others(cache: Cache, database: Database) -> None:
    await cache.raise_epochs([ALICE])
    first, second = (asyncio.create_task(_ask(cache, database, ALICE)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    database.open.set()
    assert await second == {ALICE: 0}


async def test_what_is_not_there_is_asked_for_once_until_it_is_there(
    cache: Cache, database: Database, redis: FakeRedisClient
) -> None:
    database.open.set()
    for _ in range(3):  # the first makes the epoch
        assert await _ask(cache, database, NOBODY) == {}
    assert len(database.asked) == 2
    assert (await cache.get([NOBODY])).absent == {NOBODY}
    database.followers[NOBODY] = 7
    await cache.raise_epochs([NOBODY])
    assert await _ask(cache, database, NOBODY) == {NOBODY: 7}


async def test_entries_that_are_made_together_do_not_end_together(
    cache: Cache, database: Database, redis: FakeRedisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds: list[int] = []
    send = redis.send

    async def note(name: str, commands: list[tuple[object, ...]]) -> list[object]:
        seconds.extend(int(str(command[4])) for command in commands if ":epoch:" not in str(command[1]))
        return await send(name, commands)

    ids = range(1, 101)
    database.followers = dict.fromkeys(ids[:50], 0)
    database.open.set()
    await cache.raise_epochs(ids)
    monkeypatch.setattr(redis, "send", note)
    await _ask(cache, database, *ids)
    there, absent = [each for each in seconds if each > 2 * ABSENT_SECONDS], [s for s in seconds if s < 60]
    for found, middle in ((there, ENTRY_SECONDS), (absent, ABSENT_SECONDS)):
        assert len(found) == 50
        assert len(set(found)) > 3
        assert all(middle * (1 - JITTER) - 1 <= each <= middle * (1 + JITTER) + 1 for each in found)
