"""Fan-out and follows. Runs over the fakes, and as a link in tests/engine over the engines."""

from __future__ import annotations

import random
from collections.abc import Collection
from typing import Any

import pytest

from feed_service.models import Change, Entry, HomePage, LiveKind, LiveUpdate, PageQuery, PostChange, Reason
from feed_service.repository.timelines import TimelineRepository
from feed_service.service.activity import Activity
from feed_service.service.fan_out import FanOut
from feed_service.service.follows import FollowKeeper
from feed_service.service.home import HomeReader
from rookery_common.ids import MAX_ID
from rookery_common.live.streams import LIVE_SHARDS, LiveStreams, Message

ALICE, BOB, CAROL, DAN = 101, 102, 103, 104


def _post(entry: Entry, change: Change = Change.VISIBLE, **more: Any) -> PostChange:
    return PostChange(change, entry.entry_id, entry.author_id, **more)


async def _home(home: HomeReader, reader_id: int) -> list[tuple[int, Reason]]:
    (page,) = await home.pages([(reader_id, PageQuery(80))])
    assert isinstance(page, HomePage)
    return [(entry.entry_id, entry.reason) for entry in page.entries]


class Listener:
    """What streams have told since it began."""

    def __init__(self, streams: LiveStreams[LiveUpdate]) -> None:
        self._streams = streams

    async def begin(self) -> None:
        self._positions = {shard: await self._streams.end(shard) for shard in range(LIVE_SHARDS)}

    async def heard(self) -> list[Message[LiveUpdate]]:
        found = []
        for group in self._streams.groups:
            found += await self._streams.read({shard: self._positions[shard] for shard in group})
        self._positions.update({message.shard: message.position for message in found})
        return found


@pytest.fixture
async def listener(streams: LiveStreams[LiveUpdate]) -> Listener:
    found = Listener(streams)
    await found.begin()
    return found


@pytest.mark.parametrize("warm", [True, False])
async def test_a_post_is_in_the_homes_of_its_author_and_of_every_follower_and_nobody_else(
    fan_out: FanOut, home: HomeReader, people: Any, entries: Any, warm: bool
) -> None:
    await people.follows(BOB, ALICE)
    await people.follows(CAROL, ALICE)
    post = entries.make()
    if warm:
        for reader_id in (ALICE, BOB, CAROL, DAN):
            assert await _home(home, reader_id) == []
    await fan_out.apply([_post(post)])
    assert await _home(home, ALICE) == [(post.entry_id, Reason.OWN_POST)]
    assert await _home(home, BOB) == await _home(home, CAROL) == [(post.entry_id, Reason.FOLLOWED_AUTHOR)]
    assert await _home(home, DAN) == []


async def test_the_same_events_again_change_nothing(
    fan_out: FanOut, home: HomeReader, people: Any, entries: Any, windows: Any
) -> None:
    await people.follows(BOB, ALICE)
    made = entries.many(5)
    for _ in range(3):
        await fan_out.apply([_post(post) for post in made])
        assert [entry_id for entry_id, _ in await _home(home, BOB)] == [post.entry_id for post in made[::-1]]
    await windows.forget_everything()
    assert len(await _home(home, BOB)) == 5


async def test_a_poll_of_posts_of_many_authors_goes_to_all_their_followers(
    fan_out: FanOut, home: HomeReader, people: Any, entries: Any
) -> None:
    authors, readers = range(300, 320), range(400, 430)
    choose = random.Random(7)
    follows = {reader_id: choose.sample(authors, 6) for reader_id in readers}
    for reader_id, chosen in follows.items():
        await people.follows(reader_id, *chosen)
    made = [entries.make(author_id) for author_id in authors for _ in range(2)]
    await fan_out.apply([_post(post) for post in made])
    for reader_id, chosen in follows.items():
        expected = [post.entry_id for post in reversed(made) if post.author_id in chosen]
        assert [entry_id for entry_id, _ in await _home(home, reader_id)] == expected


async def test_a_direct_post_reaches_only_those_mentioned_who_follow_its_author(
    fan_out: FanOut, home: HomeReader, people: Any, entries: Any, listener: Listener
) -> None:
    await people.follows(BOB, ALICE)
    await people.follows(CAROL, ALICE)
    post = entries.make()
    await fan_out.apply([_post(post, only_to=frozenset({BOB, DAN, ALICE}))])
    assert [bool(await _home(home, reader_id)) for reader_id in (ALICE, BOB, CAROL, DAN)] == [True, True, False, False]
    assert {r for news in await listener.heard() for r in news.account_ids} == {ALICE, BOB}


async def test_a_held_post_is_its_authors_alone_until_it_becomes_visible(
    fan_out: FanOut, home: HomeReader, people: Any, entries: Any, listener: Listener
) -> None:
    await people.follows(BOB, ALICE)
    post = entries.make()
    await fan_out.apply([_post(post, Change.HELD)])
    assert await _home(home, ALICE) == [(post.entry_id, Reason.OWN_POST)]
    assert await _home(home, BOB) == []
    assert await listener.heard() == []
    await fan_out.apply([_post(post)])
    assert await _home(home, BOB) == [(post.entry_id, Reason.FOLLOWED_AUTHOR)]


async def test_reblogs_go_to_those_who_want_them(
    fan_out: FanOut, home: HomeReader, people: Any, entries: Any, listener: Listener
) -> None:
    await people.follows(BOB, ALICE)
    await people.follows(CAROL, ALICE, reblogs=False)
    reblog = entries.make()
    await fan_out.apply([_post(reblog, is_reblog=True)])
    assert await _home(home, BOB) == [(reblog.entry_id, Reason.REBLOG)]
    assert await _home(home, CAROL) == []
    assert {r for news in await listener.heard() for r in news.account_ids} == {ALICE, BOB}


async def test_who_was_away_for_long_is_delivered_nothing_but_told_where_listening(
    fan_out: FanOut, activity: Activity, timelines: TimelineRepository, people: Any, entries: Any, listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    async def asleep(reader_ids: Collection[int]) -> set[int]:
        assert set(reader_ids) == {BOB}, "authors are delivered their own posts"
        return {BOB}

    monkeypatch.setattr(activity, "asleep", asleep)
    await people.follows(BOB, ALICE)
    post = entries.make()
    await fan_out.apply([_post(post)])
    assert [bool(await timelines.older(each, MAX_ID, 0, 9)) for each in (ALICE, BOB)] == [True, False]
    assert {r for news in await listener.heard() for r in news.account_ids} == {ALICE, BOB}


async def test_streams_are_told_of_posts_edits_and_ends(
    fan_out: FanOut, people: Any, entries: Any, listener: Listener
) -> None:
    await people.follows(BOB, ALICE)
    post = entries.make()
    changes = [_post(post), _post(post, Change.EDITED), _post(post, Change.GONE)]
    await fan_out.apply(changes)
    bobs = [news.item for news in await listener.heard() if BOB in news.account_ids]
    assert [update.kind for update in bobs] == [LiveKind.UPDATE, LiveKind.STATUS_UPDATE, LiveKind.DELETE]
    assert {(update.entry_id, update.author_id) for update in bobs} == {(post.entry_id, ALICE)}


async def test_a_post_that_is_held_after_it_was_seen_goes_from_all_streams_but_its_author_s(
    fan_out: FanOut, people: Any, entries: Any, listener: Listener
) -> None:
    await people.follows(BOB, ALICE)
    post = entries.make()
    await fan_out.apply([_post(post, Change.HIDDEN)])
    assert [(news.item.kind, list(news.account_ids)) for news in await listener.heard()] == [(LiveKind.DELETE, [BOB])]


async def test_an_edit_or_an_end_puts_nothing_into_timelines(
    fan_out: FanOut, home: HomeReader, people: Any, entries: Any
) -> None:
    await people.follows(BOB, ALICE)
    await fan_out.apply([_post(entries.make(), Change.EDITED), _post(entries.make(), Change.GONE)])
    assert await _home(home, BOB) == await _home(home, ALICE) == []


async def test_an_own_post_is_there_at_once_and_once_only_when_its_event_comes(
    fan_out: FanOut, home: HomeReader, entries: Any
) -> None:
    post = entries.make()
    await _home(home, ALICE)
    await fan_out.deliver_to(ALICE, [Entry(post.entry_id, ALICE, Reason.OWN_POST)])
    assert await _home(home, ALICE) == [(post.entry_id, Reason.OWN_POST)]
    await fan_out.apply([_post(post)])
    assert await _home(home, ALICE) == [(post.entry_id, Reason.OWN_POST)]


@pytest.mark.parametrize("order", ["follow first", "post first", "post between"])
@pytest.mark.parametrize("warm", [True, False])
async def test_follow_then_post_gives_one_entry_in_whatever_order_the_two_are_told_of(
    fan_out: FanOut,
    keeper: FollowKeeper,
    home: HomeReader,
    people: Any,
    posts: Any,
    entries: Any,
    order: str,
    warm: bool,
) -> None:
    if warm:
        await _home(home, BOB)
    before, post = entries.make(), entries.make()
    follow = people.follow(BOB, ALICE)
    posts.by_author[ALICE] = [before] if order == "follow first" else [before, post]
    if order == "post first":
        await fan_out.apply([_post(post)])
    await keeper.apply([follow], [follow])
    if order != "post first":
        await fan_out.apply([_post(post)])
    await keeper.apply([follow], [follow])
    assert [entry_id for entry_id, _ in await _home(home, BOB)] == [post.entry_id, before.entry_id]


async def test_an_ended_follow_is_out_of_the_home_with_the_next_read_and_back_with_the_next_follow(
    fan_out: FanOut, keeper: FollowKeeper, home: HomeReader, people: Any, entries: Any
) -> None:
    new = people.follow(BOB, ALICE)
    await keeper.apply([new], [new])
    post, late = entries.make(), entries.make()
    await fan_out.apply([_post(post)])
    assert len(await _home(home, BOB)) == 1
    await keeper.apply([people.follow(BOB, ALICE, active=False)], [])
    assert await _home(home, BOB) == []
    await fan_out.apply([_post(late)])
    new = people.follow(BOB, ALICE)
    await keeper.apply([new], [new])
    assert [entry_id for entry_id, _ in await _home(home, BOB)] == [post.entry_id]


async def test_reblogs_go_with_the_setting_of_the_follow(
    fan_out: FanOut, keeper: FollowKeeper, home: HomeReader, people: Any, entries: Any
) -> None:
    new = people.follow(BOB, ALICE)
    await keeper.apply([new], [new])
    await fan_out.apply([_post(entries.make(), is_reblog=True)])
    assert len(await _home(home, BOB)) == 1
    await keeper.apply([people.follow(BOB, ALICE, reblogs=False)], [])
    assert await _home(home, BOB) == []
