"""What people write now and publish later. That it is published at its time is shown where a clock can be moved on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from harness.people import Person, jpeg
from mastodon import MastodonAPIError, MastodonNotFoundError


def test_a_status_waits_for_its_time_and_can_be_moved_and_deleted_until_then(
    http: httpx2.Client, alice: Person, bob: Person
) -> None:
    due_at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    picture = alice.api.media_post(jpeg(), mime_type="image/jpeg", description="A fence")
    with pytest.raises(MastodonAPIError):
        alice.api.status_post("Too soon", scheduled_at=due_at - timedelta(minutes=57))
    made = alice.api.status_post("Later", media_ids=[picture["id"]], visibility="unlisted", scheduled_at=due_at)
    assert (made["scheduled_at"], made["params"]["text"], made["params"]["visibility"]) == (due_at, "Later", "unlisted")
    assert made["media_attachments"][0]["description"] == "A fence"
    assert [each["id"] for each in alice.api.scheduled_statuses()] == [made["id"]]
    assert (bob.api.scheduled_statuses(), alice.api.account_statuses(alice.account_id)) == ([], [])

    moved = alice.api.scheduled_status_update(made["id"], due_at + timedelta(hours=1))
    assert moved["scheduled_at"] == due_at + timedelta(hours=1)
    assert alice.api.scheduled_status(made["id"])["scheduled_at"] == moved["scheduled_at"]
    with pytest.raises(MastodonNotFoundError):
        bob.api.scheduled_status(made["id"])

    alice.api.scheduled_status_delete(made["id"])
    assert alice.api.scheduled_statuses() == []
    posted = alice.api.status_post("Now", media_ids=[picture["id"]])  # The picture is free again.
    assert posted["media_attachments"][0]["id"] == picture["id"]
    headers = {"authorization": f"Bearer {alice.token}"}
    assert http.delete(f"/api/v1/scheduled_statuses/{made['id']}", headers=headers).status_code == 404
