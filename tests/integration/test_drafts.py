"""Drafts: begun on one device, finished on another, posted once."""

from __future__ import annotations

import httpx2
from harness.people import Person

PATH = "/api/rookery/v1/drafts"


def test_a_draft_is_begun_here_finished_there_and_posted_once(http: httpx2.Client, alice: Person, bob: Person) -> None:
    own, other = ({"authorization": f"Bearer {each.token}"} for each in (alice, bob))
    begun = http.post(PATH, json={"status": "A king", "visibility": "unlisted"}, headers=own)
    assert begun.status_code == 200
    one, seen = f"{PATH}/{begun.json()['id']}", own | {"if-match": begun.headers["etag"]}
    assert http.get(one, headers=other).status_code == 404
    changed = http.put(one, json={"status": "A kingfisher"}, headers=seen)
    assert changed.json()["params"]["text"] == "A kingfisher"
    assert http.put(one, json={"status": "A crow"}, headers=seen).status_code == 412
    assert http.get(PATH, headers=own).json()["items"] == [changed.json()]
    once = own | {"idempotency-key": "once"}
    posted = [http.post(f"{one}/publish", headers=once).json() for _ in range(2)]
    assert [each["content"] for each in posted] == ["<p>A kingfisher</p>"] * 2
    assert posted[0]["id"] == posted[1]["id"]
    assert bob.api.status(posted[0]["id"])["content"] == "<p>A kingfisher</p>"
    assert http.get(PATH, headers=own).json()["items"] == []
