"""Announcements over HTTP: everybody's part in them, and the staff's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx2
import pytest

from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

PATH, DESK = "/api/v1/announcements", "/api/rookery/v1/desk/announcements"
ADMINISTRATION = ("read", "write", "admin:read", "admin:write")
BIRD, HEART = "\N{BIRD}", "\N{HEAVY BLACK HEART}\ufe0f"


async def _announce(http: httpx2.AsyncClient, world: World, **content: Any) -> dict[str, Any]:
    _, staff = world.newcomer("staff", *ADMINISTRATION)
    body = {"text": "News", "published": True, **content}
    made: dict[str, Any] = (await http.post(DESK, json=body, headers=staff)).raise_for_status().json()
    return made


async def test_one_is_shown_as_mastodon_documents_it(http: httpx2.AsyncClient, world: World) -> None:
    text = "<b>Swept</b> on Sunday\n\nhttps://a.example/b"
    made = await _announce(http, world, text=text, starts_at="2026-03-01", ends_at="2026-03-02T10:30:00+02:00")
    _, headers = world.newcomer("alice")
    (shown,) = (await http.get(PATH, headers=headers)).json()
    content = shown["content"]
    assert content.startswith('<p>&lt;b&gt;Swept&lt;/b&gt; on Sunday</p><p><a href="https://a.example/b"')
    assert shown == {
        "id": "1",
        "content": content,
        "starts_at": "2026-03-01T00:00:00.000Z",
        "ends_at": "2026-03-02T08:30:00.000Z",
        "all_day": False,
        "published_at": "2023-11-14T22:13:20.123Z",
        "updated_at": "2023-11-14T22:13:20.123Z",
        "read": False,
        "mentions": [],
        "statuses": [],
        "tags": [],
        "emojis": [],
        "reactions": [],
    }
    more = {"text": text, "published": True, "scheduled_at": None, "created_at": "2023-11-14T22:13:20.123Z"}
    assert made == {**shown, **more}


async def test_what_is_dismissed_is_shown_if_asked_for(http: httpx2.AsyncClient, world: World) -> None:
    await _announce(http, world)
    _, headers = world.newcomer("alice")
    assert (await http.post(f"{PATH}/1/dismiss", headers=headers)).json() == {}
    assert (await http.get(PATH, headers=headers)).json() == []
    (shown,) = (await http.get(f"{PATH}?with_dismissed=true", headers=headers)).json()
    assert shown["read"]


async def test_reactions_are_emojis_in_the_path(http: httpx2.AsyncClient, world: World) -> None:
    await _announce(http, world)
    (_, alice), (_, bob) = world.newcomer("alice"), world.newcomer("bob")
    for headers, name in ((alice, BIRD), (bob, BIRD), (bob, HEART)):
        assert (await http.put(f"{PATH}/1/reactions/{quote(name)}", headers=headers)).json() == {}
    await http.delete(f"{PATH}/1/reactions/{quote(BIRD)}", headers=alice)
    (shown,) = (await http.get(PATH, headers=alice)).json()
    assert shown["reactions"] == [
        {"name": BIRD, "count": 1, "me": False},
        {"name": HEART, "count": 1, "me": False},
    ]


async def test_what_there_is_none_of_is_not_found(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    for method, path in (
        ("POST", "7/dismiss"),
        ("PUT", f"7/reactions/{quote(BIRD)}"),
        ("DELETE", f"7/reactions/{quote(BIRD)}"),
        ("POST", "x/dismiss"),
    ):
        assert (await http.request(method, f"{PATH}/{path}", headers=headers)).status_code == 404


async def test_the_staff_drafts_publishes_and_withdraws(http: httpx2.AsyncClient, world: World) -> None:
    draft = await _announce(http, world, published=False)
    assert (draft["published"], draft["published_at"]) == (False, None)
    _, headers = world.newcomer("bob", *ADMINISTRATION)
    assert (await http.get(PATH, headers=headers)).json() == []
    change = {"text": "Better news", "published": True, "all_day": True, "ends_at": "2026-03-01"}
    change["scheduled_at"] = "2026-02-01T08:00:00Z"
    changed = (await http.put(f"{DESK}/1", json=change, headers=headers)).json()
    assert (changed["text"], changed["all_day"], changed["starts_at"]) == ("Better news", True, None)
    assert changed["scheduled_at"] == "2026-02-01T08:00:00.000Z"
    assert [each["id"] for each in (await http.get(DESK, headers=headers)).json()] == ["1"]
    assert (await http.delete(f"{DESK}/1", headers=headers)).json() == {}
    assert (await http.get(PATH, headers=headers)).json() == []


async def test_the_staff_turns_pages_by_the_link(http: httpx2.AsyncClient, world: World) -> None:
    for _ in range(3):
        await _announce(http, world, published=False)
    _, headers = world.newcomer("bob", *ADMINISTRATION)
    first = await http.get(f"{DESK}?limit=2", headers=headers)
    assert [each["id"] for each in first.json()] == ["3", "2"]
    assert "max_id=2" in first.links["next"]["url"]
    last = await http.get(f"{DESK}?limit=2&max_id=2", headers=headers)
    assert [each["id"] for each in last.json()] == ["1"]
    assert "next" not in last.links


async def test_an_idempotency_key_is_handed_on(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("bob", *ADMINISTRATION)
    await http.post(DESK, json={"text": "News"}, headers={**headers, "idempotency-key": "k"})
    (call,) = world.moderation.made("CreateAnnouncement")
    assert call.request.request_id == "k"


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("text", {}),
        ("text", {"text": ["x"]}),
        ("scheduled_at", {"text": "x", "scheduled_at": "then"}),
        ("starts_at", {"text": "x", "starts_at": "soon"}),
        ("ends_at", {"text": "x", "ends_at": "31.12."}),
        ("all_day", {"text": "x", "all_day": "perhaps"}),
        ("published", {"text": "x", "published": 3}),
        ("publish", {"text": "x", "publish": True}),
    ],
)
async def test_what_is_wrong_is_named(http: httpx2.AsyncClient, world: World, field: str, body: dict[str, Any]) -> None:
    _, headers = world.newcomer("bob", *ADMINISTRATION)
    for method, path in (("POST", DESK), ("PUT", f"{DESK}/1")):
        answer = await http.request(method, path, json=body, headers=headers)
        assert (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]) == (422, [f"#/{field}"])
    assert not world.moderation.calls


async def test_without_moderation_there_are_none(http: httpx2.AsyncClient, world: World) -> None:
    await _announce(http, world)
    _, headers = world.newcomer("alice")
    world.moderation.failure = Unavailable("Restarting.")
    answer = await http.get(PATH, headers=headers)
    assert (answer.json(), answer.headers["x-rookery-degraded"]) == ([], "announcements")
    assert (await http.post(f"{PATH}/1/dismiss", headers=headers)).status_code == 503
    assert (await http.get(DESK, headers=world.newcomer("bob", *ADMINISTRATION)[1])).status_code == 503
