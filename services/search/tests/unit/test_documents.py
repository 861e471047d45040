"""What the golden events of others are to the index."""

from __future__ import annotations

from typing import Any, cast

import pytest

from rookery.post.v1.post_pb2 import Post, PostState, Visibility
from rookery.user.v1.account_pb2 import Account
from rookery_common.testing.golden import golden_message
from search_service.documents import account_document, post_document
from search_service.errors import UnusableEvent
from search_service.models import FOR_GOOD, Document, Kind

POST_TOPIC, USER_TOPIC = "post.events.v1", "user.events.v1"


def golden_post(name: str) -> Post:
    return cast(Any, golden_message(POST_TOPIC, name)).post  # type: ignore[no-any-return]  # of any post event


def test_post_is_indexed_with_all_that_is_searched() -> None:
    post = golden_post("PostCreated")
    document = post_document(post)
    assert document == Document(
        Kind.POSTS,
        post.post_id,
        1,
        {
            "post_id": post.post_id,
            "author_id": post.author_id,
            "text": ["a kingfisher, at last! #birds @bob", "a blue bird on a branch"],
            "tags": ["birds"],
            "language": ["en"],
            "properties": ["media", "image"],
            "visibility": "public",
            "created_at": post.create_time.seconds * 1000,
        },
    )


@pytest.mark.parametrize("name", ["PostCreated_held", "PostUpdated_removed"])
def test_what_may_not_be_seen_is_a_tombstone_until_it_may(name: str) -> None:
    post = golden_post(name)
    assert post_document(post) == Document(
        Kind.POSTS, post.post_id, post.version, {"post_id": post.post_id, "deleted": True}
    )


def test_deletion_is_a_tombstone_for_good() -> None:
    post = golden_post("PostDeleted")
    expected = Document(Kind.POSTS, post.post_id, FOR_GOOD, {"post_id": post.post_id, "deleted": True})
    assert post_document(post) == expected
    assert post_document(golden_post("PostCreated"), deleted=True) == expected


def test_what_a_post_asks_is_searched() -> None:
    document = post_document(golden_post("PostCreated_poll"))
    assert document is not None
    assert document.fields["text"] == ["which bird is this? #birds", "a kingfisher", "a jay"]
    assert document.fields["properties"] == ["poll"]


def test_reblog_is_not_indexed() -> None:
    assert post_document(golden_post("PostCreated_reblog")) is None


def test_direct_post_is_indexed_for_its_author() -> None:
    document = post_document(golden_post("PostCreated_direct"))
    assert document is not None
    assert document.fields["visibility"] == "direct"


def test_post_of_unknown_visibility_is_hidden() -> None:
    post = Post(post_id=1, version=1, state=PostState.POST_STATE_VISIBLE, text="secret")
    document = post_document(post)
    assert document is not None
    assert document.fields == {"post_id": 1, "deleted": True}


def test_properties_and_varieties_of_a_language_are_searched() -> None:
    post = Post(post_id=1, version=1, state=PostState.POST_STATE_VISIBLE, visibility=Visibility.VISIBILITY_PUBLIC)
    post.text, post.spoiler_text, post.language = "See https://a.example", "Älter", "pt-BR"
    post.in_reply_to_id, post.sensitive = 5, True
    document = post_document(post)
    assert document is not None
    assert document.fields["properties"] == ["link", "reply", "sensitive"]
    assert document.fields["language"] == ["pt-br", "pt"]
    assert document.fields["text"] == ["alter", "see https://a.example"]


def test_account_text_is_searched_only_if_its_owner_wants_to_be_discovered() -> None:
    account = Account(account_id=1, version=3, username="Alice", display_name="Ålice Ω", note="Birds")
    document = account_document(account)
    fields = {"account_id": 1, "username_key": "alice", "username": "alice", "display_name": "alice ω"}
    assert document == Document(Kind.ACCOUNTS, 1, 3, {**fields, "note": "", "discoverable": False})
    account.discoverable = True
    assert account_document(account).fields == {**fields, "note": "birds", "discoverable": True}


def test_what_has_no_id_is_unusable() -> None:
    with pytest.raises(UnusableEvent):
        post_document(Post(text="x", version=1))
    with pytest.raises(UnusableEvent):
        account_document(Account(username="x", version=1))
