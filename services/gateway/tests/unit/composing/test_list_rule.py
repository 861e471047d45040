"""Which posts a list shows, and which the home leaves to an exclusive list."""

from __future__ import annotations

from typing import Any

import pytest

from gateway_service.cache import PostFragment
from gateway_service.columns import Relation, relation_in
from gateway_service.compose.audience import ListRule, Why, why_not_home
from rookery.feed.v1.feed_service_pb2 import Reason
from rookery.user.v1.account_pb2 import Relationship
from rookery.user.v1.list_service_pb2 import RepliesPolicy

VIEWER, AUTHOR, MEMBER, FOLLOWED, STRANGER = 1, 2, 3, 4, 5
TO_FOLLOWED, TO_MEMBERS, NONE = (
    RepliesPolicy.REPLIES_POLICY_FOLLOWED, RepliesPolicy.REPLIES_POLICY_LIST, RepliesPolicy.REPLIES_POLICY_NONE,
)  # fmt: skip


def post(reply_to: int = 0) -> PostFragment:
    return PostFragment(1, AUTHOR, b"", reply_to, 0)


def relations(**of_author: Any) -> dict[int, Relation]:
    known = {each: Relationship(account_id=each, following=each != STRANGER) for each in (MEMBER, FOLLOWED, STRANGER)}
    author = Relationship(account_id=AUTHOR, following=True, showing_reblogs=True, **of_author)
    return {each: relation_in(message) for each, message in (*known.items(), (AUTHOR, author))}


@pytest.mark.parametrize(
    ("replies", "shown"),
    [
        (TO_FOLLOWED, {0, VIEWER, AUTHOR, MEMBER, FOLLOWED}),
        (TO_MEMBERS, {0, VIEWER, AUTHOR, MEMBER}),
        (NONE, {0, VIEWER, AUTHOR}),
    ],
)
def test_a_list_shows_the_replies_that_its_policy_names(replies: int, shown: set[int]) -> None:
    rule = ListRule(frozenset({AUTHOR, MEMBER}), replies)
    answered = {0, VIEWER, AUTHOR, MEMBER, FOLLOWED, STRANGER}
    reason = Reason.REASON_FOLLOWED_AUTHOR
    assert {each for each in answered if rule(VIEWER, post(each), reason, relations()) is None} == shown


@pytest.mark.parametrize("kept_out", [{"blocking": True}, {"blocked_by": True}, {"muting": True}])
def test_a_list_shows_nobody_whom_the_home_would_not(kept_out: dict[str, bool]) -> None:
    rule = ListRule(frozenset({AUTHOR}), TO_FOLLOWED)
    assert rule(VIEWER, post(), Reason.REASON_FOLLOWED_AUTHOR, relations(**kept_out)) is not None
    assert rule(VIEWER, post(), Reason.REASON_FOLLOWED_AUTHOR, {}) is Why.RELATIONSHIP_UNKNOWN


def test_the_home_leaves_those_on_an_exclusive_list_to_it() -> None:
    listed, reason = relations(exclusively_listed=True), Reason.REASON_FOLLOWED_AUTHOR
    assert why_not_home(VIEWER, post(), reason, listed) is Why.ON_EXCLUSIVE_LIST
    assert ListRule(frozenset({AUTHOR}), TO_MEMBERS)(VIEWER, post(), reason, listed) is None
    assert why_not_home(VIEWER, post(), reason, relations()) is None
