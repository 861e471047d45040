"""Who deletes their account is gone for everybody: profile, posts, counts, sessions and the name."""

from __future__ import annotations

import secrets

import httpx2
from harness.browser import Browser, sign_in
from harness.people import PASSWORD, Person, Town
from harness.waiting import eventually

CONVERSATIONS = "/api/rookery/v1/conversations"
# What ends sessions, and what the worker does first, take about a second.
SOON_SECONDS = 30.0


def _bearer(person: Person) -> dict[str, str]:
    return {"authorization": f"Bearer {person.token}"}


def _say_hi(http: httpx2.Client, one: Person, other: Person) -> str:
    """The conversation."""
    body = {"member_ids": [other.account_id], "title": ""}
    talk: str = http.post(CONVERSATIONS, json=body, headers=_bearer(one)).json()["id"]
    said = http.post(f"{CONVERSATIONS}/{talk}/messages", json={"text": "Hi"}, headers=_bearer(one))
    assert said.status_code == 200, said.text
    return talk


def _left(http: httpx2.Client, person: Person, liked: object, talk: str) -> tuple[int, list[tuple[str, bool]]]:
    """How many like a post of this person's, and what was said in a conversation, and whether it is gone."""
    messages = http.get(f"{CONVERSATIONS}/{talk}/messages", headers=_bearer(person)).json()["items"]
    return person.api.status(liked)["favourites_count"], [(each["text"], each["deleted"]) for each in messages]


def _delete(http: httpx2.Client, person: Person) -> None:
    """On the page, after a slip in the name."""
    browser = Browser(http)
    sign_in(browser, person)  # who has proved by that who they are
    browser.open("/auth/delete")
    assert "This is not your username." in browser.submit("/auth/delete", username="somebody_else")
    assert http.get("/api/v1/accounts/verify_credentials", headers=_bearer(person)).status_code == 200
    assert "is deleted" in browser.submit("/auth/delete", username=person.username)


def _refuse_to_come_back(person: Person, town: Town, http: httpx2.Client) -> None:
    refused = http.post("/auth/sign_in", data={"login": person.username, "password": PASSWORD})
    assert refused.status_code == 401
    email = f"{person.username}@example.org"
    form = {"username": person.username, "email": email, "password": PASSWORD, "agreement": True, "locale": "en"}
    again = http.post("/api/v1/accounts", json=form, headers={"authorization": f"Bearer {town.app_token()}"})
    assert again.status_code == 422
    assert again.json()["details"]["username"][0]["error"] == "ERR_TAKEN"


def test_an_account_is_deleted_by_its_owner_and_is_gone_for_everybody(
    alice: Person, bob: Person, carol: Person, town: Town, http: httpx2.Client
) -> None:
    as_alice, as_bob = _bearer(alice), _bearer(bob)
    for follower, followed in ((alice, bob), (bob, alice), (carol, alice), (carol, bob)):
        follower.api.account_follow(followed.account_id)
    word = f"rare{secrets.token_hex(6)}"
    post = str(alice.api.status_post(f"The kingfisher said {word}")["id"])
    liked = bob.api.status_post("Hello")["id"]
    alice.api.status_favourite(liked)
    talk = _say_hi(http, alice, bob)

    def found() -> list[str]:
        answer = bob.api.search_v2(word, result_type="statuses")
        return [str(status["id"]) for status in answer["statuses"]]

    def told() -> list[str]:
        return [str(each["account"]["id"]) for each in bob.api.notifications(limit=40)]

    eventually(bob.home_ids, lambda ids: post in ids, within=SOON_SECONDS, what="the post in a follower's home")
    eventually(found, lambda ids: ids == [post], within=SOON_SECONDS, what="the post is found")
    eventually(told, lambda ids: alice.account_id in ids, within=SOON_SECONDS, what="the notifications")

    _delete(http, alice)
    assert http.get(f"/api/v1/accounts/{alice.account_id}", headers=as_bob).status_code == 404
    assert http.get("/api/v1/accounts/lookup", params={"acct": alice.username}, headers=as_bob).status_code == 404
    assert http.get(f"/api/v1/statuses/{post}", headers=as_bob).status_code == 404
    assert post not in bob.home_ids()
    assert found() == []
    assert alice.account_id not in told()
    eventually(
        lambda: http.get("/api/v1/timelines/home", headers=as_alice).status_code,
        lambda status: status == 401,
        within=SOON_SECONDS,
        what="the token is refused",
    )
    _refuse_to_come_back(alice, town, http)

    def counts() -> tuple[int, int, int]:
        seen, other = (bob.api.account(each.account_id) for each in (bob, carol))
        return seen["followers_count"], seen["following_count"], other["following_count"]

    eventually(counts, lambda numbers: numbers == (1, 0, 1), within=SOON_SECONDS, what="others' counts are exact")
    eventually(
        lambda: _left(http, bob, liked, talk),
        lambda seen: seen == (0, [("", True)]),
        within=SOON_SECONDS,
        what="what it liked and said is erased",
    )
