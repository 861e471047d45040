"""What services answer in columns says the same as what they answer in messages."""

from __future__ import annotations

import pytest

from gateway_service.columns import (
    MARKS,
    UNTOUCHED,
    EntryRow,
    View,
    relation_in,
    relation_of,
    relations_of,
    skeleton_of,
    views_of,
)
from rookery.feed.v1.feed_service_pb2 import BatchGetHomeResult, EntryColumns, Reason, TimelineEntry
from rookery.post.v1.poll_pb2 import PollTally
from rookery.post.v1.post_pb2 import PostCounts, PostMarks, QuoteState
from rookery.post.v1.post_service_pb2 import BatchGetPostsResult, PostColumns, PostView
from rookery.user.v1.account_pb2 import Relationship
from rookery.user.v1.user_service_pb2 import BatchGetRelationshipsResult, RelationshipColumns

FLAGS = [field.name for field in Relationship.DESCRIPTOR.fields if field.type == field.TYPE_BOOL]


def bits(*names: str) -> int:
    return sum(1 << Relationship.DESCRIPTOR.fields_by_name[name].number for name in names)


@pytest.mark.parametrize("name", FLAGS)
def test_each_flag_of_a_relationship_is_the_bit_of_its_field(name: str) -> None:
    message = Relationship(account_id=7, **{name: True})  # type: ignore[arg-type]
    assert relation_of(bits(name)) == relation_in(message)


def test_usual_is_whoever_is_followed_with_everything_and_hidden_by_nothing() -> None:
    usual = ("following", "showing_reblogs")
    assert relation_of(bits(*usual)).usual
    assert relation_of(bits(*usual, "followed_by", "notifying", "endorsed")).usual
    for hiding in ("blocking", "blocked_by", "muting", "muting_notifications", "exclusively_listed"):
        assert not relation_of(bits(*usual, hiding)).usual
    assert not relation_of(bits("following")).usual
    assert not relation_in(Relationship(following=True, showing_reblogs=True, languages=["de"])).usual


def test_relationships_come_in_columns_and_in_messages() -> None:
    result = BatchGetRelationshipsResult(
        columns=RelationshipColumns(account_ids=[1, 2], flags=[bits("following"), 0]),
        relationships=[Relationship(account_id=3, following=True, languages=["de"])],
    )
    found = relations_of(result)
    assert [each for each, relation in found.items() if relation.following] == [1, 3]
    assert (found[2], found[3].languages) == (relation_of(0), ("de",))


def test_a_home_is_the_same_in_columns_and_in_messages() -> None:
    rows = [(30, 3, Reason.REASON_OWN_POST), (20, 2, Reason.REASON_FOLLOWED_AUTHOR)]
    ids, authors, reasons = zip(*rows, strict=True)
    columns = EntryColumns(entry_ids=ids, author_ids=authors, reasons=reasons)
    assert skeleton_of(BatchGetHomeResult(columns=columns, more=True)) == ([EntryRow(*row) for row in rows], True, 0)
    entries = [TimelineEntry(entry_id=entry, author_id=author, reason=reason) for entry, author, reason in rows]
    older = skeleton_of(BatchGetHomeResult(entries=entries))
    assert ([(each.entry_id, each.author_id, each.reason) for each in older.entries], older.more) == (rows, False)
    assert skeleton_of(BatchGetHomeResult()) == ([], False, 0)


def test_a_column_in_which_all_are_nought_is_left_out() -> None:
    assert views_of(BatchGetPostsResult(unchanged=PostColumns(post_ids=[1, 2]))) == {1: UNTOUCHED, 2: UNTOUCHED}
    some = PostColumns(post_ids=[1, 2], favourites=[0, 9], marks=[MARKS["bookmarked"], 0])
    assert views_of(BatchGetPostsResult(unchanged=some)) == {
        1: View(marks=MARKS["bookmarked"]),
        2: View(numbers=(0, 0, 9, 0)),
    }


def test_a_whole_message_says_what_columns_can_not() -> None:
    tally = PollTally(votes=[1, 2], voters=3)
    whole = PostView(
        post_id=4,
        counts=PostCounts(replies=1, reblogs=2, favourites=3, quotes=4),
        marks=PostMarks(favourited=True, muted=True),
        poll=tally,
        quote_state=QuoteState.QUOTE_STATE_DELETED,
    )
    result = BatchGetPostsResult(posts=[whole, PostView(post_id=5)], unchanged=PostColumns(post_ids=[6]))
    marks = MARKS["favourited"] | MARKS["muted"]
    seen = View((1, 2, 3, 4), marks, tally, QuoteState.QUOTE_STATE_DELETED)
    assert views_of(result) == {6: UNTOUCHED, 4: seen, 5: UNTOUCHED}
