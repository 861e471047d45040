"""An author whom many follow is delivered to nobody, and is in everybody's home as before.

Named to run after the other flows, since it starts feed with other settings: three followers are many.
"""

from __future__ import annotations

import re
import time

import httpx2
import pytest
from harness.people import Person, Town
from harness.platform import Platform, required
from harness.settings import running_with
from harness.streams import listening
from harness.waiting import eventually
from mastodon import StreamListener
from mastodon.errors import MastodonError

pytestmark = pytest.mark.local

SOON_SECONDS = 30.0
# Feed counts an author's followers once in six graces.
GRACE_SECONDS = 2
COUNTED_SECONDS = 6 * GRACE_SECONDS + SOON_SECONDS
MANY = 3
# A post is delivered to its author at once, and again when its event comes.
AT_HOME = 2


class Recorder(StreamListener):
    """What a stream has told of, in that order."""

    def __init__(self) -> None:
        self.updates: list[str] = []

    def on_update(self, status: dict[str, object]) -> None:
        self.updates.append(str(status["id"]))


def _counted(name: str) -> float:
    """What feed has counted since it started; 0 for nothing yet."""
    text = httpx2.get(f"http://{required('FEED_HEALTH_ADDRESS')}/metrics", timeout=5).text
    found = re.search(rf"^rookery_feed_{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _deliveries() -> float:
    return _counted("deliveries_total")


class Author:
    """Posts, and waits until what was posted is where it belongs."""

    def __init__(self, platform: Platform, person: Person) -> None:
        self._platform, self._person = platform, person
        self.posted: list[str] = []

    def post(self) -> str:
        """Newest first in `posted`."""
        number = len(self.posted)
        self.posted.insert(0, str(self._person.api.status_post(f"Post {number} to whom it may concern")["id"]))
        self._platform.drain()
        return self.posted[0]

    def post_until(self, mode: str) -> None:
        """Until it is decided that the author's posts go another way, and that holds for the next one."""

        def decided() -> bool:
            self.post()
            return _counted(f'author_mode_changes_total{{mode="{mode}"}}') > 0

        eventually(decided, bool, within=COUNTED_SECONDS, what=mode, step=1)
        time.sleep(GRACE_SECONDS + 0.5)  # It is the post's own time that tells which way it goes.


def _answers(person: Person) -> bool:
    try:
        person.home_ids()
    except MastodonError:
        return False
    return True


def test_an_author_crosses_the_threshold_and_back_and_each_post_is_seen_once(
    platform: Platform, town: Town, alice: Person, bob: Person, carol: Person
) -> None:
    dan = town.newcomer("dan")
    followers = (bob, carol, dan)
    for person in followers:
        person.api.account_follow(alice.account_id)
    birds = bob.api.list_create("Birds")
    bob.api.list_accounts_add(birds, [alice.account_id])
    platform.drain()
    author = Author(platform, alice)
    settings = {"FEED_MERGE_FOLLOWERS": str(MANY), "FEED_MERGE_GRACE_SECONDS": str(GRACE_SECONDS)}
    with running_with(platform, "feed", **settings):
        eventually(lambda: _answers(bob), bool, within=SOON_SECONDS, what="the gateway reaches feed again")
        author.post_until("merged")
        recorder, before = Recorder(), _deliveries()
        with listening(bob, recorder):
            merged = author.post()
            eventually(lambda: recorder.updates, lambda seen: merged in seen, within=SOON_SECONDS, what="the update")
        assert recorder.updates == [merged]
        assert _deliveries() == before + AT_HOME, "to the author alone"
        for person in (alice, *followers):
            assert person.home_ids() == author.posted
        assert [str(each["id"]) for each in bob.api.timeline_list(birds)] == author.posted

        for person in (carol, dan):
            person.api.account_unfollow(alice.account_id)
        platform.drain()
        author.post_until("delivered")
        before = _deliveries()
        author.post()
        assert _deliveries() == before + AT_HOME + 1, "to the author, and the one follower left"
        assert (bob.home_ids(), carol.home_ids()) == (author.posted, [])
    eventually(lambda: _answers(bob), bool, within=SOON_SECONDS, what="the gateway reaches feed again")
    assert bob.home_ids() == alice.home_ids() == author.posted
