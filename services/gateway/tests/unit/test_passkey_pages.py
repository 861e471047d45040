"""Passkeys in the pages: what the authenticator is asked, and what becomes of its answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx2
import pytest
from gateway_fakes.accounts import OPTIONS
from markupsafe import escape

if TYPE_CHECKING:
    from gateway_fakes.world import World

PAGE = "/auth/security/passkeys"
LOGIN = {"login": "alice", "password": "correct horse"}
ANSWER = {"challenge": "asked", "credential": "phone"}


@pytest.fixture
def alice(world: World) -> int:
    """She has a passkey."""
    account_id = world.user.add("alice")
    world.auth.passwords["alice"] = ("correct horse", account_id)
    world.accounts.passkeys[account_id] = ["phone"]
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


async def test_one_signs_in_by_a_passkey_and_goes_where_one_wanted(http: httpx2.AsyncClient, alice: int) -> None:
    assert 'action="/auth/passkey"' in (await http.get("/auth/sign_in")).text
    page = await http.post("/auth/passkey", data={"next": "/auth/sessions"})
    assert f'data-options="{escape(OPTIONS)}"' in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    entered = await http.post("/auth/passkey/sign_in", data={**ANSWER, "next": "/auth/sessions"})
    assert entered.headers["location"] == "/auth/sessions"
    assert (await http.get("/auth/sessions")).status_code == 200


@pytest.mark.parametrize("wrong", [{"credential": "tablet"}, {"challenge": "other"}, {"credential": ""}])
async def test_a_wrong_answer_signs_nobody_in(http: httpx2.AsyncClient, alice: int, wrong: dict[str, str]) -> None:
    answer = await http.post("/auth/passkey/sign_in", data={**ANSWER, **wrong})
    assert answer.status_code == 401
    assert "not known here" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/auth/passkey", "/auth/passkey/sign_in"])
async def test_another_site_signs_nobody_in(http: httpx2.AsyncClient, alice: int, path: str) -> None:
    answer = await http.post(path, data=ANSWER, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


async def test_an_answer_that_is_too_large_is_refused(http: httpx2.AsyncClient, alice: int) -> None:
    assert (await http.post("/auth/passkey/sign_in", data={**ANSWER, "credential": "x" * 17_000})).status_code >= 400


async def test_passkeys_are_kept_by_who_has_just_proved_who_they_are(
    browser: httpx2.AsyncClient, world: World, alice: int
) -> None:
    asked = await browser.get(PAGE)
    assert asked.headers["location"].startswith("/auth/step_up")
    assert 'action="/auth/step_up/passkey"' not in (await browser.get("/auth/step_up")).text
    proved = await submit(browser, "/auth/step_up/passkey/prove", **ANSWER, next=PAGE)
    assert proved.headers["location"] == PAGE
    page = (await browser.get(PAGE)).text
    assert "&lt;phone&gt;" in page
    assert "Your device will ask" in (await submit(browser, f"{PAGE}/begin", label="tablet")).text
    added = await submit(browser, f"{PAGE}/add", challenge="make", credential="tablet", label="tablet")
    assert added.headers["location"] == PAGE
    assert world.accounts.passkeys[alice] == ["phone", "tablet"]
    late = await submit(browser, f"{PAGE}/add", challenge="late", credential="watch", label="watch")
    assert late.status_code == 401
    await submit(browser, f"{PAGE}/remove", id="phone")
    assert world.accounts.passkeys[alice] == ["tablet"]
    assert (await submit(browser, "/auth/security/password/remove")).headers["location"] == PAGE


async def test_one_way_in_stays_and_a_passkey_has_a_name(browser: httpx2.AsyncClient, world: World, alice: int) -> None:
    world.accounts.elevated.add(alice)
    world.accounts.passkeys[alice] = []
    refused = await submit(browser, "/auth/security/password/remove")
    assert refused.status_code == 422
    assert "One way to sign in has to stay" in refused.text
    assert (await submit(browser, f"{PAGE}/begin", label=" ")).status_code == 422


async def test_another_account_s_passkey_opens_nothing(browser: httpx2.AsyncClient, world: World, alice: int) -> None:
    world.accounts.passkeys = {alice + 1: ["phone"]}
    assert (await submit(browser, "/auth/step_up/passkey/prove", **ANSWER)).status_code == 401
    assert alice not in world.accounts.elevated
