"""Reading lists. Runs over the fakes, and as a link in tests/engine over the engines."""

from __future__ import annotations

from typing import Any

import pytest

from feed_service.errors import TooManyAuthors, WrongLimit
from feed_service.models import Entry, ListPage, PageQuery, Reason
from feed_service.repository.timelines import TimelineRepository
from feed_service.service import lists as module
from feed_service.service.lists import ListReader

ALICE, BOB, CAROL, DAN = 101, 102, 103, 104


@pytest.fixture
async def stored(timelines: TimelineRepository, people: Any, entries: Any) -> list[Entry]:
    """What Carol has posted among much of Alice's, in Bob's home."""
    await people.follows(BOB, ALICE, CAROL)
    carols: list[Entry] = []
    for _ in range(5):
        carols.append(entries.make(CAROL))
        await timelines.add([(BOB, entry) for entry in [carols[-1], *entries.many(30)]])
    return carols


async def test_a_list_has_its_members_entries_alone_page_by_page(lists: ListReader, stored: list[Entry]) -> None:
    members, found, max_id = frozenset({CAROL, DAN}), list[Entry](), 0
    while True:
        page = await lists.page(BOB, members, PageQuery(2, max_id=max_id))
        found += page.entries
        max_id = page.reached_id
        if not max_id:
            break
    assert found == stored[::-1]
    upwards = await lists.page(BOB, members, PageQuery(2, min_id=stored[0].entry_id))
    assert (upwards.entries, upwards.reached_id) == ([stored[2], stored[1]], stored[2].entry_id)


async def test_a_page_reads_only_so_much_and_says_how_far_it_came(
    lists: ListReader, stored: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SCAN_ROWS", 20)
    monkeypatch.setattr(module, "MAX_SCAN_ROWS", 40)
    first = await lists.page(BOB, frozenset({CAROL}), PageQuery(5))
    assert list(first.entries) == [stored[4]]
    assert stored[3].entry_id < first.reached_id < stored[4].entry_id
    second = await lists.page(BOB, frozenset({CAROL}), PageQuery(5, max_id=first.reached_id))
    assert list(second.entries) == [stored[3]]


async def test_a_list_shows_nobody_who_is_not_followed_and_no_unwanted_reblogs(
    lists: ListReader, timelines: TimelineRepository, people: Any, entries: Any
) -> None:
    await people.follows(BOB, CAROL, reblogs=False)
    post, reblog, left, own = (
        entries.make(CAROL), entries.make(CAROL, Reason.REBLOG), entries.make(DAN), entries.make(BOB, Reason.OWN_POST),
    )  # fmt: skip
    await timelines.add([(BOB, entry) for entry in (post, reblog, left, own)])
    assert await lists.page(BOB, frozenset({BOB, CAROL, DAN}), PageQuery(20)) == ListPage([post], 0)
    assert await lists.page(BOB, frozenset(), PageQuery(20)) == ListPage([], 0)


async def test_too_much_at_once_is_refused(lists: ListReader) -> None:
    with pytest.raises(WrongLimit):
        await lists.page(BOB, frozenset({CAROL}), PageQuery(81))
    with pytest.raises(TooManyAuthors):
        await lists.page(BOB, frozenset(range(1, 502)), PageQuery(20))
