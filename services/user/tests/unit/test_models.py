"""Rules that need nothing but the models."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from user_service.models import PostDelta, PostFact, merge_facts
from user_service.relationships.models import Follow, FollowSettings

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _fact(version: int, *, counted: bool = True, deleted: bool = False) -> PostFact:
    return PostFact(1, 2, version, counted and not deleted, deleted, NOW)


def test_a_version_that_is_told_again_may_have_hashtags_and_loses_none() -> None:
    bare, tagged = _fact(2), replace(_fact(2), tags=("birds",))
    assert bare.merged(tagged) == tagged.merged(bare) == tagged
    assert _fact(3).merged(tagged) == _fact(3)
    gone = _fact(2, deleted=True)
    assert gone.merged(tagged) == tagged.merged(gone) == gone


facts = st.builds(_fact, st.integers(1, 5), counted=st.booleans(), deleted=st.booleans())


@settings(max_examples=40, deadline=None)
@given(st.lists(facts, min_size=1, max_size=6, unique_by=lambda fact: (fact.version, fact.deleted)))
def test_the_order_of_versions_and_their_repetition_change_nothing(news: list[PostFact]) -> None:
    # One version has one state: what differs in it would be another post's.
    by_version = {fact.version: fact for fact in sorted(news, key=lambda fact: fact.deleted)}
    unique = list(by_version.values())
    outcomes = set()
    for order in list(permutations(unique))[:12]:
        state = PostFact(1, 2)
        for fact in [*order, *order]:
            state = state.merged(fact)
        outcomes.add((state.counted, state.deleted))
    assert len(outcomes) == 1


def test_a_deletion_wins_over_whatever_comes_later() -> None:
    state = PostFact(1, 2).merged(_fact(2, deleted=True)).merged(_fact(3))
    assert (state.deleted, state.counted) == (True, False)


def test_facts_of_one_batch_are_merged_by_post() -> None:
    other = PostFact(1, 3, 1, True, False, NOW)
    merged = merge_facts([_fact(2, counted=False), _fact(1), other])
    assert merged == {(1, 2): _fact(2, counted=False), (1, 3): other}


def test_a_delta_adds_what_changed_and_the_latest_time() -> None:
    delta = PostDelta()
    later = datetime(2026, 3, 2, tzinfo=UTC)
    delta.add(PostFact(1, 2), _fact(1))
    delta.add(PostFact(1, 3), PostFact(1, 3, 1, True, False, later))
    delta.add(_fact(1), _fact(2, deleted=True))
    assert (delta.statuses, delta.last_status_at) == (1, later)


def test_a_delta_adds_by_hashtag_what_a_post_counts_for_now() -> None:
    delta, plain = PostDelta(), PostFact(1, 2)
    tagged = replace(_fact(1), tags=("birds", "crows"))
    edited = replace(_fact(2), tags=("crows", "rooks"))
    delta.add(plain, tagged)
    delta.add(tagged, edited)
    delta.add(edited, _fact(3, deleted=True))
    assert {name: tag.statuses for name, tag in delta.tags.items()} == {"birds": 0, "crows": 0, "rooks": 0}
    delta.add(plain, replace(tagged, post_id=3))
    assert {name: (tag.statuses, tag.last_status_at) for name, tag in delta.tags.items() if tag.statuses} == {
        "birds": (1, NOW),
        "crows": (1, NOW),
    }


def test_following_again_starts_afresh_and_goes_on_counting_versions() -> None:
    first = Follow(1, 2, 0, NOW).started(FollowSettings(reblogs=False, languages=("en",)), 10, NOW)
    assert (first.active, first.reblogs, first.languages, first.version) == (True, False, ("en",), 1)
    again = first.ended().started(FollowSettings(notify=True), 20, NOW)
    assert (again.follow_id, again.reblogs, again.notify, again.languages, again.version) == (20, True, True, (), 3)


def test_the_same_settings_are_no_change() -> None:
    follow = Follow(1, 2, 0, NOW).started(FollowSettings(), 10, NOW)
    assert follow.changed(FollowSettings()) == follow
    assert follow.changed(FollowSettings(reblogs=True)) == follow
    changed = follow.changed(FollowSettings(reblogs=False))
    assert changed is not None
    assert (changed.reblogs, changed.version) == (False, 2)
