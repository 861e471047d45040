"""One's own account over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from rookery.post.v1 import media_pb2
from rookery.user.v1 import account_pb2
from rookery.user.v1 import profile_service_pb2 as pb

if TYPE_CHECKING:
    from gateway_fakes.world import World

UPDATE = "/api/v1/accounts/update_credentials"
PICTURE = ("me.png", b"picture", "image/png")


async def test_what_is_named_is_changed_and_nothing_else(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    body = {
        "display_name": "Alice", "note": "Birds", "locked": True, "bot": False, "hide_collections": "on",
        "fields_attributes": [{"name": "Site", "value": "https://alice.example"}],
        "source": {"privacy": "unlisted", "sensitive": True, "language": "pt", "quote_policy": "followers"},
    }  # fmt: skip
    answer = await http.patch(UPDATE, json=body, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["display_name"] == "Alice"
    assert answer.json()["locked"] is True
    [call] = world.profiles.made("UpdateProfile")
    assert {field.name for field, _ in call.request.ListFields()} == {
        "display_name", "note", "locked", "bot", "hide_collections", "fields", "privacy", "sensitive", "language",
        "quote_policy",
    }  # fmt: skip
    assert call.request.privacy == pb.DEFAULT_VISIBILITY_UNLISTED
    assert call.request.quote_policy == account_pb2.DEFAULT_QUOTE_POLICY_FOLLOWERS
    assert answer.json()["source"]["quote_policy"] == "followers"
    assert (await http.get("/api/v1/preferences", headers=headers)).json()[
        "posting:default:quote_policy"
    ] == "followers"
    assert (call.request.fields.fields[0].name, call.request.hide_collections) == ("Site", True)


@pytest.mark.parametrize(
    "fields",
    [
        {"fields_attributes[0][name]": "a", "fields_attributes[0][value]": "1", "fields_attributes[1][name]": "b",
         "fields_attributes[1][value]": "2"},
        {"fields_attributes[7][name]": "a", "fields_attributes[7][value]": "1", "fields_attributes[12][name]": "b",
         "fields_attributes[12][value]": "2"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["urlencoded", "multipart"])
async def test_fields_come_in_the_order_of_their_numbers(
    http: httpx2.AsyncClient, world: World, fields: dict[str, str], form: str
) -> None:
    _, headers = world.newcomer("alice")
    sent: dict[str, Any] = {"data": fields} if form == "urlencoded" else {"data": fields, "files": {"avatar": PICTURE}}
    source = (await http.patch(UPDATE, headers=headers, **sent)).json()["source"]
    assert [(field["name"], field["value"]) for field in source["fields"]] == [("a", "1"), ("b", "2")]


async def test_pictures_go_through_to_post_for_their_purpose(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.patch(
        UPDATE, data={"display_name": "Alice"}, files={"avatar": PICTURE, "header": PICTURE}, headers=headers
    )
    assert [header.purpose for header, _ in world.post.uploads] == [
        media_pb2.MEDIA_PURPOSE_AVATAR,
        media_pb2.MEDIA_PURPOSE_HEADER,
    ]
    assert [b"".join(chunks) for _, chunks in world.post.uploads] == [b"picture"] * 2
    body = answer.json()
    assert (body["avatar"], body["avatar_static"]) == ("https://media.example/90001",) * 2
    assert (body["header"], body["display_name"]) == ("https://media.example/90002", "Alice")
    for picture in ("avatar", "header"):
        body = (await http.delete(f"/api/v1/profile/{picture}", headers=headers)).json()
        assert body[picture].endswith("/original/missing.png")
    assert body["source"]["privacy"] == "public"


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"json": {"display_name": "x" * 31}}, "display_name"),
        ({"json": {"locked": "maybe"}}, "locked"),
        ({"json": {"avatar": "https://elsewhere.example/me.png"}}, "avatar"),
        ({"json": {"source": {"privacy": "direct"}}}, "source.privacy"),
        ({"json": {"source": {"quote_policy": "everybody"}}}, "source.quote_policy"),
        ({"json": {"source": "public"}}, "source"),
        ({"json": {"fields_attributes": ["Site"]}}, "fields_attributes[0]"),
        ({"json": {"fields_attributes": [{"name": 7}]}}, "fields_attributes[0].name"),
        ({"files": [("avatar", PICTURE), ("avatar", PICTURE)]}, "avatar"),
    ],
)
async def test_what_is_wrong_is_named(http: httpx2.AsyncClient, world: World, sent: dict[str, Any], field: str) -> None:
    account_id, headers = world.newcomer("alice")
    answer = await http.patch(UPDATE, headers=headers, **sent)
    assert answer.status_code == 422
    assert list(answer.json()["details"]) == [field]
    assert world.user.accounts[account_id].version == 1


async def test_a_picture_that_is_too_large_is_refused(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    large = ("me.png", bytes(200_001), "image/png")
    assert (await http.patch(UPDATE, files={"avatar": large}, headers=headers)).status_code in (413, 422)
    assert world.profiles.made("UpdateProfile") == []


async def test_changing_needs_a_user_with_the_scope(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice", "read", "write:statuses")
    for method, url in (("PATCH", UPDATE), ("DELETE", "/api/v1/profile/avatar"), ("DELETE", "/api/v1/profile/header")):
        assert (await http.request(method, url, headers=headers)).status_code == 403
        assert (await http.request(method, url)).status_code == 401
        assert (await http.request(method, url, headers=world.app_headers())).status_code == 422


async def test_what_is_preselected_is_the_owners_choice(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    world.profiles.settings = pb.ProfileSettings(
        privacy=pb.DEFAULT_VISIBILITY_PRIVATE, sensitive=True, language="pt", birthday="1990-05-17"
    )
    body = (await http.get("/api/v1/preferences", headers=headers)).json()
    assert [body[f"posting:default:{name}"] for name in ("visibility", "sensitive", "language")] == [
        "private", True, "pt",
    ]  # fmt: skip
    source = (await http.get("/api/v1/accounts/verify_credentials", headers=headers)).json()["source"]
    assert (source["privacy"], source["sensitive"], source["language"], source["birthday"]) == (
        "private", True, "pt", "1990-05-17",
    )  # fmt: skip


async def test_the_profile_is_shown_and_changed_as_its_owner_wrote_it(http: httpx2.AsyncClient, world: World) -> None:
    alice, headers = world.newcomer("alice")
    await http.post("/api/v1/featured_tags", json={"name": "birds"}, headers=headers)
    first = (await http.get("/api/v1/profile", headers=headers)).json()
    assert (first["avatar"], first["show_media"], first["attribution_domains"]) == (None, True, [])
    assert [tag["name"] for tag in first["featured_tags"]] == ["birds"]
    change = {
        "display_name": "Alice", "note": "<b>Birds</b>", "avatar_description": "A crow", "show_media": False,
        "show_featured": "0", "attribution_domains": ["blog.example"],
        "fields_attributes": [{"name": "Site", "value": "https://alice.example"}],
    }  # fmt: skip
    changed = (await http.patch("/api/v1/profile", json=change, headers=headers)).json()
    assert (changed["note"], changed["avatar_description"]) == ("<b>Birds</b>", "A crow")
    assert (changed["show_media"], changed["show_media_replies"], changed["show_featured"]) == (False, True, False)
    assert (changed["attribution_domains"], changed["fields"][0]["value"]) == (
        ["blog.example"],
        "https://alice.example",
    )
    assert (await http.get("/api/v1/profile", headers=headers)).json() == changed
    seen = (await http.get(f"/api/v1/accounts/{alice}")).json()
    assert (seen["avatar_description"], seen["show_media"], seen["show_featured"]) == ("A crow", False, False)
    assert not {"header_description", "show_media_replies"} & set(seen)
    emptied = await http.patch("/api/v1/profile", data={"attribution_domains[]": ""}, headers=headers)
    assert emptied.json()["attribution_domains"] == []


async def test_a_picture_comes_with_the_profile(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    sent: dict[str, Any] = {"data": {"avatar_description": "A crow"}, "files": {"avatar": PICTURE}}
    changed = (await http.patch("/api/v1/profile", headers=headers, **sent)).json()
    assert changed["avatar"] == changed["avatar_static"]
    assert changed["avatar"].startswith("http")
    assert changed["avatar_description"] == "A crow"
    gone = await http.delete("/api/v1/profile/avatar", headers=headers)
    assert gone.status_code == 200
    assert (await http.get("/api/v1/profile", headers=headers)).json()["avatar"] is None


@pytest.mark.parametrize(("method", "scope"), [("GET", "write:accounts"), ("PATCH", "read:accounts")])
async def test_the_profile_takes_its_scope(http: httpx2.AsyncClient, world: World, method: str, scope: str) -> None:
    _, headers = world.newcomer("alice", scope)
    assert (await http.request(method, "/api/v1/profile")).status_code == 401
    assert (await http.request(method, "/api/v1/profile", headers=headers)).status_code == 403
