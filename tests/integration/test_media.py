"""Uploads that are not wanted after all."""

from __future__ import annotations

import httpx2
import pytest
from harness.people import Person, jpeg
from mastodon.errors import MastodonAPIError


def test_an_upload_is_deleted_unless_a_status_has_it(http: httpx2.Client, alice: Person, bob: Person) -> None:
    def delete(who: Person, media_id: str) -> int:
        headers = {"authorization": f"Bearer {who.token}"}
        return http.delete(f"/api/v1/media/{media_id}", headers=headers).status_code

    unwanted, shown = [str(alice.api.media_post(jpeg(), mime_type="image/jpeg")["id"]) for _ in range(2)]
    alice.api.status_post("A picture", media_ids=[shown])
    assert delete(bob, unwanted) == 404
    assert delete(alice, shown) == 422
    assert delete(alice, unwanted) == 200
    assert delete(alice, unwanted) == 404
    with pytest.raises(MastodonAPIError):
        alice.api.status_post("Another picture", media_ids=[unwanted])
