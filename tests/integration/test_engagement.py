"""What people do with posts: favourites, bookmarks, reblogs, threads, deletion, and posts that wait to be released."""

from __future__ import annotations

from collections.abc import Callable

import httpx2
import pytest
from google.protobuf.message import Message
from harness.kafka import Topics, decided
from harness.people import Person, jpeg
from harness.platform import Platform
from harness.waiting import eventually
from mastodon import MastodonNotFoundError

from rookery.moderation.v1.decision_pb2 import (
    DECISION_STATE_HELD,
    DECISION_STATE_REMOVED,
    DECISION_STATE_VISIBLE,
    DecisionState,
)

CATCH_UP_SECONDS = 60.0
DECISIONS, DEAD_LETTERS = "moderation.decisions.v1", "post.moderation-decisions.dlq"
SOON = 20.0


@pytest.fixture(scope="module")
def topics() -> Topics:
    return Topics()


def posted(author: Person, text: str, **fields: object) -> str:
    return str(author.api.status_post(text, **fields)["id"])


def counts(who: Person, post_id: str) -> tuple[int, int, int]:
    status = who.api.status(post_id)
    return status["replies_count"], status["reblogs_count"], status["favourites_count"]


def marks(who: Person, post_id: str) -> tuple[bool, bool, bool]:
    status = who.api.status(post_id)
    return status["favourited"], status["reblogged"], status["bookmarked"]


def is_there(http: httpx2.Client, post_id: str, who: Person | None = None) -> bool:
    headers = {"authorization": f"Bearer {who.token}"} if who else {}
    return http.get(f"/api/v1/statuses/{post_id}", headers=headers).status_code == 200


def home_gets(who: Person, accept: Callable[[list[str]], bool], what: str) -> list[str]:
    return eventually(who.home_ids, accept, within=CATCH_UP_SECONDS, what=what)


def test_favourites_and_bookmarks_are_counted_and_marked_at_the_next_request(
    alice: Person, bob: Person, carol: Person
) -> None:
    post_id = posted(alice, "Like me")
    for who, number in ((bob, 1), (carol, 2)):
        answer = who.api.status_favourite(post_id)
        assert (answer["favourited"], answer["favourites_count"]) == (True, number)
        assert who.api.status_favourite(post_id)["favourites_count"] == number
    assert counts(alice, post_id) == (0, 0, 2)
    assert (marks(bob, post_id), marks(alice, post_id)) == ((True, False, False), (False, False, False))
    assert bob.api.status_bookmark(post_id)["bookmarked"]
    assert marks(bob, post_id) == (True, False, True)
    for _ in range(2):
        assert bob.api.status_unfavourite(post_id)["favourites_count"] == 1
    assert not bob.api.status_unbookmark(post_id)["bookmarked"]
    assert (counts(bob, post_id), marks(bob, post_id)) == ((0, 0, 1), (False, False, False))
    assert marks(carol, post_id) == (True, False, False)


def test_what_one_may_not_see_one_can_not_mark(alice: Person, bob: Person) -> None:
    private = posted(alice, "For followers", visibility="private")
    for act in (bob.api.status_favourite, bob.api.status_bookmark, bob.api.status_reblog, bob.api.status_context):
        with pytest.raises(MastodonNotFoundError):
            act(private)
    assert counts(alice, private) == (0, 0, 0)


def test_a_reblog_reaches_followers_homes_once_and_is_taken_back(
    platform: Platform, alice: Person, bob: Person, carol: Person
) -> None:
    carol.api.account_follow(bob.account_id)
    post_id = posted(alice, "Show me")
    platform.drain()
    reblog = bob.api.status_reblog(post_id)
    reblog_id = str(reblog["id"])
    assert (str(reblog["reblog"]["id"]), reblog["account"]["username"]) == (post_id, bob.username)
    assert (reblog["reblog"]["reblogged"], reblog["reblog"]["reblogs_count"]) == (True, 1)
    assert str(bob.api.status_reblog(post_id)["id"]) == reblog_id
    assert bob.home_ids()[0] == reblog_id
    home_gets(carol, lambda ids: reblog_id in ids, "carol's home with the reblog")
    platform.drain()
    assert carol.home_ids().count(reblog_id) == 1
    [shown] = [status for status in carol.api.timeline_home() if str(status["id"]) == reblog_id]
    assert (shown["reblog"]["account"]["username"], shown["account"]["username"]) == (alice.username, bob.username)
    # A like of the reblog is a like of the post.
    carol.api.status_favourite(reblog_id)
    assert (counts(alice, post_id), marks(carol, post_id)) == ((0, 1, 1), (True, False, False))
    answer = bob.api.status_unreblog(post_id)
    assert (answer["reblogged"], answer["reblogs_count"]) == (False, 0)
    home_gets(carol, lambda ids: reblog_id not in ids, "carol's home without the reblog")
    again = str(bob.api.status_reblog(post_id)["id"])
    assert again != reblog_id
    home_gets(carol, lambda ids: again in ids, "carol's home with the second reblog")


def test_a_reblog_of_what_the_home_shows_is_left_out_and_so_are_those_that_are_not_wanted(
    platform: Platform, alice: Person, bob: Person, carol: Person
) -> None:
    for author in (alice, bob):
        carol.api.account_follow(author.account_id)
    first, second = posted(alice, "Here already"), posted(alice, "Also here")
    platform.drain()
    dropped = str(bob.api.status_reblog(first)["id"])
    stranger_post = posted(bob, "And this")
    home_gets(carol, lambda ids: stranger_post in ids, "carol's home with bob's post")
    assert carol.home_ids() == [stranger_post, second, first]
    assert dropped not in carol.home_ids()
    carol.api.account_unfollow(alice.account_id)
    home_gets(carol, lambda ids: dropped in ids, "the reblog, now that the post itself is not there")
    assert carol.api.account_follow(bob.account_id, reblogs=False)["showing_reblogs"] is False
    assert carol.home_ids() == [stranger_post]


def test_a_status_is_deleted_with_its_media_where_that_is_asked_for(http: httpx2.Client, alice: Person) -> None:
    headers = {"authorization": f"Bearer {alice.token}"}
    for said, left in (({}, 200), ({"delete_media": "true"}, 404)):
        media_id = alice.api.media_post(jpeg(), mime_type="image/jpeg")["id"]
        post_id = posted(alice, "With a picture", media_ids=[media_id])
        assert http.delete(f"/api/v1/statuses/{post_id}", params=said, headers=headers).status_code == 200
        assert http.get(f"/api/v1/media/{media_id}", headers=headers).status_code == left


def test_a_thread_is_read_from_any_post_of_it(http: httpx2.Client, alice: Person, bob: Person, carol: Person) -> None:
    root = posted(alice, "Root")
    one = posted(bob, "One", in_reply_to_id=root)
    two = posted(carol, "Two", in_reply_to_id=root)
    under_one = posted(alice, "Under one", in_reply_to_id=one)
    secret = posted(bob, f"@{alice.username} only you", in_reply_to_id=root, visibility="direct")
    middle = bob.api.status_context(one)
    assert [str(status["id"]) for status in middle["ancestors"]] == [root]
    assert [str(status["id"]) for status in middle["descendants"]] == [under_one]
    assert [str(status["id"]) for status in alice.api.status_context(root)["descendants"]] == [
        one,
        under_one,
        two,
        secret,
    ]
    unsigned = http.get(f"/api/v1/statuses/{root}/context").json()
    assert [status["id"] for status in unsigned["descendants"]] == [one, under_one, two]


def test_a_deleted_post_is_gone_everywhere_and_can_be_written_anew(
    platform: Platform, http: httpx2.Client, alice: Person, bob: Person, carol: Person
) -> None:
    for author in (alice, carol):
        bob.api.account_follow(author.account_id)
    media = alice.api.media_post(jpeg(), mime_type="image/jpeg")
    parent = posted(alice, "Parent")
    post_id = posted(alice, "Delete *me*", in_reply_to_id=parent, media_ids=[media["id"]])
    reblog_id = str(carol.api.status_reblog(post_id)["id"])
    platform.drain()
    home_gets(bob, lambda ids: post_id in ids, "bob's home with the post")
    assert counts(bob, parent) == (1, 0, 0)
    with pytest.raises(MastodonNotFoundError):
        bob.api.status_delete(post_id)
    answer = alice.api.status_delete(post_id)
    assert (answer["text"], [str(each["id"]) for each in answer["media_attachments"]]) == (
        "Delete *me*",
        [str(media["id"])],
    )
    for gone in (post_id, reblog_id):
        assert not any(is_there(http, gone, who) for who in (alice, bob, carol, None))
        assert gone not in bob.home_ids()
    assert post_id not in alice.home_ids()
    assert counts(bob, parent) == (0, 0, 0)
    assert [str(each["id"]) for each in bob.api.account_statuses(alice.account_id)] == [parent]
    assert bob.api.status_context(parent)["descendants"] == []
    anew = alice.api.status_post(answer["text"], in_reply_to_id=parent, media_ids=[media["id"]])
    assert [str(each["id"]) for each in anew["media_attachments"]] == [str(media["id"])]
    platform.drain()
    assert not is_there(http, post_id)


def test_the_source_of_a_post_is_its_authors(alice: Person, bob: Person) -> None:
    post_id = posted(alice, "As *I* wrote it", spoiler_text="Careful")
    source = alice.api.status_source(post_id)
    assert (source["text"], source["spoiler_text"]) == ("As *I* wrote it", "Careful")
    with pytest.raises(MastodonNotFoundError):
        bob.api.status_source(post_id)


def test_decisions_hold_release_and_remove_and_a_poison_one_holds_nothing_up(
    platform: Platform, topics: Topics, http: httpx2.Client, alice: Person, bob: Person
) -> None:
    bob.api.account_follow(alice.account_id)
    post_id = posted(alice, "Judge me")
    platform.drain()
    home_gets(bob, lambda ids: post_id in ids, "bob's home with the post")
    dead_before, decisions = topics.count(DEAD_LETTERS), list[Message]()

    def decide(state: DecisionState.ValueType, version: int) -> None:
        decisions.append(decided(int(post_id), int(alice.account_id), state, version))
        topics.send(DECISIONS, post_id, decisions[-1], version, "moderation")

    decide(DECISION_STATE_HELD, 101)
    eventually(lambda: is_there(http, post_id, bob), lambda there: not there, within=SOON, what="the held post")
    assert post_id not in bob.home_ids()
    assert is_there(http, post_id, alice)
    topics.send_raw(DECISIONS, post_id, b"\xffpoison")
    decide(DECISION_STATE_VISIBLE, 102)
    eventually(lambda: is_there(http, post_id, bob), bool, within=SOON, what="the released post")
    home_gets(bob, lambda ids: post_id in ids, "bob's home with the released post")
    decide(DECISION_STATE_REMOVED, 103)
    eventually(lambda: is_there(http, post_id, bob), lambda there: not there, within=SOON, what="the removed post")
    for version, decision in enumerate(decisions, 101):  # All of them once more.
        topics.send(DECISIONS, post_id, decision, version, "moderation")
    platform.drain()
    assert topics.count(DEAD_LETTERS) == dead_before + 1
    assert not is_there(http, post_id, bob)
    assert not is_there(http, post_id, alice)
