"""For you, over the fakes: a page of it, and the pages after it."""

from __future__ import annotations

from typing import Any

import pytest

from feed_service.errors import WrongLimit, WrongWeight
from feed_service.models import Entry, Mark, MarkChange, MarkKind, PostFacts, PublicChange, PublicEntry, Reason
from feed_service.ranking import Weights
from feed_service.repository.marks import MarkRepository
from feed_service.repository.rankings import LIFE_SECONDS
from feed_service.repository.timelines import TimelineRepository
from feed_service.service.for_you import ForYou, ForYouQuery
from rookery_common.paging import InvalidCursor
from rookery_common.testing import FakeClock
from rookery_common.testing.rpc import Tokens

ALICE, BOB, CAROL, DAN = 101, 102, 103, 104
RECENT = Weights(1, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens()


async def _walk(for_you: ForYou, tokens: Tokens, query: ForYouQuery, reader_id: int = BOB) -> list[Entry]:
    """All pages."""
    found, token = list[Entry](), ""
    while True:
        asked = ForYouQuery(query.limit, token, query.tags, query.weights, query.author_weights)
        page = await for_you.page(tokens.identity(reader_id), asked if token else query)
        found += [each.entry for each in page.ranked]
        token = page.token
        if not token:
            return found


@pytest.fixture
async def stored(timelines: TimelineRepository, people: Any, entries: Any) -> list[Entry]:
    """Posts of Alice's, then of Carol's, in Bob's home."""
    await people.follows(BOB, ALICE, CAROL)
    made: list[Entry] = entries.many(5) + entries.many(5, CAROL)
    await timelines.add([(BOB, entry) for entry in made])
    return made


async def test_a_ranking_has_all_of_the_home_but_ones_own_posts_once_over_its_pages(
    for_you: ForYou, tokens: Tokens, stored: list[Entry], timelines: TimelineRepository, entries: Any
) -> None:
    await timelines.add([(BOB, entries.make(BOB, Reason.OWN_POST))])
    assert await _walk(for_you, tokens, ForYouQuery(3, weights=RECENT)) == stored[::-1]
    assert sorted(await _walk(for_you, tokens, ForYouQuery(4))) == stored


async def test_whose_posts_the_reader_likes_come_first_and_say_so(
    for_you: ForYou, tokens: Tokens, stored: list[Entry], marks: MarkRepository
) -> None:
    for version, post in enumerate(stored[:2], 1):
        await marks.put([MarkChange(BOB, Mark(post.entry_id, ALICE, MarkKind.FAVOURITE), True, version)])
    page = await for_you.page(tokens.identity(BOB), ForYouQuery(5, weights=Weights(0.1, 2, 0, 0, 0)))
    assert [each.entry for each in page.ranked] == stored[4::-1]
    assert page.ranked[0].why[1].value == pytest.approx(2 / 5, rel=0.01)


async def test_what_the_reader_has_marked_or_may_not_see_is_left_out_and_reblogs_come_once(
    for_you: ForYou, tokens: Tokens, stored: list[Entry], posts: Any
) -> None:
    posts.by_id = {
        stored[0].entry_id: PostFacts(stored[0].entry_id, is_marked=True),
        stored[2].entry_id: PostFacts(stored[3].entry_id),
    }
    left = [stored[1], *stored[3:]]
    assert await _walk(for_you, tokens, ForYouQuery(20, weights=RECENT)) == left[::-1]


async def test_pages_stay_as_they_were_begun_whatever_happens_meanwhile(
    for_you: ForYou, tokens: Tokens, stored: list[Entry], timelines: TimelineRepository, entries: Any, posts: Any
) -> None:
    bob, query = tokens.identity(BOB), ForYouQuery(6, weights=Weights(1, 0, 5, 0, 0))
    first = await for_you.page(bob, query)
    await timelines.add([(BOB, entries.make())])
    posts.by_id = {stored[0].entry_id: PostFacts(stored[0].entry_id, favourites=50)}
    second = await for_you.page(bob, ForYouQuery(6, first.token))
    assert [each.entry for each in (*first.ranked, *second.ranked)] == stored[::-1]
    anew = await for_you.page(bob, query)
    assert anew.ranked[0].entry == stored[0]


async def test_a_cursor_is_of_its_reader_and_for_an_hour(
    for_you: ForYou, tokens: Tokens, stored: list[Entry], clock: FakeClock
) -> None:
    token = (await for_you.page(tokens.identity(BOB), ForYouQuery(2))).token
    for reader_id, asked in ((CAROL, token), (BOB, token[:-1]), (BOB, "x")):
        with pytest.raises(InvalidCursor):
            await for_you.page(tokens.identity(reader_id), ForYouQuery(2, asked))
    clock.advance(LIFE_SECONDS + 1)
    with pytest.raises(InvalidCursor):
        await for_you.page(tokens.identity(BOB), ForYouQuery(2, token))


async def test_what_strangers_post_comes_in_where_it_is_liked_and_wanted(
    for_you: ForYou, tokens: Tokens, stored: list[Entry], public: Any, entries: Any, posts: Any
) -> None:
    liked, ignored, followed = entries.make(DAN), entries.make(DAN), entries.make(ALICE)
    for entry in (liked, ignored, followed):
        public_entry = PublicEntry(entry.entry_id, entry.author_id, frozenset(), has_media=False)
        await public.apply([PublicChange(public_entry, 1, shown=True, is_answer=False, is_known=False)])
    posts.by_id = {each.entry_id: PostFacts(each.entry_id, favourites=1) for each in (liked, followed)}
    found = await _walk(for_you, tokens, ForYouQuery(20))
    assert [entry for entry in found if entry not in stored] == [Entry(liked.entry_id, DAN, Reason.PUBLIC)]
    assert sorted(await _walk(for_you, tokens, ForYouQuery(20, weights=Weights(discovery=0)))) == stored


async def test_since_an_entry_only_what_came_into_the_home_is_ranked(
    for_you: ForYou, tokens: Tokens, stored: list[Entry]
) -> None:
    query = ForYouQuery(2, weights=RECENT, since_id=stored[5].entry_id)
    assert await _walk(for_you, tokens, query) == stored[:5:-1]


async def test_authors_count_for_what_the_reader_says(for_you: ForYou, tokens: Tokens, stored: list[Entry]) -> None:
    weights = {CAROL: 0.0}
    assert await _walk(for_you, tokens, ForYouQuery(20, weights=RECENT, author_weights=weights)) == stored[4::-1]
    weights = {CAROL: 0.5}
    page = await for_you.page(tokens.identity(BOB), ForYouQuery(5, weights=RECENT, author_weights=weights))
    assert [each.entry for each in page.ranked] == stored[4::-1]


async def test_what_is_no_limit_and_no_weight_is_refused(for_you: ForYou, tokens: Tokens) -> None:
    bob = tokens.identity(BOB)
    for limit in (0, 81):
        with pytest.raises(WrongLimit):
            await for_you.page(bob, ForYouQuery(limit))
    for query in (
        ForYouQuery(1, weights=Weights(recency=-1)),
        ForYouQuery(1, weights=Weights(affinity=float("nan"))),
        ForYouQuery(1, author_weights={ALICE: 2.5}),
    ):
        with pytest.raises(WrongWeight):
            await for_you.page(bob, query)
