"""Web push, as a browser gets it: encrypted for it alone, of what it wants to hear, until it asks for no more."""

from __future__ import annotations

from queue import Empty

import pytest
from harness.people import Person
from harness.platform import Platform
from mastodon import MastodonNotFoundError

from rookery_common.testing.browser import PushedBrowser


@pytest.mark.local
def test_a_browser_is_pushed_what_it_subscribed_to_until_it_ends_that(
    platform: Platform, alice: Person, bob: Person
) -> None:
    browser = PushedBrowser()
    with browser.listening():
        keys = {"pubkey": browser.p256dh, "auth": browser.auth}
        made = alice.api.push_subscription_set(browser.endpoint, keys, mention_events=True, follow_events=False)
        assert (made.endpoint, made.alerts["mention"], made.alerts["follow"]) == (browser.endpoint, True, False)
        assert made.server_key == alice.api.instance()["configuration"]["vapid"]["public_key"]
        assert alice.api.push_subscription().id == made.id
        bob.api.account_follow(alice.account_id)
        named = bob.api.status_post(f"@{alice.username} hello")
        platform.drain()
        headers, pushed = browser.next(60)
        (told,) = alice.api.notifications(types=["mention"])
        assert told["status"]["id"] == named["id"]
        assert (pushed["notification_id"], pushed["notification_type"]) == (str(told["id"]), "mention")
        assert bob.username in pushed["title"]
        assert pushed["access_token"] == alice.token
        assert f"k={made.server_key}" in headers["authorization"]

        muted = bob.api.status_post("A long talk")
        alice.api.status_mute(muted)
        alice.api.create_filter_v2(
            "Spoilers", ["notifications"], "hide", keywords_attributes=[{"keyword": "ending", "whole_word": True}]
        )
        bob.api.status_post(f"@{alice.username} and another thing", in_reply_to_id=muted)
        bob.api.status_post(f"@{alice.username} the ending is")
        bob.api.status_post(f"@{alice.username} pending")
        platform.drain()
        shown = [each["id"] for each in alice.api.notifications(types=["mention"])]
        assert [browser.next(60)[1]["notification_id"]] == [str(shown[0])]
        assert len(shown) == 2

        alice.api.push_subscription_update(mention_events=False)
        alice.api.push_subscription_update(mention_events=True)
        browser.status = 410
        bob.api.status_post(f"@{alice.username} again")
        platform.drain()
        browser.next(60)
        platform.drain()
        with pytest.raises(MastodonNotFoundError):
            alice.api.push_subscription()
        with pytest.raises(Empty):
            browser.next(0.1)
