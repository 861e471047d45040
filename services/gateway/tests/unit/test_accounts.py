"""Accounts and relationships over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from rookery_common.errors import FieldViolation, InvalidArgument

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/v1/accounts"


async def test_own_account_has_source_and_role(http: httpx2.AsyncClient, world: World) -> None:
    account_id, headers = world.newcomer("alice")
    world.user.accounts[account_id].note = "I <3 birds"
    world.user.accounts[account_id].fields.add(name="Site", value="https://alice.example")
    body = (await http.get(f"{URL}/verify_credentials", headers=headers)).json()
    assert body["id"] == str(account_id)
    assert body["source"]["note"] == "I <3 birds"
    assert body["source"]["fields"] == [{"name": "Site", "value": "https://alice.example", "verified_at": None}]
    assert body["source"]["privacy"] == "public"
    assert body["role"]["id"] == "-99"


@pytest.mark.parametrize("scope", ["read", "read:accounts", "profile"])
async def test_own_account_is_read_with_any_of_its_scopes(http: httpx2.AsyncClient, world: World, scope: str) -> None:
    _, headers = world.newcomer("alice", scope)
    assert (await http.get(f"{URL}/verify_credentials", headers=headers)).status_code == 200


async def test_own_account_is_not_read_with_another_scope(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice", "read:statuses", "write")
    answer = await http.get(f"{URL}/verify_credentials", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"] == "This action is outside the authorized scopes"
    assert "read:accounts" in answer.json()["error_description"]


async def test_accounts_are_read_by_id(http: httpx2.AsyncClient, world: World) -> None:
    alice, _ = world.newcomer("alice")
    bob, _ = world.newcomer("bob")
    assert (await http.get(f"{URL}/{alice}")).json()["username"] == "alice"
    several = (await http.get(f"{URL}?id[]={bob}&id[]={alice}&id[]=5")).json()
    assert [account["username"] for account in several] == ["bob", "alice"]
    assert (await http.get(f"{URL}/5")).json() == {"error": "Record not found"}


async def test_too_many_ids_are_refused(http: httpx2.AsyncClient) -> None:
    answer = await http.get(URL, params=[("id[]", str(number)) for number in range(1, 150)])
    assert answer.status_code == 422
    assert list(answer.json()["details"]) == ["id"]


@pytest.mark.parametrize("acct", ["alice", "Alice", "@alice", "alice@rookery.test"])
async def test_account_is_looked_up_by_name(http: httpx2.AsyncClient, world: World, acct: str) -> None:
    alice, _ = world.newcomer("alice")
    assert (await http.get(f"{URL}/lookup", params={"acct": acct})).json()["id"] == str(alice)


@pytest.mark.parametrize("acct", ["nobody", "alice@elsewhere.example"])
async def test_unknown_name_is_not_found(http: httpx2.AsyncClient, world: World, acct: str) -> None:
    world.newcomer("alice")
    assert (await http.get(f"{URL}/lookup", params={"acct": acct})).status_code == 404


async def test_lookup_needs_a_name(http: httpx2.AsyncClient) -> None:
    answer = await http.get(f"{URL}/lookup")
    assert answer.status_code == 422
    assert answer.json()["details"]["acct"][0]["error"] == "ERR_BLANK"


async def test_following_and_unfollowing(http: httpx2.AsyncClient, world: World) -> None:
    alice, headers = world.newcomer("alice")
    bob, _ = world.newcomer("bob")
    followed = await http.post(f"{URL}/{bob}/follow", data={"reblogs": "true", "notify": "False"}, headers=headers)
    assert followed.json()["following"] is True
    assert followed.json()["id"] == str(bob)
    [call] = world.user.made("FollowAccount")
    assert (call.request.reblogs, call.request.notify) == (True, False)
    assert call.request.HasField("notify")
    assert (alice, bob) in world.user.follows
    assert (await http.post(f"{URL}/{bob}/unfollow", headers=headers)).json()["following"] is False
    assert not world.user.follows


async def test_following_leaves_open_what_is_not_said(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    bob, _ = world.newcomer("bob")
    await http.post(f"{URL}/{bob}/follow", headers=headers)
    [call] = world.user.made("FollowAccount")
    assert not call.request.HasField("reblogs")
    assert (list(call.request.languages), call.request.all_languages) == ([], False)


@pytest.mark.parametrize(
    ("body", "languages", "all_languages"),
    [
        ({"json": {"languages": ["en", "pt"]}}, ["en", "pt"], False),
        ({"json": {"languages": []}}, [], True),
        ({"data": {"languages[]": ""}}, [], True),
    ],
)
async def test_languages_of_a_follow_are_chosen_and_cleared(
    http: httpx2.AsyncClient, world: World, body: dict[str, Any], languages: list[str], all_languages: bool
) -> None:
    _, headers = world.newcomer("alice")
    bob, _ = world.newcomer("bob")
    assert (await http.post(f"{URL}/{bob}/follow", headers=headers, **body)).status_code == 200
    [call] = world.user.made("FollowAccount")
    assert (list(call.request.languages), call.request.all_languages) == (languages, all_languages)


async def test_following_nobody_is_not_found_and_oneself_is_refused(http: httpx2.AsyncClient, world: World) -> None:
    alice, headers = world.newcomer("alice")
    assert (await http.post(f"{URL}/5/follow", headers=headers)).status_code == 404
    assert (await http.post(f"{URL}/{alice}/follow", headers=headers)).status_code == 422


@pytest.mark.parametrize("query", ["id[]={0}&id[]={1}", "id={0}&id[]={1}", "id[]={0}&id[]={1}&id[]={0}"])
async def test_relationships_are_read(http: httpx2.AsyncClient, world: World, query: str) -> None:
    _, headers = world.newcomer("alice")
    bob, _ = world.newcomer("bob")
    carol, _ = world.newcomer("carol")
    await http.post(f"{URL}/{bob}/follow", headers=headers)
    answer = await http.get(f"{URL}/relationships?{query.format(bob, carol)}", headers=headers)
    if "id={0}&" in query:
        assert answer.status_code == 422  # One name in two shapes.
        return
    assert [(each["id"], each["following"]) for each in answer.json()] == [(str(bob), True), (str(carol), False)]


async def test_relationships_need_a_user(http: httpx2.AsyncClient, world: World) -> None:
    assert (await http.get(f"{URL}/relationships?id=5")).status_code == 401
    assert (await http.get(f"{URL}/relationships?id=5", headers=world.app_headers())).status_code == 422


async def test_statuses_of_an_account_are_paged_by_link(http: httpx2.AsyncClient, world: World) -> None:
    alice, headers = world.newcomer("alice")
    made = [
        (await http.post("/api/v1/statuses", json={"status": str(n)}, headers=headers)).json()["id"] for n in range(5)
    ]
    seen, url = [], f"{URL}/{alice}/statuses?limit=2&exclude_replies=true"
    for _ in range(5):
        answer = await http.get(url)
        seen += [status["id"] for status in answer.json()]
        assert "min_id" in answer.links["prev"]["url"]
        if "next" not in answer.links:
            break
        url = answer.links["next"]["url"]
        assert "exclude_replies=true" in url
    assert seen == made[::-1]


async def test_statuses_are_filtered(http: httpx2.AsyncClient, world: World) -> None:
    alice, headers = world.newcomer("alice")
    for number in range(3):
        await http.post("/api/v1/statuses", json={"status": str(number)}, headers=headers)
    tagged, reblog, plain = world.post.posts.values()
    tagged.tags.append("birds")
    reblog.reblog_of_id = 5

    async def ids(query: str) -> list[str]:
        return [each["id"] for each in (await http.get(f"{URL}/{alice}/statuses?{query}")).json()]

    assert await ids("tagged=Birds") == [str(tagged.post_id)]
    assert await ids("exclude_reblogs=1") == [str(plain.post_id), str(tagged.post_id)]
    assert await ids("pinned=true") == []
    world.post.pinned = [tagged.post_id, plain.post_id]
    assert await ids("pinned=true") == [str(tagged.post_id), str(plain.post_id)]


async def test_statuses_of_nobody_are_not_found(http: httpx2.AsyncClient) -> None:
    assert (await http.get(f"{URL}/5/statuses")).status_code == 404


async def test_followers_are_paged_by_the_lists_own_cursor(http: httpx2.AsyncClient, world: World) -> None:
    alice, _ = world.newcomer("alice")
    for number in range(5):
        _, headers = world.newcomer(f"fan{number}")
        await http.post(f"{URL}/{alice}/follow", headers=headers)
    seen, url = [], f"{URL}/{alice}/followers?limit=2"
    while url:
        answer = await http.get(url)
        seen += [account["username"] for account in answer.json()]
        url = answer.links["next"]["url"] if "next" in answer.links else ""
    assert seen == [f"fan{number}" for number in range(5)]


async def test_cursor_of_another_list_is_refused_by_its_public_name(http: httpx2.AsyncClient, world: World) -> None:
    alice, _ = world.newcomer("alice")
    world.user.failure = InvalidArgument("x", fields=[FieldViolation("page_token", "ERR_INVALID", "is wrong")])
    answer = await http.get(f"{URL}/{alice}/followers?max_id=nonsense")
    assert answer.status_code == 422
    assert list(answer.json()["details"]) == ["max_id"]


async def test_following_is_listed(http: httpx2.AsyncClient, world: World) -> None:
    alice, headers = world.newcomer("alice")
    bob, _ = world.newcomer("bob")
    await http.post(f"{URL}/{bob}/follow", headers=headers)
    assert [each["username"] for each in (await http.get(f"{URL}/{alice}/following")).json()] == ["bob"]


async def test_preferences_are_told_to_users(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.get("/api/v1/preferences", headers=headers)
    assert answer.json()["posting:default:visibility"] == "public"
    assert (await http.get("/api/v1/preferences")).status_code == 401
