"""Whoever is followed, named, liked or boosted is told: in pages, live, and until it is put away or taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness.people import Person
from harness.platform import Platform
from harness.streams import listening
from harness.waiting import eventually
from mastodon import MastodonNotFoundError, StreamListener
from websockets.sync.client import connect

RECOVERY_SECONDS = 90.0


class Recorder(StreamListener):
    def __init__(self) -> None:
        self.told: list[Any] = []

    def on_notification(self, notification: Any) -> None:
        self.told.append(notification)


def told(person: Person, **asked: Any) -> list[tuple[str, str, str]]:
    """Type, account and post of what the person is told, newest first."""
    return [summary(each) for each in person.api.notifications(**asked)]


def summary(notification: Any) -> tuple[str, str, str]:
    status = notification.get("status")
    return notification["type"], notification["account"]["username"], str(status["id"]) if status else ""


def test_follow_mention_and_reply_are_told_once_and_to_nobody_else(
    platform: Platform, alice: Person, bob: Person, carol: Person
) -> None:
    bob.api.account_follow(alice.account_id)
    asked = alice.api.status_post(f"Who is there, @{bob.username}?")
    answered = bob.api.status_reply(asked, "Me")
    platform.drain()
    assert told(alice) == [("mention", bob.username, str(answered["id"])), ("follow", bob.username, "")]
    assert told(bob) == [("mention", alice.username, str(asked["id"]))]
    assert told(carol) == []
    newest = alice.api.notifications()[0]
    assert summary(alice.api.notifications(newest["id"])) == ("mention", bob.username, str(answered["id"]))
    assert str(newest["group_key"]) == f"ungrouped-{newest['id']}"
    with pytest.raises(MastodonNotFoundError):
        carol.api.notifications(newest["id"])


@pytest.mark.alone
def test_what_is_told_survives_the_loss_of_redis(platform: Platform, alice: Person, bob: Person) -> None:
    bob.api.account_follow(alice.account_id)
    platform.drain()
    before = told(alice)
    platform.flush_caches()
    assert told(alice) == before == [("follow", bob.username, "")]
    named = bob.api.status_post(f"@{alice.username} hello")
    platform.drain()
    assert told(alice) == [("mention", bob.username, str(named["id"])), *before]


def test_types_and_accounts_are_chosen(platform: Platform, alice: Person, bob: Person, carol: Person) -> None:
    bob.api.account_follow(alice.account_id)
    carol.api.status_post(f"@{alice.username} hello")
    platform.drain()
    assert [kind for kind, _, _ in told(alice, types=["mention", "poll"])] == ["mention"]
    assert [kind for kind, _, _ in told(alice, exclude_types=["mention"])] == ["follow"]
    assert [kind for kind, _, _ in told(alice, account_id=carol.account_id)] == ["mention"]


def test_pages_have_neither_gap_nor_repetition(platform: Platform, alice: Person, bob: Person) -> None:
    posted = [str(bob.api.status_post(f"@{alice.username} {number}")["id"]) for number in range(7)]
    platform.drain()
    first = alice.api.notifications(limit=2)
    older = alice.api.fetch_remaining(first)
    assert [summary(each)[2] for each in older] == posted[::-1]
    newer = alice.api.fetch_previous(alice.api.notifications(limit=2, max_id=older[3]["id"]))
    assert [summary(each)[2] for each in newer or []] == [posted[4], posted[3]]


def test_an_unfollowing_takes_the_notification_back_and_a_new_follow_brings_another(
    platform: Platform, alice: Person, bob: Person
) -> None:
    bob.api.account_follow(alice.account_id)
    platform.drain()
    (first,) = alice.api.notifications()
    bob.api.account_unfollow(alice.account_id)
    platform.drain()
    assert told(alice) == []
    bob.api.account_follow(alice.account_id)
    platform.drain()
    (second,) = alice.api.notifications()
    assert int(second["id"]) > int(first["id"])


def test_favourites_and_reblogs_are_told_until_they_are_taken_back(
    platform: Platform, alice: Person, bob: Person
) -> None:
    liked = alice.api.status_post("Like me")
    post_id = str(liked["id"])
    bob.api.status_favourite(liked)
    platform.drain()
    bob.api.status_reblog(liked)
    platform.drain()
    assert told(alice) == [("reblog", bob.username, post_id), ("favourite", bob.username, post_id)]
    bob.api.status_unfavourite(liked)
    platform.drain()
    assert told(alice) == [("reblog", bob.username, post_id)]
    bob.api.status_unreblog(liked)
    platform.drain()
    assert told(alice) == []
    bob.api.status_favourite(liked)
    alice.api.status_favourite(liked)
    platform.drain()
    assert told(alice) == [("favourite", bob.username, post_id)]


def test_a_deleted_post_is_told_of_no_longer(platform: Platform, alice: Person, bob: Person) -> None:
    named = bob.api.status_post(f"@{alice.username} hello")
    platform.drain()
    assert len(told(alice)) == 1
    bob.api.status_delete(named)
    platform.drain()
    assert told(alice) == []


@pytest.mark.alone
def test_what_is_dismissed_or_cleared_stays_away(platform: Platform, alice: Person, bob: Person) -> None:
    posted = [str(bob.api.status_post(f"@{alice.username} {number}")["id"]) for number in range(3)]
    platform.drain()
    middle = alice.api.notifications()[1]
    alice.api.notifications_dismiss(middle["id"])
    alice.api.notifications_dismiss(middle["id"])
    assert [post_id for _, _, post_id in told(alice)] == [posted[2], posted[0]]
    platform.flush_caches()
    assert [post_id for _, _, post_id in told(alice)] == [posted[2], posted[0]]
    alice.api.notifications_clear()
    assert told(alice) == []
    later = str(bob.api.status_post(f"@{alice.username} again")["id"])
    platform.drain()
    assert [post_id for _, _, post_id in told(alice)] == [later]


def test_a_notification_arrives_by_server_sent_events(alice: Person, bob: Person) -> None:
    recorder = Recorder()
    with listening(alice, recorder):
        bob.api.account_follow(alice.account_id)
        named = str(bob.api.status_post(f"@{alice.username} hello")["id"])
        expected = {("follow", bob.username, ""), ("mention", bob.username, named)}
        eventually(
            lambda: [summary(each) for each in recorder.told],
            lambda seen: set(seen) == expected and len(seen) == 2,
            within=30,
            what="both notifications",
        )


@pytest.mark.parametrize("stream", ["user", "user:notification"])
def test_a_notification_arrives_by_websocket(platform: Platform, alice: Person, bob: Person, stream: str) -> None:
    address = platform.url.replace("http", "ws", 1)
    with connect(f"{address}/api/v1/streaming?stream={stream}&access_token={alice.token}") as socket:
        assert socket.ping().wait(timeout=30)
        bob.api.account_follow(alice.account_id)
        frame = json.loads(socket.recv(timeout=30))
    assert (frame["stream"], frame["event"]) == ([stream], "notification")
    payload = json.loads(frame["payload"])
    assert (payload["type"], payload["account"]["id"]) == ("follow", bob.account_id)
    (listed,) = alice.api.notifications()
    assert str(listed["id"]) == payload["id"]


def test_what_was_read_on_one_device_is_read_on_all(alice: Person, bob: Person) -> None:
    for number in range(3):
        bob.api.status_post(f"@{alice.username} {number}")

    def unread() -> int:
        return int(alice.api.notifications_unread_count()["count"])

    eventually(unread, lambda count: count == 3, within=30, what="the unread ones")
    newest, middle, _ = [each["id"] for each in alice.api.notifications()]
    marked = alice.api.markers_set(["notifications", "home"], [middle, alice.api.status_post("Mine")["id"]])
    assert {name: marker["version"] for name, marker in marked.items()} == {"notifications": 1, "home": 1}
    assert unread() == 1
    alice.api.markers_set("notifications", newest)
    assert str(alice.api.markers_get("notifications")["notifications"]["last_read_id"]) == str(newest)
    assert unread() == 0


def test_each_act_is_told_once_though_the_service_is_killed_while_it_reads(
    platform: Platform, alice: Person, bob: Person
) -> None:
    posted = []
    for number in range(9):
        posted.append(str(bob.api.status_post(f"@{alice.username} {number}")["id"]))
        if number == 3:
            platform.kill("notification")
        elif number == 6:
            platform.start("notification")
    expected = posted[::-1]
    eventually(lambda: _post_ids(alice), lambda ids: ids == expected, within=RECOVERY_SECONDS, what="notifications")
    platform.drain()
    assert _post_ids(alice) == expected


def _post_ids(person: Person) -> list[str]:
    try:
        return [post_id for _, _, post_id in told(person)]
    except Exception as error:  # the service is away for a moment: that is the point
        return [type(error).__name__]
