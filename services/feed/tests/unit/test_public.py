"""Timelines of everybody. Runs over the fakes, and as a link in tests/engine over the engine."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from typing import Any

import pytest

from feed_service.errors import WrongLimit, WrongTags
from feed_service.models import MAX_PAGE, PageQuery, PublicChange, PublicEntry, PublicQuery
from feed_service.service import public as module
from feed_service.service.public import PublicTimelines, checked_tags
from rookery_common.testing import FakeClock

DAY_SECONDS = 86_400


class Posts:
    """Makes public posts and what happens to them."""

    def __init__(self, entries: Any) -> None:
        self._entries = entries
        self._versions = itertools.count(1)

    def make(self, *tags: str, media: bool = False, answer: bool = False) -> PublicChange:
        made = self._entries.make()
        entry = PublicEntry(made.entry_id, made.author_id, frozenset(tags), media)
        return PublicChange(entry, next(self._versions), shown=True, is_answer=answer, is_known=False)

    def edited(self, change: PublicChange, *tags: str) -> PublicChange:
        entry = replace(change.entry, tags=frozenset(tags))
        return replace(change, entry=entry, version=next(self._versions), shown=True, is_known=True)

    def hidden(self, change: PublicChange) -> PublicChange:
        return replace(change, version=next(self._versions), shown=False, is_known=True)

    def visible_again(self, change: PublicChange) -> PublicChange:
        return replace(change, version=next(self._versions), shown=True, is_known=False)


@pytest.fixture
def posts(entries: Any) -> Posts:
    return Posts(entries)


async def _ids(public: PublicTimelines, *any_tags: str, page: PageQuery | None = None, **more: Any) -> list[int]:
    query = PublicQuery(page or PageQuery(MAX_PAGE), any_tags=frozenset(any_tags), **more)
    return [entry.entry_id for entry in (await public.page(query)).entries]


def _newest_first(*changes: PublicChange) -> list[int]:
    return [change.entry.post_id for change in reversed(changes)]


async def test_a_public_post_is_in_the_timeline_of_all_and_in_those_of_its_hashtags(
    public: PublicTimelines, posts: Posts
) -> None:
    plain, cats, both = posts.make(), posts.make("cats"), posts.make("cats", "dogs")
    await public.apply([plain, cats, both])
    assert await _ids(public) == _newest_first(plain, cats, both)
    assert await _ids(public, "cats") == _newest_first(cats, both)
    assert await _ids(public, "dogs") == _newest_first(both)
    assert await _ids(public, "birds") == []


async def test_an_answer_to_another_is_found_by_its_hashtags_alone(public: PublicTimelines, posts: Posts) -> None:
    answer = posts.make("cats", answer=True)
    await public.apply([answer])
    assert await _ids(public) == []
    assert await _ids(public, "cats") == _newest_first(answer)


async def test_pages_meet_without_a_seam_over_days_without_posts(
    public: PublicTimelines, posts: Posts, clock: FakeClock
) -> None:
    made = []
    for days in (0, 0, 1, 9, 200, 0, 0):
        clock.advance(days * DAY_SECONDS)
        made.append(posts.make("cats"))
    await public.apply(made)
    expected = _newest_first(*made)
    for tags in ((), ("cats",)):
        seen, bounds, more = [], PageQuery(3), True
        while more:
            answer = await public.page(PublicQuery(bounds, any_tags=frozenset(tags)))
            seen += [entry.entry_id for entry in answer.entries]
            bounds, more = PageQuery(3, max_id=seen[-1]), answer.more
        assert seen == expected
        above = PageQuery(2, min_id=expected[-2])
        assert await _ids(public, *tags, page=above) == expected[-4:-2]
        assert await _ids(public, *tags, page=PageQuery(20, since_id=expected[3])) == expected[:3]


async def test_hashtags_are_joined_and_taken_away(public: PublicTimelines, posts: Posts) -> None:
    cats, dogs, both, other = posts.make("cats"), posts.make("dogs"), posts.make("cats", "dogs"), posts.make("birds")
    await public.apply([cats, dogs, both, other])
    assert await _ids(public, "cats", "dogs") == _newest_first(cats, dogs, both)
    assert await _ids(public, "cats", all_tags=frozenset({"dogs"})) == _newest_first(both)
    assert await _ids(public, "cats", "birds", no_tags=frozenset({"dogs"})) == _newest_first(cats, other)


async def test_only_posts_with_media_are_found_where_such_are_wanted(public: PublicTimelines, posts: Posts) -> None:
    words, picture = posts.make("cats"), posts.make("cats", media=True)
    await public.apply([words, picture, posts.make()])
    assert await _ids(public, only_media=True) == await _ids(public, "cats", only_media=True) == _newest_first(picture)


@pytest.mark.parametrize("upwards", [False, True])
async def test_timelines_that_break_off_at_different_posts_are_joined_in_order(
    public: PublicTimelines, posts: Posts, monkeypatch: pytest.MonkeyPatch, upwards: bool
) -> None:
    monkeypatch.setattr(module, "SCAN_ROWS", 3)
    choices = random.Random(7)
    made = [posts.make(*choices.sample(["cats", "dogs", "birds"], choices.randint(1, 2))) for _ in range(40)]
    await public.apply(made)
    wanted = [change for change in made if change.entry.tags & {"cats", "dogs"}]
    page = PageQuery(7, min_id=made[0].entry.post_id) if upwards else PageQuery(7)
    if upwards:
        above = [change for change in wanted if change.entry.post_id > made[0].entry.post_id]
        assert await _ids(public, "cats", "dogs", page=page) == _newest_first(*above[:7])
    else:
        assert await _ids(public, "cats", "dogs", page=page) == _newest_first(*wanted)[:7]


async def test_what_is_left_out_does_not_end_a_page_early(
    public: PublicTimelines, posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SCAN_ROWS", 3)
    monkeypatch.setattr(module, "MAX_SCAN_ROWS", 6)
    picture = posts.make(media=True)
    await public.apply([picture, *(posts.make() for _ in range(20))])
    assert await _ids(public, only_media=True, page=PageQuery(5)) == _newest_first(picture)


async def test_a_search_for_what_there_is_none_of_ends(
    public: PublicTimelines, posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SCAN_ROWS", 3)
    monkeypatch.setattr(module, "MAX_VAIN_ROWS", 6)
    picture = posts.make(media=True)
    await public.apply([picture, *(posts.make() for _ in range(5))])
    assert await _ids(public, only_media=True) == _newest_first(picture)
    await public.apply([posts.make()])
    assert await _ids(public, only_media=True) == []


@pytest.mark.parametrize("upwards", [False, True])
async def test_a_page_of_what_is_rare_says_where_to_go_on_until_all_is_found(
    public: PublicTimelines, posts: Posts, monkeypatch: pytest.MonkeyPatch, upwards: bool
) -> None:
    for name, rows in (("SCAN_ROWS", 3), ("MAX_SCAN_ROWS", 6), ("MAX_VAIN_ROWS", 9)):
        monkeypatch.setattr(module, name, rows)
    made = [posts.make(media=number in (0, 17, 39)) for number in range(40)]
    await public.apply(made)
    pictures, seen, asked = [change.entry.post_id for change in made if change.entry.has_media], list[int](), 0
    page, more = PageQuery(2, min_id=1) if upwards else PageQuery(2), True
    while more:
        answer = await public.page(PublicQuery(page, only_media=True))
        ids, more, asked = [entry.entry_id for entry in answer.entries], answer.more, asked + 1
        seen = ids + seen if upwards else seen + ids
        if upwards:
            page = PageQuery(2, min_id=answer.reached_id or (ids or [0])[0])
        else:
            page = PageQuery(2, max_id=answer.reached_id or (ids or [0])[-1])
    assert seen == pictures[::-1]
    assert asked > 3


async def test_an_edit_moves_a_post_between_hashtags(public: PublicTimelines, posts: Posts) -> None:
    post = posts.make("cats", "dogs")
    await public.apply([post])
    await public.apply([posts.edited(post, "dogs", "birds")])
    assert await _ids(public, "cats") == []
    assert await _ids(public) == await _ids(public, "dogs") == await _ids(public, "birds") == _newest_first(post)


async def test_what_is_hidden_is_taken_out_and_may_come_back(public: PublicTimelines, posts: Posts) -> None:
    post = posts.make("cats")
    await public.apply([post])
    await public.apply([posts.hidden(post)])
    assert await _ids(public) == await _ids(public, "cats") == []
    await public.apply([posts.visible_again(post)])
    assert await _ids(public) == await _ids(public, "cats") == _newest_first(post)


async def test_the_same_changes_again_in_any_order_end_the_same(public: PublicTimelines, posts: Posts) -> None:
    kept, gone = posts.make("cats"), posts.make("cats", "dogs")
    history = [kept, gone, posts.edited(kept, "birds"), posts.hidden(gone)]
    for order in itertools.islice(itertools.permutations(history), 0, None, 7):
        for change in order:
            await public.apply([change])
    await public.apply(history)
    assert await _ids(public) == await _ids(public, "birds") == _newest_first(kept)
    assert await _ids(public, "cats") == await _ids(public, "dogs") == []


async def test_of_several_changes_of_a_post_told_at_once_the_newest_holds(
    public: PublicTimelines, posts: Posts
) -> None:
    first = posts.make("cats")
    await public.apply([first])
    await public.apply([posts.edited(first, "dogs"), posts.visible_again(replace(first, entry=first.entry))])
    assert await _ids(public, "cats") == _newest_first(first)
    await public.apply([posts.edited(first, "dogs"), posts.hidden(first)])
    assert await _ids(public) == await _ids(public, "dogs") == []


@pytest.mark.parametrize("limit", [0, -1, MAX_PAGE + 1])
async def test_a_limit_out_of_range_is_refused(public: PublicTimelines, limit: int) -> None:
    with pytest.raises(WrongLimit):
        await public.page(PublicQuery(PageQuery(limit)))


def test_hashtags_are_compared_as_posts_carry_them() -> None:
    assert checked_tags("any_tags", ["#Cats", "CATS", "\uff23ats"]) == {"cats"}


@pytest.mark.parametrize("tags", [[""], ["#"], ["x" * 101], list("abcdef")])
def test_what_is_no_list_of_hashtags_is_refused_by_its_name(tags: list[str]) -> None:
    with pytest.raises(WrongTags) as refused:
        checked_tags("any_tags", tags)
    assert refused.value.fields[0].field == "any_tags"
