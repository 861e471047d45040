"""What one favours and has bookmarked, who does so with a post, and an account's posts by what they are."""

from __future__ import annotations

import httpx2
import pytest
from harness.people import Person, jpeg
from mastodon import MastodonNotFoundError


def posted(author: Person, text: str, **fields: object) -> str:
    return str(author.api.status_post(text, **fields)["id"])


def ids(page: object) -> list[str]:
    return [str(each["id"]) for each in page]  # type: ignore[attr-defined] # a list of the client's


def test_favourites_and_bookmarks_are_read_in_the_order_of_marking_page_by_page(alice: Person, bob: Person) -> None:
    posts = [posted(alice, f"Number {number}") for number in range(3)]
    for post_id in posts:
        bob.api.status_favourite(post_id)
        bob.api.status_bookmark(post_id)
    for read in (bob.api.favourites, bob.api.bookmarks):
        first = read(limit=2)
        assert ids(first) == [posts[2], posts[1]]
        second = bob.api.fetch_next(first)
        assert ids(second) == [posts[0]]
        assert ids(bob.api.fetch_previous(second)) == [posts[2], posts[1]]
    bob.api.status_unfavourite(posts[1])
    bob.api.status_bookmark(posts[0])
    alice.api.status_delete(posts[2])
    assert (ids(bob.api.favourites()), ids(bob.api.bookmarks())) == ([posts[0]], [posts[1], posts[0]])
    assert (alice.api.favourites(), alice.api.bookmarks()) == ([], [])


def test_who_favours_and_reblogs_a_post_is_shown_to_whom_the_post_is(
    http: httpx2.Client, alice: Person, bob: Person, carol: Person
) -> None:
    post_id, private = posted(alice, "Popular"), posted(alice, "For few", visibility="private")
    for who in (bob, carol):
        who.api.status_favourite(post_id)
    carol.api.status_reblog(post_id)
    assert ids(bob.api.status_favourited_by(post_id)) == [str(carol.account_id), str(bob.account_id)]
    assert ids(bob.api.status_reblogged_by(post_id)) == [str(carol.account_id)]
    assert len(http.get(f"/api/v1/statuses/{post_id}/favourited_by").json()) == 2
    address = f"/api/v1/statuses/{post_id}/favourited_by"
    first = http.get(address, params={"limit": 1})
    second = http.get(first.links["next"]["url"])
    assert {*ids(first.json()), *ids(second.json())} == {str(bob.account_id), str(carol.account_id)}
    place = httpx2.URL(second.links["prev"]["url"]).params["min_id"]
    for bound in ({"min_id": place}, {"since_id": place}):
        assert ids(http.get(address, params=bound).json()) == ids(first.json())
    assert "since_id" in http.get(address, params={"since_id": "x"}).json()["details"]
    assert alice.api.status_favourited_by(private) == []
    with pytest.raises(MastodonNotFoundError):
        bob.api.status_favourited_by(private)


def test_an_accounts_posts_are_filtered(alice: Person, bob: Person) -> None:
    others = posted(bob, "Someone else's")
    plain = posted(alice, "Plain")
    tagged = posted(alice, "With #Birds")
    reply = posted(alice, "An answer", in_reply_to_id=others)
    picture = alice.api.media_post(jpeg(), mime_type="image/jpeg")
    with_picture = posted(alice, "Look", media_ids=[picture["id"]])
    reblog = str(alice.api.status_reblog(others)["id"])

    def listed(**filters: object) -> list[str]:
        return ids(bob.api.account_statuses(alice.account_id, **filters))

    assert listed() == [reblog, with_picture, reply, tagged, plain]
    assert listed(exclude_reblogs=True) == [with_picture, reply, tagged, plain]
    assert listed(exclude_replies=True) == [reblog, with_picture, tagged, plain]
    assert listed(only_media=True) == [with_picture]
    assert listed(tagged="birds") == [tagged]
