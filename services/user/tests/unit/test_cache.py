"""What the cache may answer, and what it must not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from rookery_common.testing import FakeClock
from user_service import encodings
from user_service.cache import REPLICA_LAG_MS, EpochCache
from user_service.models import AccountView, Counts
from user_service.relationships.models import Relationship

if TYPE_CHECKING:
    from tests.conftest import FakeRedisClient

Pair = tuple[int, int]
PAIR = (1, 2)
OLD, NEW = Relationship(2), Relationship(2, following=True, languages=("en", "pt"), notifying=True)


@pytest.fixture
def cache(redis: FakeRedisClient, clock: FakeClock) -> EpochCache[Pair, Relationship]:
    return EpochCache(redis, encodings.RELATIONSHIPS, clock)


async def _fill(cache: EpochCache[Pair, Relationship], value: Relationship) -> None:
    for _ in range(2):  # the first makes the epochs
        await cache.put(await cache.get([PAIR]), {PAIR: value})


async def test_an_entry_is_what_was_put(cache: EpochCache[Pair, Relationship]) -> None:
    await _fill(cache, NEW)
    assert (await cache.get([PAIR, (1, 3)])).hits == {PAIR: NEW}


@pytest.mark.parametrize("changed", [1, 2])
async def test_a_change_of_either_account_ends_an_entry(cache: EpochCache[Pair, Relationship], changed: int) -> None:
    await _fill(cache, OLD)
    await cache.raise_epochs([changed])
    assert (await cache.get([PAIR])).hits == {}
    await cache.put(await cache.get([PAIR]), {PAIR: NEW})
    assert (await cache.get([PAIR])).hits == {PAIR: NEW}


async def test_what_was_read_before_a_change_is_never_answered_after_it(cache: EpochCache[Pair, Relationship]) -> None:
    await _fill(cache, OLD)
    await cache.raise_epochs([1])
    before = await cache.get([PAIR])  # a reader asks, reads the old state from the database, is held up,
    await cache.raise_epochs([1])  # a writer commits and raises the epoch,
    await cache.put(before, {PAIR: OLD})  # and the reader puts what it read
    assert (await cache.get([PAIR])).hits == {}


async def test_a_reader_that_found_no_epoch_puts_no_entry(
    cache: EpochCache[Pair, Relationship], redis: FakeRedisClient
) -> None:
    before = await cache.get([PAIR])
    await cache.raise_epochs([1, 2])
    await cache.put(before, {PAIR: OLD})
    assert (await cache.get([PAIR])).hits == {}
    assert cache.changed_lately(await cache.get([PAIR]), PAIR)  # the raised epochs were left alone


async def test_forgotten_epochs_end_their_entries(
    cache: EpochCache[Pair, Relationship], redis: FakeRedisClient
) -> None:
    await _fill(cache, OLD)
    for key in [key for key in redis.server.values if ":epoch:" in key]:
        del redis.server.values[key]
    assert (await cache.get([PAIR])).hits == {}
    await cache.put(await cache.get([PAIR]), {})
    assert (await cache.get([PAIR])).hits == {}


async def test_a_change_that_redis_was_not_told_of_is_told_when_it_is_back(
    cache: EpochCache[Pair, Relationship], redis: FakeRedisClient, clock: FakeClock
) -> None:
    await _fill(cache, OLD)
    redis.server.away = True
    await cache.raise_epochs([1])
    assert (await cache.get([PAIR])).available is False
    redis.server.away = False
    assert (await cache.get([PAIR])).hits == {}  # not told yet, and this process knows it
    await _pay(clock)
    other = EpochCache(redis, encodings.RELATIONSHIPS, clock)
    assert (await other.get([PAIR])).hits == {}
    await _fill(cache, NEW)
    assert (await other.get([PAIR])).hits == {PAIR: NEW}


async def test_paying_goes_on_until_redis_answers(
    cache: EpochCache[Pair, Relationship], redis: FakeRedisClient, clock: FakeClock
) -> None:
    await _fill(cache, OLD)
    redis.server.away = True
    await cache.raise_epochs([1])
    await _pay(clock)
    await cache.raise_epochs([2])
    redis.server.away = False
    await _pay(clock)
    await _fill(cache, NEW)
    assert (await cache.get([PAIR])).hits == {PAIR: NEW}
    await cache.stop()


async def _pay(clock: FakeClock) -> None:
    for _ in range(6):
        await asyncio.sleep(0)
    clock.advance(10)
    for _ in range(100):
        await asyncio.sleep(0)


NOTED = Relationship(2, True, languages=("en", "pt"), endorsed=True, note="Sings; 🐦")


async def test_what_changed_lately_is_to_be_read_from_the_primary(
    cache: EpochCache[Pair, Relationship], clock: FakeClock
) -> None:
    assert cache.changed_lately(await cache.get([PAIR]), PAIR)
    # What is not known may have changed just now, and so may what Redis has forgotten.
    for change in (_fill(cache, OLD), cache.raise_epochs([2])):
        await change
        assert cache.changed_lately(await cache.get([PAIR]), PAIR)
        clock.advance(REPLICA_LAG_MS / 1000 + 1)
        assert not cache.changed_lately(await cache.get([PAIR]), PAIR)


@pytest.mark.parametrize("with_time", [True, False])
def test_a_view_survives_its_encoding(clock: FakeClock, with_time: bool) -> None:
    counts = Counts(3, 0, 7, clock.now() if with_time else None)
    view = AccountView(1, 2, counts, b"\x00profile")
    assert encodings.VIEWS.decode(1, encodings.VIEWS.encode(view)) == view


@pytest.mark.parametrize("value", [OLD, NEW, Relationship(2, True, True, False, (), True), NOTED])
def test_a_relationship_survives_its_encoding(value: Relationship) -> None:
    kind = encodings.RELATIONSHIPS
    assert kind.decode(PAIR, kind.encode(value)) == value
