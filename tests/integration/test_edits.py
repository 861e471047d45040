"""An edited post: what it says now, everywhere, and what it said before."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from harness.people import Person, jpeg
from harness.streams import listening
from harness.waiting import eventually
from mastodon import MastodonNotFoundError, StreamListener

SOON = 30.0


class Edits(StreamListener):
    """Keeps what edits bring."""

    def __init__(self) -> None:
        self.contents: list[str] = []

    def on_status_update(self, status: Any) -> None:
        self.contents.append(status["content"])


def test_an_edit_is_seen_everywhere_and_its_history_by_all(http: httpx2.Client, alice: Person, bob: Person) -> None:
    bob.api.account_follow(alice.account_id)
    picture = alice.api.media_post(jpeg(), mime_type="image/jpeg", description="Before")
    post_id = str(alice.api.status_post("Teh first word", media_ids=[picture["id"]])["id"])
    bob.api.status_favourite(post_id)
    eventually(bob.home_ids, lambda ids: post_id in ids, within=SOON, what="bob's home with the post")
    live = Edits()
    with listening(bob, live):
        edited = alice.api.status_update(
            post_id,
            "The first word #spelling",
            spoiler_text="words",
            media_attributes=[alice.api.generate_media_edit_attributes(picture["id"], description="After")],
        )
        eventually(lambda: live.contents, bool, within=SOON, what="the edit on bob's stream")
    assert "The first word" in live.contents[-1]
    assert (edited["spoiler_text"], edited["favourites_count"], edited["media_attachments"][0]["description"]) == (
        "words",
        1,
        "After",
    )
    assert edited["edited_at"] is not None
    for who in (alice, bob):
        status = who.api.status(post_id)
        assert "The first word" in status["content"]
        assert [tag["name"] for tag in status["tags"]] == ["spelling"]
    assert "The first word" in bob.api.timeline_home()[0]["content"]
    assert alice.api.status_source(post_id)["text"] == "The first word #spelling"
    first, second = http.get(f"/api/v1/statuses/{post_id}/history").json()
    assert ("Teh first word" in first["content"], first["media_attachments"][0]["description"]) == (True, "Before")
    assert ("The first word" in second["content"], second["spoiler_text"]) == (True, "words")
    assert [status["content"] for status in alice.api.status_history(post_id)] == [first["content"], second["content"]]
    eventually(
        lambda: [str(found["id"]) for found in bob.api.search_v2("spelling", result_type="statuses")["statuses"]],
        lambda ids: post_id in ids,
        within=SOON,
        what="the edited post among what is found",
    )
    with pytest.raises(MastodonNotFoundError):
        bob.api.status_update(post_id, "Not mine")
    alice.api.status_delete(post_id)
    assert http.get(f"/api/v1/statuses/{post_id}/history").status_code == 404
