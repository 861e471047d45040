"""What one account is to another decides what it is shown of it, on every surface, with the next request.

One table says what each viewer is to see of an author on each surface; everything in it is asked for and compared.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx2
import pytest
from harness.moderators import appoint
from harness.people import Person, Town
from harness.platform import Platform
from harness.waiting import eventually

# An event, its indexing, and the engine's refresh, on a machine that is busy.
INDEXED_SECONDS = 60.0
AT_ONCE = 6
VIEWERS = ("stranger", "acquaintance", "follower", "blocked", "blocking", "muted", "muting", "self", "moderator")
FOLLOWING = frozenset({"follower", "muted", "muting"})
APART = frozenset({"blocked", "blocking"})
EVERYBODY = frozenset(VIEWERS)
SIGNED_IN = EVERYBODY - {"stranger"}
WELCOME = EVERYBODY - APART
Cell = tuple[str, str]  # surface, viewer


@dataclass(frozen=True)
class Author:
    """Somebody to look at, and what they have written: for all, for followers, and in answer to the witness."""

    person: Person
    public_id: str
    private_id: str
    answer_id: str
    word: str


class Looking:
    """What a viewer is shown of an author, surface by surface."""

    def __init__(self, http: httpx2.Client, token: str, author: Author, witness: Person, asked_id: str) -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._author = author
        self._witness = witness
        self._asked_id = asked_id

    def profile(self) -> bool:
        return self._get(f"/api/v1/accounts/{self._author.person.account_id}").status_code == 200

    def public_post(self) -> bool:
        return self._get(f"/api/v1/statuses/{self._author.public_id}").status_code == 200

    def private_post(self) -> bool:
        return self._get(f"/api/v1/statuses/{self._author.private_id}").status_code == 200

    def public_post_among_others(self) -> bool:
        return self._author.public_id in self._ids(f"/api/v1/accounts/{self._author.person.account_id}/statuses")

    def private_post_among_others(self) -> bool:
        return self._author.private_id in self._ids(f"/api/v1/accounts/{self._author.person.account_id}/statuses")

    def answer_in_a_thread(self) -> bool:
        thread = self._get(f"/api/v1/statuses/{self._asked_id}/context").json()
        return self._author.answer_id in [status["id"] for status in thread["descendants"]]

    def home(self) -> bool:
        return self._author.public_id in self._ids("/api/v1/timelines/home")

    def hashtag_timeline(self) -> bool:
        return self._author.public_id in self._ids(f"/api/v1/timelines/tag/{self._author.word}")

    def status_search(self) -> bool:
        return self._author.public_id in self._found("statuses", self._author.word)

    def account_search(self) -> bool:
        return self._author.person.account_id in self._found("accounts", self._author.person.username)

    def among_followers_of_another(self) -> bool:
        return self._author.person.account_id in self._ids(f"/api/v1/accounts/{self._witness.account_id}/followers")

    def among_endorsements_of_another(self) -> bool:
        return self._author.person.account_id in self._ids(f"/api/v1/accounts/{self._witness.account_id}/endorsements")

    def followers(self) -> bool:
        return self._witness.account_id in self._ids(f"/api/v1/accounts/{self._author.person.account_id}/followers")

    def notification(self) -> bool:
        told = self._get("/api/v1/notifications", limit=80)
        listed = told.json() if told.status_code == 200 else []
        return self._author.person.account_id in [each["account"]["id"] for each in listed]

    def favouriting(self) -> bool:
        return self._post(f"/api/v1/statuses/{self._author.public_id}/favourite", {}).status_code == 200

    def answering(self) -> bool:
        body = {"status": "Indeed", "in_reply_to_id": self._author.public_id, "visibility": "unlisted"}
        return self._post("/api/v1/statuses", body).status_code == 200

    def following(self) -> bool:
        return self._post(f"/api/v1/accounts/{self._author.person.account_id}/follow", {}).status_code == 200

    def conversation(self) -> bool:
        body = {"member_ids": [self._author.person.account_id]}
        return self._post("/api/rookery/v1/conversations", body).status_code == 200

    def _ids(self, path: str) -> list[str]:
        answer = self._get(path, limit=40)
        return [each["id"] for each in answer.json()] if answer.status_code == 200 else []

    def _found(self, kind: str, query: str) -> list[str]:
        answer = self._get("/api/v2/search", q=query, type=kind)
        return [each["id"] for each in answer.json()[kind]] if answer.status_code == 200 else []

    def _get(self, path: str, **params: str | int) -> httpx2.Response:
        return self._http.get(path, params=params, headers=self._headers)

    def _post(self, path: str, body: Mapping[str, object]) -> httpx2.Response:
        return self._http.post(path, json=body, headers=self._headers)


# Who is shown the author on which surface. In this order: what viewers do comes after what they look at.
TABLE: Mapping[Callable[[Looking], bool], frozenset[str]] = {
    Looking.profile: EVERYBODY,
    Looking.public_post: WELCOME,
    Looking.private_post: FOLLOWING | {"self"},
    Looking.public_post_among_others: WELCOME,
    Looking.private_post_among_others: FOLLOWING | {"self"},
    Looking.answer_in_a_thread: WELCOME,
    Looking.home: FOLLOWING - {"muting"} | {"self"},
    Looking.hashtag_timeline: WELCOME - {"muting"},
    Looking.status_search: WELCOME - {"stranger"},
    Looking.account_search: WELCOME,
    Looking.among_followers_of_another: WELCOME,
    Looking.among_endorsements_of_another: WELCOME,
    Looking.followers: EVERYBODY - {"blocked"},
    Looking.notification: SIGNED_IN - APART - {"muting", "self"},
    Looking.favouriting: WELCOME - {"stranger"},
    Looking.answering: WELCOME - {"stranger"},
    Looking.conversation: WELCOME - {"stranger", "self"},
    Looking.following: WELCOME - {"stranger", "self"},
}


def _author(town: Town, witness: Person, asked_id: str, viewers: Mapping[str, Person], *, locked: bool) -> Author:
    """Followed by the witness and by those who will be, before anybody blocks or mutes."""
    person = town.newcomer("author")
    if locked:
        person.api.account_update_credentials(locked=True)
    for follower in (witness, *(viewers[name] for name in sorted(FOLLOWING | APART))):
        asked = follower.api.account_follow(person.account_id)
        assert (asked["following"], asked["requested"]) == (not locked, locked)
        if locked:
            assert person.api.follow_request_authorize(follower.account_id)["followed_by"]
    person.api.account_follow(witness.account_id)
    witness.api.account_pin(person.account_id)
    word = f"rare{secrets.token_hex(6)}"
    names = " ".join(f"@{viewer.username}" for viewer in viewers.values())
    person.api.status_post(f"Look, {names}", visibility="unlisted")
    public = person.api.status_post(f"The #{word} is back")
    private = person.api.status_post("For my friends", visibility="private")
    answer = person.api.status_post("So it is", in_reply_to_id=asked_id)
    return Author(person, str(public["id"]), str(private["id"]), str(answer["id"]), word)


def _relate(author: Person, viewers: Mapping[str, Person]) -> None:
    author.api.account_block(viewers["blocked"].account_id)
    viewers["blocking"].api.account_block(author.account_id)
    author.api.account_mute(viewers["muted"].account_id)
    viewers["muting"].api.account_mute(author.account_id)


def _seen(surface: Callable[[Looking], bool], looking: Mapping[str, Looking]) -> set[str]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {name for name, shown in zip(looking, pool.map(surface, looking.values()), strict=True) if shown}


@pytest.fixture(scope="module")
def signed_in(platform: Platform, town: Town) -> dict[str, Person]:
    """Those who look, by what they are to be to each author."""
    people = {name: town.newcomer(name) for name in VIEWERS if name in SIGNED_IN - {"self", "moderator"}}
    return people | {"moderator": appoint(platform.url)}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("locked", [False, True], ids=["open", "locked"])
def test_each_viewer_is_shown_what_the_table_says_on_every_surface(
    platform: Platform, town: Town, http: httpx2.Client, signed_in: dict[str, Person], locked: bool
) -> None:
    witness = town.newcomer("witness")
    asked_id = str(witness.api.status_post("Is it back?")["id"])
    author = _author(town, witness, asked_id, signed_in, locked=locked)
    tokens = {"stranger": "", "self": author.person.token} | {name: who.token for name, who in signed_in.items()}
    looking = {name: Looking(http, token, author, witness, asked_id) for name, token in tokens.items()}
    platform.drain()
    eventually(looking["follower"].status_search, bool, within=INDEXED_SECONDS, what="the post in a search")
    eventually(looking["follower"].hashtag_timeline, bool, within=INDEXED_SECONDS, what="the post by its hashtag")
    _relate(author.person, signed_in)
    seen = {surface.__name__: _seen(surface, looking) for surface in TABLE}
    assert seen == {surface.__name__: set(viewers) for surface, viewers in TABLE.items()}
    followers = author.person.api.account_verify_credentials()["followers_count"]
    assert followers == len(FOLLOWING) + 1 + (0 if locked else len({"acquaintance", "moderator"}))
