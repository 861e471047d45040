"""What one has here goes along, and comes back elsewhere: here, as another account's."""

from __future__ import annotations

from typing import Any

import httpx2
from harness.browser import Browser, sign_in
from harness.people import Person, Town
from harness.waiting import eventually

IMPORTS = "/api/rookery/v1/imports"


def brought(http: httpx2.Client, person: Person, kind: str, text: str) -> dict[str, Any]:
    """How an import of a file has ended."""
    bearer = {"authorization": f"Bearer {person.token}"}
    made = http.post(IMPORTS, headers=bearer, files={"data": (f"{kind}.csv", text)}, data={"type": kind})
    assert made.status_code == 202, made.text
    found: dict[str, Any] = eventually(
        lambda: http.get(f"{IMPORTS}/{made.json()['id']}", headers=bearer).json(),
        lambda progress: progress["finished_at"] is not None,
        within=120,
        what="the import is done",
    )
    return found


def test_follows_mutes_and_lists_go_along_and_are_brought_by_another(
    alice: Person, bob: Person, carol: Person, town: Town, http: httpx2.Client
) -> None:
    alice.api.account_follow(bob.account_id, reblogs=False)
    alice.api.account_follow(carol.account_id)
    alice.api.account_mute(carol.account_id, notifications=False)
    birds = alice.api.list_create("=Birds")
    alice.api.list_accounts_add(birds, [bob.account_id])
    browser = Browser(http)
    sign_in(browser, alice)  # who has proved by that who she is
    files = {
        "following": browser.open("/auth/data/following_accounts.csv"),
        "muting": browser.open("/auth/data/muted_accounts.csv"),
        "lists": browser.open("/auth/data/lists.csv"),
    }
    assert "'=Birds" in files["lists"]
    assert f'"username": "{alice.username}"' in browser.open("/auth/data/account.json")
    assert browser.open("/auth/data/blocked_accounts.csv") == ""

    dan = town.newcomer("dan")
    files["following"] += "nobody-at-all,true,false,\n"
    [failure] = brought(http, dan, "following", files["following"])["failures"]
    assert (failure["line"], failure["reason"]) == (4, "ACCOUNT_NOT_FOUND")
    assert brought(http, dan, "muting", files["muting"])["done"] == 1
    assert brought(http, dan, "lists", files["lists"])["failed"] == 0
    relations = {str(each["id"]): each for each in dan.api.account_relationships([bob.account_id, carol.account_id])}
    assert relations[bob.account_id]["following"]
    assert not relations[bob.account_id]["showing_reblogs"]
    assert relations[carol.account_id]["muting"]
    assert not relations[carol.account_id]["muting_notifications"]
    [made] = dan.api.lists()
    assert made["title"] == "=Birds"
    assert [str(each["id"]) for each in dan.api.list_accounts(made)] == [bob.account_id]


def test_bookmarks_go_along_and_are_brought_by_another(
    alice: Person, bob: Person, town: Town, http: httpx2.Client
) -> None:
    post = bob.api.status_post("Worth keeping")
    hidden = bob.api.status_post("For followers", visibility="private")
    alice.api.status_bookmark(post)
    browser = Browser(http)
    sign_in(browser, alice)  # who has proved by that who she is
    text = browser.open("/auth/data/bookmarks.csv")
    assert text.strip() == post["uri"]
    dan = town.newcomer("dan")
    text += f"{hidden['uri']}\nhttps://elsewhere.example/users/eve/statuses/1\n"
    for _ in range(2):
        found = brought(http, dan, "bookmarks", text)
        failures = [(each["line"], each["reason"]) for each in found["failures"]]
        assert (found["done"], failures) == (1, [(2, "POST_NOT_FOUND"), (3, "POST_NOT_FOUND")])
    assert [str(each["id"]) for each in dan.api.bookmarks()] == [str(post["id"])]
