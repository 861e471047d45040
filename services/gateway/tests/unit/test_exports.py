"""Files of what one has here, for who has just proved who they are."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from rookery.post.v1 import engagement_service_pb2, post_pb2
from rookery.user.v1 import transfer_service_pb2 as pb
from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

FILES = [
    "following_accounts.csv",
    "lists.csv",
    "muted_accounts.csv",
    "blocked_accounts.csv",
    "bookmarks.csv",
    "account.json",
]


@pytest.fixture
def alice(world: World) -> int:
    account_id = world.user.add("alice")
    world.auth.passwords["alice"] = ("correct horse", account_id)
    return account_id


@pytest.fixture
async def browser(http: httpx2.AsyncClient, world: World, alice: int) -> httpx2.AsyncClient:
    """Signed in as alice, who has just proved who she is."""
    await http.post("/auth/sign_in", data={"login": "alice", "password": "correct horse"})
    world.accounts.elevated.add(alice)
    return http


async def cells(http: httpx2.AsyncClient, name: str) -> list[list[str]]:
    answer = await http.get(f"/auth/data/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["cache-control"] == "private, no-store"
    return list(csv.reader(answer.text.splitlines()))


async def test_follows_are_as_mastodon_writes_them(browser: httpx2.AsyncClient, world: World) -> None:
    settings = pb.FollowPreferences(reblogs=True, languages=["de", "en"])
    bob = pb.TransferRow(username="bob", follow=settings)
    carol = pb.TransferRow(username="carol", follow=pb.FollowPreferences(notify=True))
    world.transfers.rows[pb.TRANSFER_KIND_FOLLOWS] = [bob, carol]
    assert await cells(browser, "following_accounts.csv") == [
        ["Account address", "Show boosts", "Notify on new posts", "Languages"],
        ["bob@rookery.test", "true", "false", "de, en"],
        ["carol@rookery.test", "false", "true", ""],
    ]


async def test_lists_blocks_and_mutes_are_as_mastodon_writes_them(browser: httpx2.AsyncClient, world: World) -> None:
    rows = world.transfers.rows
    rows[pb.TRANSFER_KIND_LISTS] = [pb.TransferRow(username="bob", list_title="Birds, and bees")]
    rows[pb.TRANSFER_KIND_BLOCKS] = [pb.TransferRow(username="bob")]
    rows[pb.TRANSFER_KIND_MUTES] = [pb.TransferRow(username="bob", notifications=True)]
    assert await cells(browser, "lists.csv") == [["Birds, and bees", "bob@rookery.test"]]
    assert await cells(browser, "blocked_accounts.csv") == [["bob@rookery.test"]]
    muted = [["Account address", "Hide notifications"], ["bob@rookery.test", "true"]]
    assert await cells(browser, "muted_accounts.csv") == muted


async def test_a_file_has_every_page_and_its_head_once(browser: httpx2.AsyncClient, world: World) -> None:
    world.transfers.rows[pb.TRANSFER_KIND_MUTES] = [pb.TransferRow(username=f"u{n}") for n in range(1_001)]
    rows = await cells(browser, "muted_accounts.csv")
    assert rows[0] == ["Account address", "Hide notifications"]
    assert [row[0] for row in rows[1:]] == [f"u{n}@rookery.test" for n in range(1_001)]


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "=cmd|' /C calc'!A0"])
async def test_no_cell_is_a_formula(browser: httpx2.AsyncClient, world: World, title: str) -> None:
    world.transfers.rows[pb.TRANSFER_KIND_LISTS] = [pb.TransferRow(username="bob", list_title=title)]
    [[cell, _]] = await cells(browser, "lists.csv")
    assert cell == f"'{title}"


async def test_bookmarks_are_addresses_of_what_one_may_still_see(browser: httpx2.AsyncClient, world: World) -> None:
    bob = world.user.add("bob")
    for number in (600, 602):
        post = post_pb2.Post(post_id=number, author_id=bob, version=1, visibility=post_pb2.VISIBILITY_PUBLIC)
        world.post.posts[number] = post
    marks = [engagement_service_pb2.MarkedPost(mark_id=number + 100, post_id=number) for number in (602, 601, 600)]

    def page(request: Any, who: Any) -> Any:
        assert "security" in who.scopes
        left = [mark for mark in marks if not request.max_id or mark.mark_id < request.max_id]
        reached = left[0].mark_id if len(left) > 1 else 0
        return engagement_service_pb2.ListBookmarksResponse(posts=left[:1], reached_id=reached)

    world.post.ListBookmarks = page  # type: ignore[attr-defined] # it has none
    url = "http://rookery.test/users/bob/statuses"
    assert await cells(browser, "bookmarks.csv") == [[f"{url}/602"], [f"{url}/600"]]


async def test_the_account_goes_along_with_what_only_its_owner_knows(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get("/auth/data/account.json")
    found = answer.json()
    assert (found["account"]["username"], found["account"]["source"]["privacy"]) == ("alice", "public")
    assert found["preferences"]["posting:default:visibility"] == "public"
    assert "@" in found["email"]
    assert answer.headers["content-disposition"] == 'attachment; filename="account.json"'


@pytest.mark.parametrize("name", FILES)
async def test_who_has_not_just_proved_who_they_are_is_asked_to(
    browser: httpx2.AsyncClient, world: World, name: str
) -> None:
    world.accounts.elevated.clear()
    answer = await browser.get(f"/auth/data/{name}")
    assert answer.headers["location"] == f"/auth/step_up?next=%2Fauth%2Fdata%2F{name}"
    assert not world.transfers.calls
    browser.cookies.clear()
    assert (await browser.get(f"/auth/data/{name}")).headers["location"].startswith("/auth/sign_in")


async def test_an_apps_token_gets_no_file(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("bob", "read", "write", "sessions")
    assert (await http.get("/auth/data/lists.csv", headers=headers)).headers["location"].startswith("/auth/sign_in")


async def test_what_is_no_file_is_not_found(browser: httpx2.AsyncClient) -> None:
    assert (await browser.get("/auth/data/posts.csv")).status_code == 404


async def test_a_file_that_can_not_be_begun_is_refused_as_a_page(browser: httpx2.AsyncClient, world: World) -> None:
    world.transfers.failure = Unavailable("user is away")
    answer = await browser.get("/auth/data/lists.csv")
    assert answer.status_code == 503
    assert "does not work just now" in answer.text
