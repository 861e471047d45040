"""Other sites in the pages: where a browser is led to, and what becomes of it when it comes back."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

import httpx2
import pytest
from gateway_fakes.accounts import AWAY

from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

PAGE = "/auth/security/providers"
BACK = "/auth/providers/p1/callback"
ANSWER = {"state": "state", "code": "code", "iss": "https://id.example"}
LOGIN = {"login": "alice", "password": "correct horse"}


@pytest.fixture
def alice(world: World) -> int:
    account_id = world.user.add("alice")
    world.auth.passwords["alice"] = ("correct horse", account_id)
    return account_id


@pytest.fixture
async def browser(http: httpx2.AsyncClient, alice: int) -> httpx2.AsyncClient:
    """Signed in as alice."""
    await http.post("/auth/sign_in", data=LOGIN)
    return http


async def submit(http: httpx2.AsyncClient, path: str, **fields: str) -> httpx2.Response:
    found = re.search(r'name="form_token" value="(\w+)"', (await http.get("/auth/security")).text)
    assert found is not None
    return await http.post(path, data={"form_token": found[1], **fields})


async def test_a_button_leads_to_the_provider_by_a_page_that_runs_nothing(http: httpx2.AsyncClient) -> None:
    shown = (await http.get("/auth/sign_in", params={"next": "/auth/sessions"})).text
    assert 'action="/auth/providers/p1"' in shown
    assert "Sign in by &lt;p2&gt;" in shown
    page = await http.post("/auth/providers/p1", data={"next": "/auth/sessions"})
    refresh = re.search(r'<meta http-equiv="refresh" content="0;url=([^"]*)">', page.text)
    assert refresh is not None
    assert unescape(refresh[1]) == AWAY
    assert "script-src" not in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "same-origin"
    [cookie] = page.headers.get_list("set-cookie")
    assert cookie.startswith("rookery-errand=errand;")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


async def test_an_app_that_wants_to_be_allowed_is_come_back_to(
    http: httpx2.AsyncClient, world: World, alice: int
) -> None:
    asked = {"client_id": "client", "redirect_uri": "https://app.example/back", "response_type": "code"}
    page = (await http.get("/oauth/authorize", params=asked)).text
    form = re.search(r'action="/auth/providers/p1".*?name="next" value="([^"]*)"', page, re.DOTALL)
    assert form is not None
    await http.post("/auth/providers/p1", data={"next": unescape(form[1])})
    world.accounts.who = alice
    entered = await http.get(BACK, params=ANSWER)
    assert "signed in as alice" in (await http.get(entered.headers["location"])).text


async def test_who_comes_back_is_signed_in_and_the_errand_is_over(
    http: httpx2.AsyncClient, world: World, alice: int
) -> None:
    world.accounts.who = alice
    await http.post("/auth/providers/p1", data={"next": "/auth/sessions"})
    entered = await http.get(BACK, params=ANSWER, headers={"sec-fetch-site": "cross-site"})
    assert entered.headers["location"] == "/auth/sessions"
    assert "rookery-errand" not in http.cookies
    assert (await http.get("/auth/sessions")).status_code == 200
    again = await http.get(BACK, params=ANSWER)
    assert again.status_code == 401
    assert "took too long" in again.text


async def test_a_second_factor_is_asked_for_too(http: httpx2.AsyncClient, world: World, alice: int) -> None:
    world.accounts.who = alice
    world.accounts.totp.add(alice)
    await http.post("/auth/providers/p1", data={"next": "/auth/sessions"})
    page = await http.get(BACK, params=ANSWER)
    assert 'name="challenge" value="challenge"' in page.text
    assert "rookery-session" not in http.cookies
    entered = await http.post(
        "/auth/second_factor", data={"challenge": "challenge", "code": "123456", "next": "/auth/sessions"}
    )
    assert entered.headers["location"] == "/auth/sessions"


@pytest.mark.parametrize("wrong", [{"state": "x"}, {"code": ""}, {"iss": "https://evil.example"}, {"code": "x" * 5000}])
async def test_another_answer_signs_nobody_in(
    http: httpx2.AsyncClient, world: World, alice: int, wrong: dict[str, str]
) -> None:
    world.accounts.who = alice
    await http.post("/auth/providers/p1", data={})
    answer = await http.get(BACK, params={**ANSWER, **wrong})
    assert answer.status_code in (401, 422)
    assert "rookery-session" not in http.cookies


async def test_an_answer_to_another_browser_signs_nobody_in(http: httpx2.AsyncClient, world: World, alice: int) -> None:
    world.accounts.who = alice
    await http.post("/auth/providers/p1", data={})
    http.cookies.clear()
    assert (await http.get(BACK, params=ANSWER)).status_code == 401


@pytest.mark.parametrize("path", ["/auth/providers/p1", "/auth/provider_sign_up"])
async def test_another_site_sends_nobody_out(http: httpx2.AsyncClient, world: World, path: str) -> None:
    answer = await http.post(path, data={}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert not world.accounts.calls


async def test_a_provider_that_is_not_there_is_told(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/auth/providers/p3", data={})
    assert answer.status_code == 404
    assert "t sign in by this site" in answer.text


async def test_without_a_word_of_providers_the_page_has_none(http: httpx2.AsyncClient, world: World) -> None:
    world.accounts.failure = Unavailable("away")
    page = await http.get("/auth/sign_in")
    assert page.status_code == 200
    assert "/auth/providers/" not in page.text
    assert "providers" in page.headers["x-rookery-degraded"]


async def test_who_has_no_account_is_asked_for_a_name_and_no_password(http: httpx2.AsyncClient, world: World) -> None:
    await http.post("/auth/providers/p1", data={"next": "/auth/sessions"})
    form = (await http.get(BACK, params=ANSWER)).text
    assert 'action="/auth/provider_sign_up"' in form
    assert 'value="carol"' in form
    assert 'value="c@x.y"' in form
    assert 'type="password"' not in form
    fields = {"challenge": "offer", "provider": "<p1>", "next": "/auth/sessions", "email": "c@x.y"}
    slip = await http.post("/auth/provider_sign_up", data={**fields, "agreement": "true"})
    assert slip.status_code == 422
    assert "choose a username" in slip.text
    assert 'name="challenge" value="offer"' in slip.text
    fields |= {"username": "carol", "agreement": "true"}
    entered = await http.post("/auth/provider_sign_up", data=fields)
    assert entered.headers["location"] == "/auth/sessions"
    assert (await http.get("/auth/sessions")).status_code == 200
    world.accounts.pending["approval"] = True
    waiting = await http.post("/auth/provider_sign_up", data={**fields, "username": "dora"})
    assert "approval" in waiting.text
    late = await http.post("/auth/provider_sign_up", data={**fields, "challenge": "x"})
    assert late.status_code == 401


async def test_links_are_made_and_removed_by_who_has_just_proved_who_they_are(
    browser: httpx2.AsyncClient, world: World, alice: int
) -> None:
    asked = await browser.get(PAGE)
    assert asked.headers["location"].startswith("/auth/step_up")
    refused = await submit(browser, f"{PAGE}/link", name="p1")
    assert refused.headers["location"].startswith("/auth/step_up")
    world.accounts.elevated.add(alice)
    for name in ("p1", "p2"):
        assert "rookery-errand" in (await submit(browser, f"{PAGE}/link", name=name)).headers["set-cookie"]
        back = await browser.get(f"/auth/providers/{name}/callback", params=ANSWER)
        assert back.headers["location"] == PAGE
    page = (await browser.get(PAGE)).text
    assert "&lt;me at p1&gt;" in page
    assert "providers/link" not in page
    assert (await submit(browser, f"{PAGE}/unlink", issuer="https://p1")).headers["location"] == PAGE
    assert "One way to sign in has to stay" in (await submit(browser, f"{PAGE}/unlink", issuer="https://p2")).text
    assert world.accounts.links[alice] == ["p2"]


async def test_a_link_is_made_in_the_session_that_asked_for_it(
    browser: httpx2.AsyncClient, world: World, alice: int
) -> None:
    world.accounts.elevated.add(alice)
    await submit(browser, f"{PAGE}/link", name="p1")
    del browser.cookies["rookery-session"]
    assert (await browser.get(BACK, params=ANSWER)).status_code == 401
    assert not world.accounts.links


async def test_forms_about_links_are_of_the_session(browser: httpx2.AsyncClient, world: World, alice: int) -> None:
    world.accounts.elevated.add(alice)
    for path in (f"{PAGE}/link", f"{PAGE}/unlink"):
        assert (await browser.post(path, data={"name": "p1"})).status_code == 403
