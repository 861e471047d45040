"""Homes joined with followed hashtags. Runs over the fakes, and as a link in tests/engine over the engines."""

from __future__ import annotations

import random
from typing import Any

import pytest

from feed_service.models import Entry, HomePage, HomeQuery, PageQuery, PublicChange, PublicEntry, Reason, joined
from feed_service.service import tagged as module
from feed_service.service.fan_out import FanOut
from feed_service.service.public import PublicTimelines
from feed_service.service.tagged import TaggedHomes

ALICE, BOB, STRANGER = 101, 102, 999


async def _read(tagged: TaggedHomes, page: PageQuery, *tags: str) -> HomePage:
    (answer,) = await tagged.pages([HomeQuery(BOB, page, frozenset(tags))])
    assert isinstance(answer, HomePage)
    return answer


async def _publish(public: PublicTimelines, entry: Entry, *tags: str) -> None:
    post = PublicEntry(entry.entry_id, entry.author_id, frozenset(tags), has_media=False)
    await public.apply([PublicChange(post, 1, shown=True, is_answer=False, is_known=False)])


async def test_a_home_has_what_is_posted_with_followed_hashtags_once_and_in_order(
    tagged: TaggedHomes, public: PublicTimelines, fan_out: FanOut, people: Any, entries: Any
) -> None:
    await people.follows(BOB, ALICE)
    home, both = entries.make(ALICE), entries.make(ALICE)
    strange, other = entries.make(STRANGER), entries.make(STRANGER)
    await fan_out.deliver_to(BOB, [home, both])
    await _publish(public, both, "cats")
    await _publish(public, strange, "cats", "dogs")
    await _publish(public, other, "birds")
    by_tag = Entry(strange.entry_id, STRANGER, Reason.FOLLOWED_TAG)
    assert await _read(tagged, PageQuery(20), "cats", "dogs") == HomePage([by_tag, both, home], False)
    assert await _read(tagged, PageQuery(20)) == HomePage([both, home], False)
    assert await _read(tagged, PageQuery(2), "cats") == HomePage([by_tag, both], True)
    assert await _read(tagged, PageQuery(1, min_id=home.entry_id), "cats") == HomePage([both], True)


@pytest.mark.parametrize("upwards", [False, True])
async def test_pages_of_a_joined_home_meet_without_a_seam(
    tagged: TaggedHomes,
    public: PublicTimelines,
    fan_out: FanOut,
    people: Any,
    entries: Any,
    monkeypatch: pytest.MonkeyPatch,
    upwards: bool,
) -> None:
    monkeypatch.setattr(module, "TAIL_POSTS", 5)
    await people.follows(BOB, ALICE)
    choices, expected = random.Random(11), list[int]()
    for _ in range(40):
        entry = entries.make(choices.choice([ALICE, STRANGER]))
        tags = choices.sample(["cats", "dogs", "birds"], choices.randint(0, 2))
        await _publish(public, entry, *tags)
        if entry.author_id == ALICE:
            await fan_out.deliver_to(BOB, [entry])
        if entry.author_id == ALICE or {"cats", "dogs"} & set(tags):
            expected.append(entry.entry_id)
    seen, more = list[int](), True
    page = PageQuery(7, min_id=1) if upwards else PageQuery(7)
    while more:
        answer = await _read(tagged, page, "cats", "dogs")
        ids, more = [entry.entry_id for entry in answer.entries], answer.more
        seen = ids + seen if upwards else seen + ids
        page = PageQuery(7, min_id=ids[0]) if upwards else PageQuery(7, max_id=ids[-1])
    assert seen == expected[::-1]


def test_nothing_is_joined_from_beyond_where_a_home_was_read() -> None:
    posts = [Entry(number, STRANGER, Reason.FOLLOWED_TAG) for number in (5, 15, 25)]
    cut = HomePage([Entry(20, ALICE, Reason.FOLLOWED_AUTHOR), Entry(10, ALICE, Reason.FOLLOWED_AUTHOR)], more=True)
    down = joined(PageQuery(20), cut, posts)
    assert ([entry.entry_id for entry in down.entries], down.more) == ([25, 20, 15, 10], True)
    up = joined(PageQuery(20, min_id=1), cut, posts)
    assert ([entry.entry_id for entry in up.entries], up.more) == ([20, 15, 10, 5], True)
