"""Threads of direct posts as each of their owners has them. Runs over the fakes, and from tests/engine over the
engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace

import pytest

from messaging_service.direct_models import (
    POSTS_NAMED,
    DirectChange,
    DirectNotice,
    DirectPost,
    DirectThread,
    Marks,
    ThreadQuery,
)
from messaging_service.errors import DirectThreadNotFound, InvalidField
from messaging_service.repository.direct_threads import ROWS_READ, DirectThreadRepository
from messaging_service.service import direct_threads as module
from messaging_service.service.direct_threads import DirectThreads, DirectThreadWriter
from rookery_common.clock import SystemClock
from rookery_common.ids import MAX_ID, lowest_id_at
from rookery_common.live.hub import LiveHub, as_sent
from rookery_common.live.streams import LiveStreams
from rookery_common.testing import FakeClock

ALICE, BOB, CAROL = 101, 102, 103
HOUR = 3600.0


class Talk:
    """Direct posts of alice, bob and others, by the clock."""

    def __init__(self, writer: DirectThreadWriter, threads: DirectThreads, clock: FakeClock) -> None:
        self._writer = writer
        self._threads = threads
        self._clock = clock

    async def say(self, author_id: int, others: Iterable[int], thread_id: int = 0) -> DirectChange:
        """One more post, of a new thread unless one is named."""
        self._clock.advance(1)
        post_id = lowest_id_at(self._clock.unix_ms())
        people = tuple(sorted({author_id, *others}))
        post = DirectPost(post_id, thread_id or post_id, author_id, people)
        change = DirectChange(post, 1, is_shown=True, is_news=True, at_ms=self._clock.unix_ms())
        await self._writer.apply([change])
        return change

    async def take_away(self, change: DirectChange) -> None:
        await self._writer.apply([gone(change)])

    async def listed(self, owner_id: int, **bounds: int) -> list[int]:
        """The latest posts of the owner's threads."""
        query = ThreadQuery(**{"limit": 40, **bounds})
        return [thread.last_post_id for thread in await self._threads.page(owner_id, query)]

    async def thread(self, owner_id: int, change: DirectChange) -> DirectThread | None:
        found = await self._threads.get_many(owner_id, [change.post.thread_id])
        return found[0] if found else None


def gone(change: DirectChange) -> DirectChange:
    return replace(change, version=change.version + 1, is_shown=False, is_news=False)


@pytest.fixture
def talk(direct_writer: DirectThreadWriter, direct_threads: DirectThreads, clock: FakeClock) -> Talk:
    return Talk(direct_writer, direct_threads, clock)


async def test_each_of_those_in_a_thread_has_it_and_nobody_else(talk: Talk) -> None:
    first = await talk.say(ALICE, [BOB])
    answer = await talk.say(BOB, [ALICE], first.post.thread_id)
    for owner_id in (ALICE, BOB):
        thread = await talk.thread(owner_id, first)
        assert thread is not None
        assert thread.posts == (answer.post, first.post)
    assert await talk.thread(CAROL, first) is None
    assert await talk.listed(CAROL) == []


async def test_threads_come_by_their_latest_posts_whole_and_once(
    talk: Talk, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEP_ROWS", 3)
    threads = []
    for number in range(9):
        threads.append(await talk.say(ALICE, [BOB]))
        clock.advance(HOUR / 4 if number % 4 else HOUR)
    moved = await talk.say(BOB, [ALICE], threads[2].post.thread_id)
    await talk.say(ALICE, [CAROL])
    expected = [moved.post.post_id, *(each.post.post_id for each in reversed(threads) if each is not threads[2])]
    assert await talk.listed(BOB) == expected
    down: list[int] = []
    while page := await talk.listed(BOB, limit=2, max_id=down[-1] if down else 0):
        down += page
    assert down == expected
    up: list[int] = []
    while page := await talk.listed(BOB, limit=2, min_id=up[-1] if up else 1):
        up += page[::-1]
    assert up == expected[::-1]
    assert await talk.listed(BOB, limit=2, since_id=expected[4]) == expected[:2]
    assert await talk.listed(BOB, max_id=expected[1], min_id=expected[4]) == expected[2:4]


async def test_what_is_taken_away_gives_way_to_what_was_before(talk: Talk) -> None:
    first = await talk.say(ALICE, [BOB])
    more = [await talk.say(BOB, [ALICE], first.post.thread_id) for _ in range(ROWS_READ + 1)]
    assert await talk.listed(ALICE) == [more[-1].post.post_id]
    thread = await talk.thread(ALICE, first)
    assert thread is not None
    assert len(thread.posts) == POSTS_NAMED
    for change in more:
        await talk.take_away(change)
    assert await talk.listed(ALICE) == [first.post.post_id]
    await talk.take_away(first)
    assert await talk.listed(ALICE) == []
    assert await talk.thread(BOB, first) is None


async def test_events_that_come_again_and_in_any_order_change_nothing(
    talk: Talk, direct_writer: DirectThreadWriter
) -> None:
    kept = await talk.say(ALICE, [BOB])
    lost = await talk.say(BOB, [ALICE], kept.post.thread_id)
    changes = [gone(lost), lost, kept]
    await direct_writer.apply(changes)
    before = await talk.thread(ALICE, kept)
    await direct_writer.apply(changes)
    assert before is not None
    assert await talk.thread(ALICE, kept) == before
    assert before.posts == (kept.post,)


async def test_a_thread_is_unread_until_its_owner_reads_or_answers(talk: Talk, direct_threads: DirectThreads) -> None:
    async def unread() -> tuple[bool, bool]:
        found = [await talk.thread(owner_id, first) for owner_id in (ALICE, BOB)]
        return tuple(thread.unread for thread in found if thread is not None)  # type: ignore[return-value] # of two

    first = await talk.say(ALICE, [BOB])
    thread_id = first.post.thread_id
    assert await unread() == (False, True)
    assert not (await direct_threads.mark(BOB, thread_id, unread=False)).unread
    assert await unread() == (False, False)
    assert (await direct_threads.mark(ALICE, thread_id, unread=True)).unread
    assert await unread() == (True, False)
    await talk.say(ALICE, [BOB], thread_id)
    assert await unread() == (False, True)
    await talk.say(BOB, [ALICE], thread_id)
    assert await unread() == (True, False)


async def test_a_removed_thread_comes_back_with_its_next_post_alone(talk: Talk, direct_threads: DirectThreads) -> None:
    first = await talk.say(ALICE, [BOB])
    await direct_threads.remove(BOB, first.post.thread_id)
    assert await talk.listed(BOB) == []
    assert await talk.listed(ALICE) == [first.post.post_id]
    with pytest.raises(DirectThreadNotFound):
        await direct_threads.mark(BOB, first.post.thread_id, unread=False)
    again = await talk.say(ALICE, [BOB], first.post.thread_id)
    thread = await talk.thread(BOB, first)
    assert thread is not None
    assert (thread.posts, thread.unread) == ((again.post,), True)


async def test_what_nobody_has_can_be_neither_marked_nor_removed(direct_threads: DirectThreads) -> None:
    for number in (0, -1, 7, MAX_ID):
        with pytest.raises(DirectThreadNotFound):
            await direct_threads.remove(ALICE, number)


async def test_an_erased_account_has_no_threads_and_others_keep_theirs(
    talk: Talk, direct_threads: DirectThreads, direct_rows: DirectThreadRepository, clock: FakeClock
) -> None:
    threads = []
    for _ in range(3):
        threads.append((await talk.say(ALICE, [BOB])).post.post_id)
        clock.advance(HOUR)
    await direct_threads.mark(BOB, threads[0], unread=False)
    erased = 0
    while some := await direct_rows.erase(BOB):
        erased += some
    assert erased == len(threads)
    assert await talk.listed(BOB) == []
    assert await direct_threads.get_many(BOB, threads) == []
    assert await talk.listed(ALICE) == threads[::-1]
    assert await direct_rows.marks(BOB, threads[:1]) == [Marks()]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (ThreadQuery(0), "limit"),
        (ThreadQuery(41), "limit"),
        (ThreadQuery(20, max_id=-1), "max_id"),
        (ThreadQuery(20, min_id=MAX_ID + 1), "max_id"),
    ],
)
async def test_bounds_that_are_none_are_refused(direct_threads: DirectThreads, query: ThreadQuery, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        await direct_threads.page(ALICE, query)
    assert caught.value.fields[0].field == field


async def test_more_threads_than_a_page_has_are_not_asked_for_at_once(direct_threads: DirectThreads) -> None:
    with pytest.raises(InvalidField):
        await direct_threads.get_many(ALICE, range(1, 42))


@pytest.fixture
async def hub(direct_streams: LiveStreams[DirectNotice]) -> AsyncIterator[LiveHub[DirectNotice, DirectNotice]]:
    found = LiveHub(direct_streams, as_sent, SystemClock())
    await found.start()
    await found.ready()
    yield found
    await found.stop()


async def test_streams_are_told_of_new_posts_and_of_nothing_old(
    hub: LiveHub[DirectNotice, DirectNotice], talk: Talk, direct_writer: DirectThreadWriter
) -> None:
    listening = hub.open()
    listening.add([BOB])
    first = await talk.say(ALICE, [BOB])
    await direct_writer.apply([gone(first), replace(first, at_ms=first.at_ms - 2 * module.LIVE_MS)])
    last = await talk.say(ALICE, [BOB], first.post.thread_id)
    heard: list[int] = []
    async with asyncio.timeout(30):
        while last.post.post_id not in heard:
            heard += [news.item.post_id for news in await listening.take(1) if news.item is not None]
    assert heard == [first.post.post_id, last.post.post_id]
