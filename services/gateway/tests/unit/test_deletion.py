"""The page on which one deletes one's account: for who has just proved who they are, and types whose it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx2
import pytest

from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

PAGE = "/auth/delete"


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


async def sent(http: httpx2.AsyncClient, username: str, **headers: str) -> httpx2.Response:
    """The form of the page, filled in."""
    found = re.search(r'name="form_token" value="(\w+)"', (await http.get("/auth/security")).text)
    token = found[1] if found else ""
    return await http.post(PAGE, data={"form_token": token, "username": username}, headers=headers)


async def test_the_page_says_what_happens_and_asks_for_the_name(browser: httpx2.AsyncClient) -> None:
    page = await browser.get(PAGE)
    assert page.status_code == 200
    assert "alice" in page.text
    assert page.headers["cache-control"] == "private, no-store"
    assert "script" not in page.headers["content-security-policy"].replace("script-src 'none'", "")
    german = await browser.get(PAGE, headers={"accept-language": "de"})
    assert "Endgültig" in german.text or "endgültig" in german.text


async def test_an_account_is_deleted_and_its_browser_signed_out(
    browser: httpx2.AsyncClient, world: World, alice: int
) -> None:
    answer = await sent(browser, "Alice")
    assert answer.status_code == 200
    assert 'role="status"' in answer.text
    assert 'rookery-session=""' in answer.headers["set-cookie"]
    [call] = world.deletions.made("DeleteAccount")
    assert call.identity is not None
    assert call.identity.account_id == alice
    assert alice not in world.user.accounts


async def test_a_wrong_name_is_told_in_the_page(browser: httpx2.AsyncClient, world: World, alice: int) -> None:
    for name in ("", "bob"):
        answer = await sent(browser, name)
        assert answer.status_code == 422
        assert "This is not your username." in answer.text.replace("&#39;", "'")
    assert alice in world.user.accounts


async def test_whoever_has_not_proved_it_just_now_does_so_first(
    browser: httpx2.AsyncClient, world: World, alice: int
) -> None:
    world.accounts.elevated.clear()
    assert (await browser.get(PAGE)).headers["location"].startswith("/auth/step_up?")
    assert (await sent(browser, "alice")).headers["location"].startswith("/auth/step_up?")
    assert not world.deletions.calls


async def test_a_form_of_another_site_deletes_nothing(browser: httpx2.AsyncClient, world: World) -> None:
    assert (await sent(browser, "alice", origin="https://evil.example")).status_code == 403
    assert (await browser.post(PAGE, data={"username": "alice"})).status_code == 403
    browser.cookies.clear()
    assert (await browser.post(PAGE, data={"username": "alice"})).headers["location"].startswith("/auth/sign_in")
    assert not world.deletions.calls


async def test_an_outage_is_told_and_can_be_tried_again(browser: httpx2.AsyncClient, world: World, alice: int) -> None:
    world.deletions.failure = Unavailable("user is away")
    answer = await sent(browser, "alice")
    assert answer.status_code == 503
    assert 'role="alert"' in answer.text
    assert alice in world.user.accounts


async def test_apps_have_no_way_to_it(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("bob", "read", "write", "follow")
    assert (await http.get(PAGE, headers=headers)).headers["location"].startswith("/auth/sign_in")
    answer = await http.post(PAGE, data={"username": "bob"}, headers=headers)
    assert answer.headers["location"].startswith("/auth/sign_in")
    assert not world.deletions.calls
