"""What feed keeps of a deleted account is erased. Over the fakes, and as a link in tests/engine over the engines."""

from __future__ import annotations

from typing import Any

from feed_service.models import Entry, Following, Mark, MarkChange, MarkKind, PageQuery, ReaderState
from feed_service.repository.follows import FollowerCursor, FollowRepository
from feed_service.repository.marks import MarkRepository
from feed_service.repository.readers import ReaderRepository
from feed_service.repository.seen import SeenRepository
from feed_service.repository.timelines import TimelineRepository
from feed_service.repository.windows import Missing, WindowPage, WindowQuery, WindowRepository
from rookery_common.erasure import Eraser
from rookery_common.ids import MAX_ID
from rookery_common.testing import FakeClock

ALICE, BOB, CAROL = 101, 102, 103


async def _followers(follows: FollowRepository, author_id: int) -> set[int]:
    cursor, found = FollowerCursor(author_id), set[int]()
    while not cursor.done:
        found |= {follower.reader_id for follower in await follows.next_followers(cursor, 100)}
    return found


async def _fill(windows: WindowRepository, reader_id: int, entries: list[Entry]) -> None:
    token = await windows.begin_following(reader_id)
    assert await windows.finish_following(reader_id, token, Following(frozenset({CAROL})))
    token = await windows.begin_fill(reader_id)
    assert await windows.finish_fill(reader_id, token, entries, 0)


async def test_a_reader_s_home_window_and_marks_go_and_nobody_else_s(
    eraser: Eraser,
    timelines: TimelineRepository,
    windows: WindowRepository,
    marks: MarkRepository,
    readers: ReaderRepository,
    seen: SeenRepository,
    entries: Any,
    clock: FakeClock,
) -> None:
    made = []
    for _ in range(3):  # Days of their own.
        made.append(entries.make(CAROL))
        clock.advance(25 * 3600)
    liked = Mark(5, CAROL, MarkKind.FAVOURITE)
    for reader in (ALICE, BOB):
        await timelines.add([(reader, entry) for entry in made])
        await _fill(windows, reader, made)
        await marks.put([MarkChange(reader, liked, True, 1)])
        await readers.see([reader], 5)
        await seen.note(reader, 5)
    for _ in range(2):
        assert await eraser.erase(ALICE) == (True, 0)
        queries = [WindowQuery(reader, PageQuery(20), 20) for reader in (ALICE, BOB)]
        assert await windows.read(queries) == [Missing.FOLLOWING, WindowPage(0, made[::-1])]
        assert await timelines.older(ALICE, MAX_ID, 0, 10) == []
        assert await timelines.older(BOB, MAX_ID, 0, 10) == made[::-1]
        assert await readers.get_all([ALICE, BOB]) == [None, ReaderState(5)]
        assert await seen.days([ALICE, BOB]) == {BOB: 5}
        assert (await marks.newest(ALICE, 10), await marks.newest(BOB, 10)) == ([], [liked])


async def test_an_author_is_delivered_to_nobody_however_many_they_were(
    eraser: Eraser, follows: FollowRepository, people: Any
) -> None:
    readers = range(1000, 1120)
    await follows.put_all([people.follow(reader, author) for reader in readers for author in (ALICE, CAROL)])
    await eraser.erase(ALICE)
    assert (await _followers(follows, ALICE), await _followers(follows, CAROL)) == (set(), set(readers))
    ended = people.follow(1000, ALICE, active=False)
    await follows.put(ended)  # Told of only now.
    assert await _followers(follows, ALICE) == set()
