"""Notifications beyond likes and mentions: of edits, takedowns, messages; and many of one kind as one group."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from harness.moderators import ROLE_SECONDS, appoint, change_role
from harness.people import Person, Town
from harness.platform import Platform
from harness.waiting import eventually

CONVERSATIONS = "/api/rookery/v1/conversations"
DESK = "/api/rookery/v1/desk/decisions"
STAFF_SECONDS = 60.0


@pytest.fixture
def moderator(platform: Platform) -> Person:
    return appoint(platform.url)


def test_an_edit_a_takedown_and_a_message_are_told(
    platform: Platform, http: httpx2.Client, alice: Person, bob: Person, moderator: Person
) -> None:
    posted = alice.api.status_post("Teh word")
    bob.api.status_reblog(posted)
    platform.drain()
    alice.api.status_update(posted["id"], "The word")
    platform.drain()
    alice.api.status_update(posted["id"], "The words")
    opened = http.post(
        CONVERSATIONS,
        json={"member_ids": [bob.account_id], "title": ""},
        headers={"authorization": f"Bearer {alice.token}"},
    )
    opened.raise_for_status()
    talk = opened.json()["id"]
    said = http.post(
        f"{CONVERSATIONS}/{talk}/messages", json={"text": "Seen?"}, headers={"authorization": f"Bearer {alice.token}"}
    )
    said.raise_for_status()
    platform.drain()
    told = {each["type"]: each for each in bob.api.notifications()}
    assert len(bob.api.notifications()) == 2
    assert "The words" in told["update"]["status"]["content"]
    assert (told["message"]["account"]["username"], told["message"]["conversation_id"]) == (alice.username, talk)

    decision = {"post_id": posted["id"], "state": "removed"}
    http.post(DESK, json=decision, headers={"authorization": f"Bearer {moderator.token}"}).raise_for_status()
    platform.drain()
    (warned,) = alice.api.notifications(types=["moderation_warning"])
    assert warned["moderation_warning"]["status_ids"] == [str(posted["id"])]
    http.post(DESK, json=decision | {"state": "visible"}, headers={"authorization": f"Bearer {moderator.token}"})
    platform.drain()
    assert alice.api.notifications(types=["moderation_warning"]) == []


def test_the_staff_hears_of_reports_and_newcomers_for_as_long_as_it_is_the_staff(
    platform: Platform, alice: Person, bob: Person, moderator: Person
) -> None:
    posted = bob.api.status_post("Rude")
    desk: Any = moderator.api

    def filed() -> list[Any]:
        """Whoever was appointed just now is not told of what happens within two seconds; so below."""
        alice.api.report(bob.account_id, status_ids=[posted["id"]], comment="Look at this")
        platform.drain()
        told = desk.notifications(types=["admin.report"])
        return [each for each in told if str(each["account"]["id"]) == alice.account_id]

    (told, *_) = eventually(filed, bool, within=STAFF_SECONDS, step=1.0, what="a report is told of")
    assert (told["report"]["comment"], told["report"]["status_ids"]) == ("Look at this", [str(posted["id"])])
    assert told["report"]["target_account"]["username"] == bob.username

    def joined() -> bool:
        newcomer = Town(platform.url).newcomer("newcomer")
        platform.drain()
        told = desk.notifications(types=["admin.sign_up"], limit=80)
        return newcomer.username in [each["account"]["username"] for each in told]

    eventually(joined, bool, within=STAFF_SECONDS, step=1.0, what="a newcomer is told of")
    assert alice.api.notifications(types=["admin.sign_up", "admin.report"]) == []
    change_role("revoke-role", moderator)
    eventually(desk.notifications, lambda found: not found, within=ROLE_SECONDS, what="the staff's business is gone")


def test_likes_of_a_post_are_one_group_that_is_read_counted_and_dismissed(
    platform: Platform, alice: Person, bob: Person, carol: Person
) -> None:
    posted = alice.api.status_post("Like me")
    for person in (bob, carol):
        person.api.status_favourite(posted)
    bob.api.status_post(f"@{alice.username} hello")
    platform.drain()
    found = alice.api.grouped_notifications()
    mention, liked = found.notification_groups
    assert (mention.type, liked.type, liked.notifications_count) == ("mention", "favourite", 2)
    assert [str(number) for number in liked.sample_account_ids] == [carol.account_id, bob.account_id]
    assert str(liked.status_id) == str(posted["id"])
    assert {each.username for each in [*found.accounts, *found.partial_accounts]} == {bob.username, carol.username}
    assert alice.api.unread_grouped_notifications_count() == 2
    members = alice.api.grouped_notification_accounts(liked.group_key)
    assert [each.username for each in members] == [carol.username, bob.username]
    bob.api.status_unfavourite(posted)
    platform.drain()
    one = alice.api.grouped_notification(liked.group_key)
    assert one.notification_groups[0].notifications_count == 1
    alice.api.dismiss_grouped_notification(liked.group_key)
    assert [each.type for each in alice.api.grouped_notifications().notification_groups] == ["mention"]
    assert [each["type"] for each in alice.api.notifications()] == ["mention"]
