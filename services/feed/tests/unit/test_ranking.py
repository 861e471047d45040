"""What makes a post come first, feature by feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from feed_service.models import Entry, Mark, MarkKind, Reason
from feed_service.ranking import AFFINITY_HALF_LIFE_HOURS, HOUR_MS, Candidate, Ranked, Weights, affinities, rank
from rookery_common.ids import lowest_id_at

NOW_MS = 1_800_000_000_000
ALICE, BOB, CAROL = 101, 102, 103
NOTHING = Weights(0, 0, 0, 0, 0)


def _post(author_id: int, hours: float, **done: Any) -> Candidate:
    return Candidate(Entry(lowest_id_at(int(NOW_MS - hours * HOUR_MS)), author_id, Reason.FOLLOWED_AUTHOR), **done)


def _rank(
    posts: Sequence[Candidate], weights: Weights, affinity: Mapping[int, float] | None = None, **by_author: float
) -> list[Ranked]:
    author_weights = {int(name.removeprefix("of_")): weight for name, weight in by_author.items()}
    return rank(posts, affinity or {}, weights, author_weights, NOW_MS)


def _entries(ranked: Sequence[Ranked]) -> list[Entry]:
    return [each.entry for each in ranked]


def test_each_feature_alone_puts_first_what_has_more_of_it() -> None:
    new, old = _post(ALICE, 1), _post(BOB, 30)
    assert _entries(_rank([old, new], Weights(1, 0, 0, 0, 0))) == [new.entry, old.entry]
    assert _entries(_rank([new, old], Weights(0, 1, 0, 0, 0), {BOB: 0.5})) == [old.entry, new.entry]
    liked = _post(BOB, 30, favourites=4, replies=2, reblogs=1)
    assert _entries(_rank([new, liked], Weights(0, 0, 1, 0, 0))) == [liked.entry, new.entry]
    strange = Candidate(old.entry, is_stranger=True)
    assert _entries(_rank([new, strange], Weights(0, 0, 0, 0, 1))) == [strange.entry, new.entry]


def test_nobody_fills_a_page_alone() -> None:
    posts = [_post(ALICE, 1), _post(ALICE, 2), _post(ALICE, 3), _post(BOB, 8), _post(CAROL, 9)]
    plain = [post.entry.author_id for post in posts]
    assert [each.author_id for each in _entries(_rank(posts, Weights(1, 0, 0, 0, 0)))] == plain
    mixed = [each.author_id for each in _entries(_rank(posts, Weights(1, 0, 0, 2, 0)))]
    assert mixed == [ALICE, BOB, CAROL, ALICE, ALICE]


def test_a_score_is_what_its_parts_add_up_to() -> None:
    posts = [_post(ALICE, 2, favourites=3), _post(ALICE, 3), _post(BOB, 1)]
    ranked = _rank(posts, Weights(), {ALICE: 0.4}, of_102=0.5)
    assert {part.feature for part in ranked[0].why} == set(Weights.__slots__)
    for each in ranked:
        assert all(0 <= part.value <= 1 for part in each.why)
        times = 0.5 if each.entry.author_id == BOB else 1
        assert each.score == pytest.approx(times * sum(part.value * part.weight for part in each.why))
    assert [each.score for each in ranked] == sorted((each.score for each in ranked), reverse=True)


def test_what_counts_for_nothing_is_left_out() -> None:
    posts = [_post(ALICE, 1), _post(BOB, 2), Candidate(_post(CAROL, 3).entry, is_stranger=True)]
    assert _entries(_rank(posts, NOTHING, of_101=0)) == [posts[1].entry]
    assert _rank([], Weights()) == []


def test_of_equals_the_newer_comes_first() -> None:
    posts = [_post(author_id, hours) for author_id, hours in ((ALICE, 3), (BOB, 1), (CAROL, 2))]
    assert [each.author_id for each in _entries(_rank(posts, NOTHING))] == [BOB, CAROL, ALICE]


def test_affinity_grows_with_what_was_done_and_is_forgotten() -> None:
    now, month = lowest_id_at(NOW_MS), lowest_id_at(int(NOW_MS - AFFINITY_HALF_LIFE_HOURS * HOUR_MS))
    found = affinities(
        [
            Mark(now, ALICE, MarkKind.FAVOURITE),
            Mark(now, BOB, MarkKind.REPLY),
            Mark(month, CAROL, MarkKind.FAVOURITE),
        ],
        NOW_MS,
    )
    assert found == {ALICE: pytest.approx(1 / 4), BOB: pytest.approx(2 / 5), CAROL: pytest.approx(0.5 / 3.5)}
