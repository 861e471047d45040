"""Where every post waits for moderation, nobody but its author sees it until moderation lets it go.

Named to run after the other flows, since it starts post with another setting.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import httpx2
import pytest
from harness.moderators import appoint
from harness.people import Person
from harness.platform import Platform
from harness.settings import running_with
from harness.waiting import eventually
from mastodon.errors import MastodonError

pytestmark = pytest.mark.local

SOON_SECONDS = 30.0


@pytest.fixture
def moderator(platform: Platform) -> Person:
    return appoint(platform.url)


class Viewer:
    """Where somebody comes upon a post; None for a stranger."""

    def __init__(self, http: httpx2.Client, person: Person | None) -> None:
        self._http, self._person = http, person
        self._headers = {"authorization": f"Bearer {person.token}"} if person else {}

    def places(self, post_id: str, author: Person, word: str) -> set[str]:
        """The places that show it."""
        paths = {"profile": f"/api/v1/accounts/{author.account_id}/statuses"}
        if self._person:
            paths |= {"home": "/api/v1/timelines/home", "search": f"/api/v2/search?type=statuses&q={word}"}
        found = {place for place, path in paths.items() if post_id in self._ids(path)}
        return found | {"page"} if self.status(post_id) == 200 else found

    def status(self, post_id: str) -> int:
        """Of a direct read."""
        return self._http.get(f"/api/v1/statuses/{post_id}", headers=self._headers).status_code

    def _ids(self, path: str) -> set[str]:
        answer = self._http.get(path, headers=self._headers)
        answer.raise_for_status()
        body = answer.json()
        return {status["id"] for status in (body["statuses"] if isinstance(body, dict) else body)}


def _answered(act: Callable[[], str]) -> str:
    """What it gives once the gateway has found the service that was started."""

    def tried() -> str:
        try:
            return act()
        except MastodonError:
            return ""

    return eventually(tried, bool, within=SOON_SECONDS, what="an answer of post")


def test_a_held_post_is_its_author_s_and_the_moderators_until_moderation_lets_it_go(
    platform: Platform, http: httpx2.Client, moderator: Person, alice: Person, bob: Person
) -> None:
    bob.api.account_follow(alice.account_id)
    platform.drain()
    word = f"nightjar{secrets.token_hex(4)}"
    author, follower, stranger, reviewer = (Viewer(http, person) for person in (alice, bob, None, moderator))
    with running_with(platform, "post", POST_HOLD_POSTS="true"):
        platform.stop("moderation")
        try:
            post_id = _answered(
                lambda: str(alice.api.status_post(f"@{bob.username} a {word}", idempotency_key=word)["id"])
            )
            platform.drain(but="moderation")
            assert author.places(post_id, alice, word) == {"home", "profile", "page"}
            for viewer in (follower, stranger):
                assert viewer.places(post_id, alice, word) == set()
            assert bob.api.notifications(types=["mention"]) == []
            assert reviewer.status(post_id) == 200
        finally:
            platform.start("moderation")
        everywhere = {"home", "profile", "search", "page"}
        eventually(
            lambda: follower.places(post_id, alice, word),
            lambda places: places == everywhere,
            within=SOON_SECONDS,
            what="the places that show it to a follower",
        )
        assert stranger.places(post_id, alice, word) == {"profile", "page"}
        mentions = eventually(
            lambda: bob.api.notifications(types=["mention"]), bool, within=SOON_SECONDS, what="a mention"
        )
        assert [str(mention["status"]["id"]) for mention in mentions] == [post_id]
