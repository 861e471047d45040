"""Getting an account with a browser, as the operator lets people in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from rookery.auth.v1.account_service_pb2 import SignUpMode

if TYPE_CHECKING:
    from gateway_fakes.world import World

PAGE = "/auth/sign_up"
FORM = {"username": "alice", "email": "alice@example.org", "password": "correct horse", "agreement": "true"}


def mode(name: str) -> SignUpMode.ValueType:
    return SignUpMode.Value(f"SIGN_UP_MODE_{name}")


async def test_who_signs_up_is_signed_in_and_goes_where_they_wanted(http: httpx2.AsyncClient, world: World) -> None:
    page = (await http.get("/auth/sign_in", params={"next": "/auth/sessions"})).text
    link = re.search(r'href="(/auth/sign_up[^"]*)"', page)
    assert link is not None
    shown = await http.get(link[1])
    assert 'name="next" value="/auth/sessions"' in shown.text
    answer = await http.post(PAGE, data={**FORM, "next": "/auth/sessions"})
    assert answer.headers["location"] == "/auth/sessions"
    assert (await http.get("/auth/security")).status_code == 200


async def test_an_app_that_wants_to_be_allowed_is_come_back_to(http: httpx2.AsyncClient, world: World) -> None:
    asked = {"client_id": "client", "redirect_uri": "https://app.example/back", "response_type": "code"}
    page = (await http.get("/oauth/authorize", params=asked)).text
    link = re.search(r'href="(/auth/sign_up[^"]*)"', page)
    assert link is not None
    target = parse_qs(urlsplit(link[1].replace("&amp;", "&")).query)["next"][0]
    answer = await http.post(PAGE, data={**FORM, "next": target})
    assert "signed in as alice" in (await http.get(answer.headers["location"])).text


@pytest.mark.parametrize(("waits_for", "told"), [("confirmation", "alice@example.org"), ("approval", "approval")])
async def test_who_has_to_wait_is_told_what_for(
    http: httpx2.AsyncClient, world: World, waits_for: str, told: str
) -> None:
    world.accounts.pending[waits_for] = True
    answer = await http.post(PAGE, data=FORM)
    assert answer.status_code == 200
    assert told in answer.text
    assert "set-cookie" not in answer.headers
    assert not world.accounts.made("StartSignIn")


async def test_each_field_that_is_wrong_is_told_and_the_others_are_kept(http: httpx2.AsyncClient) -> None:
    answer = await http.post(PAGE, data={"username": "", "email": "<a@b.example>", "password": "correct horse"})
    assert answer.status_code == 422
    assert "Please choose a username." in answer.text
    assert "Please agree to the rules." in answer.text
    assert 'aria-describedby="username-error"' in answer.text
    assert "&lt;a@b.example&gt;" in answer.text
    assert "correct horse" not in answer.text


async def test_a_form_sent_twice_asks_for_the_same_account_and_another_form_for_another(
    http: httpx2.AsyncClient, world: World
) -> None:
    for form in (FORM, FORM, {**FORM, "email": "else@example.org"}):
        http.cookies.clear()
        await http.post(PAGE, data=form)
    first, again, other = [call.request.form.request_id for call in world.accounts.made("CreateAccount")]
    assert first == again != other
    assert len(first) == 64


async def test_where_it_is_by_invitation_one_is_asked_for(http: httpx2.AsyncClient, world: World) -> None:
    world.accounts.sign_up_mode = mode("INVITATION")
    assert 'value="welcome"' in (await http.get(PAGE, params={"invite_code": "welcome"})).text
    refused = await http.post(PAGE, data={**FORM, "invite_code": "made up"})
    assert refused.status_code == 403
    assert "too old" in refused.text
    assert (await http.post(PAGE, data={**FORM, "invite_code": "welcome"})).status_code == 303


async def test_where_a_moderator_decides_one_says_why(http: httpx2.AsyncClient, world: World) -> None:
    assert 'name="reason"' not in (await http.get(PAGE)).text
    world.accounts.sign_up_mode = mode("APPROVAL")
    world.clock.advance(31)
    assert 'name="reason"' in (await http.get(PAGE)).text
    await http.post(PAGE, data={**FORM, "reason": "I keep bees"})
    [call] = world.accounts.made("CreateAccount")
    assert call.request.form.reason == "I keep bees"


async def test_where_it_is_closed_no_page_leads_there_and_it_says_so(http: httpx2.AsyncClient, world: World) -> None:
    world.accounts.sign_up_mode = mode("CLOSED")
    assert PAGE not in (await http.get("/auth/sign_in")).text
    answer = await http.get(PAGE)
    assert answer.status_code == 403
    assert "Nobody can sign up here" in answer.text


async def test_another_site_signs_nobody_up(http: httpx2.AsyncClient, world: World) -> None:
    assert (await http.post(PAGE, data=FORM, headers={"sec-fetch-site": "cross-site"})).status_code == 403
    assert not world.accounts.made("CreateAccount")
