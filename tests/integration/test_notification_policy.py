"""Of whom one wants to hear, and by which ways: strangers are kept apart until one accepts them."""

from __future__ import annotations

import httpx2
import pytest
from harness.people import Person
from harness.platform import Platform

from rookery_common.testing.browser import PushedBrowser

PREFERENCES = "/api/rookery/v1/notifications/preferences"


def test_what_strangers_do_waits_as_a_request_until_it_is_accepted(
    platform: Platform, alice: Person, bob: Person, carol: Person
) -> None:
    policy = alice.api.update_notifications_policy(for_not_following="filter")
    assert (policy.for_not_following, policy.for_private_mentions) == ("filter", "filter")
    alice.api.account_follow(bob.account_id)
    for person in (bob, carol):
        person.api.status_post(f"@{alice.username} hello")
    platform.drain()
    assert [each.account.username for each in alice.api.notifications()] == [bob.username]
    (request,) = alice.api.notification_requests()
    assert (request.account.username, str(request.notifications_count)) == (carol.username, "1")
    assert f"@{alice.username}" in alice.api.notification_request(request.id).last_status.content
    assert alice.api.notifications_policy().summary.pending_requests_count == 1
    alice.api.accept_notification_request(request.id)
    assert alice.api.notifications_merged()
    assert {each.account.username for each in alice.api.notifications()} == {bob.username, carol.username}
    assert list(alice.api.notification_requests()) == []


@pytest.mark.local
def test_a_kind_that_one_does_not_want_pushed_is_in_the_list_alone(
    platform: Platform, http: httpx2.Client, alice: Person, bob: Person
) -> None:
    browser = PushedBrowser()
    with browser.listening():
        keys = {"pubkey": browser.p256dh, "auth": browser.auth}
        alice.api.push_subscription_set(browser.endpoint, keys, mention_events=True, follow_events=True)
        body = {"kinds": {"mention": {"push": False}}}
        headers = {"authorization": f"Bearer {alice.token}"}
        chosen = http.patch(PREFERENCES, json=body, headers=headers)
        assert chosen.json()["kinds"]["mention"] == {"stream": True, "push": False, "email": True}
        bob.api.status_post(f"@{alice.username} hello")
        platform.drain()
        bob.api.account_follow(alice.account_id)
        platform.drain()
        assert browser.next(60)[1]["notification_type"] == "follow"
        assert {each.type for each in alice.api.notifications()} == {"mention", "follow"}
