"""Engines stop and processes die in the middle: nothing acknowledged is lost, nothing comes twice.

Named to run after the other flows, since it takes engines away from under the platform.
"""

from __future__ import annotations

import pytest
from harness.people import Person
from harness.platform import Platform
from harness.waiting import eventually
from mastodon.errors import MastodonError

RECOVERY_SECONDS = 90.0


@pytest.mark.alone
@pytest.mark.local
def test_posts_made_while_kafka_is_down_reach_feeds_when_it_returns(
    platform: Platform, alice: Person, bob: Person
) -> None:
    bob.api.account_follow(alice.account_id)
    platform.drain()
    platform.stop("kafka")
    try:
        posted = [str(alice.api.status_post(f"In the dark {number}")["id"]) for number in range(3)]
        assert alice.home_ids() == posted[::-1]
    finally:
        platform.start("kafka")
    eventually(lambda: _home(bob), lambda ids: ids == posted[::-1], within=RECOVERY_SECONDS, what="bob's home")


def test_feed_killed_while_it_fans_out_shows_each_post_once(platform: Platform, alice: Person, bob: Person) -> None:
    bob.api.account_follow(alice.account_id)
    platform.drain()
    posted = []
    for number in range(12):
        posted.append(str(alice.api.status_post(f"Under fire {number}")["id"]))
        if number % 4 == 1:
            platform.kill("feed")
            platform.start("feed")
    eventually(lambda: _home(bob), lambda ids: ids == posted[::-1], within=RECOVERY_SECONDS, what="bob's home")


@pytest.mark.alone
def test_home_is_complete_after_redis_lost_everything(platform: Platform, alice: Person, bob: Person) -> None:
    bob.api.account_follow(alice.account_id)
    posted = [str(alice.api.status_post(f"Kept {number}")["id"]) for number in range(5)]
    platform.drain()
    eventually(lambda: _home(bob), lambda ids: ids == posted[::-1], within=RECOVERY_SECONDS, what="bob's home")
    platform.flush_caches()
    eventually(lambda: _home(bob), lambda ids: ids == posted[::-1], within=RECOVERY_SECONDS, what="bob's home")
    later = str(alice.api.status_post("And on")["id"])
    platform.drain()
    assert bob.home_ids() == [later, *posted[::-1]]


def test_post_service_killed_loses_no_acknowledged_post(platform: Platform, alice: Person, bob: Person) -> None:
    bob.api.account_follow(alice.account_id)
    platform.drain()
    acknowledged = str(alice.api.status_post("Acknowledged")["id"])
    platform.kill("post")
    platform.start("post")
    eventually(
        lambda: _home(bob), lambda ids: ids == [acknowledged], within=RECOVERY_SECONDS, what="the acknowledged post"
    )


def _home(person: Person) -> list[str]:
    try:
        return person.home_ids()
    except MastodonError as error:  # what was killed is away for a moment: that is the point
        return [type(error).__name__]
