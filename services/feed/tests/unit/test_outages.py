"""Engines that are away: homes are answered from what is left, fan-out is done again, streams tell of a gap."""

from __future__ import annotations

from typing import Any

import pytest

from feed_service.models import Change, Entry, HomePage, HomeQuery, LiveKind, PageQuery, PostChange, Reason
from feed_service.repository.timelines import TimelineRepository
from feed_service.service.fan_out import FanOut
from feed_service.service.follows import FollowKeeper
from feed_service.service.home import HomeReader
from feed_service.service.tagged import TaggedHomes
from rookery_common.clients.cassandra import CqlUnavailable
from rookery_common.errors import Unavailable
from rookery_common.live.streams import live_shard
from rookery_common.testing import FakeClock

ALICE, BOB = 101, 102


def _post(entry: Entry) -> PostChange:
    return PostChange(Change.VISIBLE, entry.entry_id, entry.author_id)


async def test_a_home_is_complete_while_redis_is_away(
    home: HomeReader, fan_out: FanOut, people: Any, entries: Any, store: Any
) -> None:
    await people.follows(BOB, ALICE)
    made = entries.many(30)
    await fan_out.apply([_post(post) for post in made])
    store.away.add("cache")
    assert await home.pages([(BOB, PageQuery(20))]) == [HomePage(made[:-21:-1], True)]
    upwards = await home.pages([(BOB, PageQuery(20, min_id=made[0].entry_id))])
    assert upwards == [HomePage(made[1:21][::-1], True)]


async def test_a_home_that_needs_nothing_of_cql_is_answered_while_cql_is_away(
    home: HomeReader, people: Any, store: Any
) -> None:
    await home.pages([(BOB, PageQuery(20))])
    store.away.add("cql")
    assert await home.pages([(BOB, PageQuery(20))]) == [HomePage([], False)]
    (other,) = await home.pages([(ALICE, PageQuery(20))])
    assert isinstance(other, Unavailable)


async def test_a_home_is_answered_while_its_hashtags_cannot_be_read(
    tagged: TaggedHomes, fan_out: FanOut, people: Any, entries: Any, store: Any
) -> None:
    await people.follows(BOB, ALICE)
    post = entries.make()
    await fan_out.apply([_post(post)])
    asked = [HomeQuery(BOB, PageQuery(20), frozenset({"cats"}))]
    expected = [HomePage([post], False)]
    assert await tagged.pages([HomeQuery(BOB, PageQuery(20))]) == expected
    store.away.add("cql")
    assert await tagged.pages(asked) == expected


async def test_one_call_reads_all_windows(home: HomeReader, store: Any) -> None:
    asked = [(reader_id, PageQuery(20)) for reader_id in range(64)]
    await home.pages(asked)
    store.reads.clear()
    await home.pages(asked)
    assert store.reads == ["windows_read"]


@pytest.mark.parametrize("engine", ["cql", "cache"])
async def test_a_fan_out_that_fails_half_way_is_whole_after_it_is_done_again(
    home: HomeReader, fan_out: FanOut, people: Any, entries: Any, store: Any, engine: str
) -> None:
    await people.follows(BOB, ALICE)
    await home.pages([(BOB, PageQuery(20))])
    post = entries.make()
    store.away.add(engine)
    with pytest.raises(Unavailable):
        await fan_out.apply([_post(post)])
    store.away.clear()
    await fan_out.apply([_post(post)])
    (page,) = await home.pages([(BOB, PageQuery(20))])
    assert page == HomePage([Entry(post.entry_id, ALICE, Reason.FOLLOWED_AUTHOR)], False)


async def test_timelines_fill_while_the_streams_are_away_and_a_gap_is_told_afterwards(
    home: HomeReader, fan_out: FanOut, people: Any, entries: Any, store: Any, streams: Any
) -> None:
    await people.follows(BOB, ALICE)
    first, second = entries.make(), entries.make()
    before = await streams.end(live_shard(BOB))
    store.away.add("state")
    await fan_out.apply([_post(first)])
    store.away.clear()
    await fan_out.apply([_post(second)])
    (page,) = await home.pages([(BOB, PageQuery(20))])
    assert isinstance(page, HomePage)
    assert len(page.entries) == 2
    heard = await streams.read({live_shard(BOB): before})
    bobs = [message for message in heard if BOB in message.account_ids]
    assert [message.item.kind for message in bobs] == [LiveKind.UPDATE]
    assert bobs[0].position.sequence > before.sequence + 1


async def test_a_follow_waits_for_post_and_is_whole_after_it_is_done_again(
    home: HomeReader, keeper: FollowKeeper, people: Any, posts: Any, entries: Any
) -> None:
    follow, post = people.follow(BOB, ALICE), entries.make()
    posts.by_author[ALICE], posts.away = [post], True
    with pytest.raises(Unavailable):
        await keeper.apply([follow], [follow])
    posts.away = False
    await keeper.apply([follow], [follow])
    assert await home.pages([(BOB, PageQuery(20))]) == [HomePage([post], False)]


class _FullCql:
    """Takes nothing."""

    async def execute(self, *_: object) -> list[object]:
        return []

    async def execute_conditional(self, *_: object) -> tuple[bool, None]:
        return True, None

    async def batch(self, *_: object, **__: object) -> None:
        raise CqlUnavailable("too many statements are under way")


async def test_of_many_writes_that_fail_together_it_is_said_that_the_store_is_away(
    entries: Any, clock: FakeClock
) -> None:
    timelines = TimelineRepository(_FullCql(), clock, 8)  # type: ignore[arg-type] # no other part of it is needed
    with pytest.raises(Unavailable):
        await timelines.add([(reader_id, entry) for entry in entries.many(3) for reader_id in range(100)])
