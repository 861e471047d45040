"""The sign-in page."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from gateway_fakes.service import with_reason

from rookery_common.errors import ResourceExhausted, Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/oauth/authorize"
QUERY = {
    "client_id": "client",
    "redirect_uri": "https://app.example/back",
    "response_type": "code",
    "scope": "read write",
    "state": 'a&b="c"',
    "code_challenge": "x" * 43,
    "code_challenge_method": "S256",
}
LOGIN = {"login": "alice", "password": "correct horse", "decision": "allow"}


@pytest.fixture
def alice(world: World) -> int:
    account_id = world.user.add("alice")
    world.auth.passwords["alice"] = ("correct horse", account_id)
    return account_id


async def test_page_carries_the_request_and_says_what_is_asked(http: httpx2.AsyncClient) -> None:
    answer = await http.get(URL, params=QUERY)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    form, _, others = answer.text.partition("</form>")
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
    assert html.escape(urlencode(QUERY)) in others  # who signs in by a passkey comes back here
    assert {name: html.unescape(value) for name, value in hidden.items()} == {**QUERY, "form_token": ""}
    assert "Test app" in answer.text
    assert "read everything that you can read" in answer.text
    assert 'autocomplete="current-password"' in answer.text


async def test_page_allows_nothing_from_elsewhere(http: httpx2.AsyncClient) -> None:
    answer = await http.get(URL, params=QUERY)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert policy.endswith("form-action 'self' https://app.example")
    assert answer.headers["x-frame-options"] == "DENY"
    assert not re.search(r'(src|href)="(https?:)?//', answer.text)
    assert "<script" not in answer.text
    assert "access-control-allow-origin" not in answer.headers


async def test_signing_in_returns_to_the_app_with_a_code_that_gives_a_token(
    http: httpx2.AsyncClient, alice: int
) -> None:
    answer = await http.post(URL, data={**QUERY, **LOGIN})
    assert answer.status_code == 303
    target = urlsplit(answer.headers["location"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == QUERY["redirect_uri"]
    values = parse_qs(target.query)
    assert values["state"] == [QUERY["state"]]
    form = {"grant_type": "authorization_code", "code": values["code"][0], "redirect_uri": QUERY["redirect_uri"]}
    token = (await http.post("/oauth/token", data={**form, "client_id": "client", "client_secret": "secret"})).json()
    assert token["scope"] == "read write"
    headers = {"authorization": f"Bearer {token['access_token']}"}
    account = (await http.get("/api/v1/accounts/verify_credentials", headers=headers)).json()
    assert account["id"] == str(alice)


async def test_auth_is_told_where_it_came_from(http: httpx2.AsyncClient, world: World, alice: int) -> None:
    await http.post(URL, data={**QUERY, **LOGIN}, headers={"x-forwarded-for": "203.0.113.9"})
    [call] = world.accounts.made("StartSignIn")
    assert call.request.client.address == "127.0.0.1"


async def test_command_line_is_shown_the_code(http: httpx2.AsyncClient, world: World, alice: int) -> None:
    query = {**QUERY, "redirect_uri": "urn:ietf:wg:oauth:2.0:oob"}
    answer = await http.post(URL, data={**query, **LOGIN})
    assert answer.status_code == 200
    [code] = world.auth.codes
    assert f'<code id="code">{code}</code>' in answer.text


async def test_wrong_password_is_told_in_the_page(http: httpx2.AsyncClient, alice: int) -> None:
    answer = await http.post(URL, data={**QUERY, **LOGIN, "password": "wrong"})
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert 'value="alice"' in answer.text
    assert "wrong</p>" not in answer.text.replace("is wrong.</p>", "")
    assert 'name="password" type="password" autocomplete' in answer.text
    assert 'value="wrong"' not in answer.text


async def test_too_many_tries_are_told_in_the_page(http: httpx2.AsyncClient, world: World, alice: int) -> None:
    def refuse(_request: object, _who: object) -> object:
        raise with_reason(ResourceExhausted("Slow down", retry_after=30), "TOO_MANY_TRIES")

    world.accounts.StartSignIn = refuse  # type: ignore[method-assign,assignment]
    answer = await http.post(URL, data={**QUERY, **LOGIN})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "30"
    assert "Too many tries" in answer.text


async def test_cancelling_tells_the_app(http: httpx2.AsyncClient, world: World) -> None:
    answer = await http.post(URL, data={**QUERY, "decision": "deny"})
    assert parse_qs(urlsplit(answer.headers["location"]).query)["error"] == ["access_denied"]
    assert not world.auth.made("CreateAuthorization")


@pytest.mark.parametrize(
    "changed", [{"client_id": "other"}, {"redirect_uri": "https://evil.example/"}, {"client_id": ""}]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nobody_is_sent_where_the_app_did_not_register(
    http: httpx2.AsyncClient, alice: int, changed: dict[str, str], method: str
) -> None:
    values = {**QUERY, **changed}
    answer = await (http.get(URL, params=values) if method == "GET" else http.post(URL, data={**values, **LOGIN}))
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "not valid" in answer.text


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "read admin:write"}, "invalid_scope"),
    ],
)
async def test_other_mistakes_are_told_to_the_app(http: httpx2.AsyncClient, changed: dict[str, str], code: str) -> None:
    answer = await http.get(URL, params={**QUERY, **changed})
    assert answer.status_code == 303
    values = parse_qs(urlsplit(answer.headers["location"]).query)
    assert values["error"] == [code]
    assert values["state"] == [QUERY["state"]]


async def test_form_of_another_site_is_refused(http: httpx2.AsyncClient, world: World, alice: int) -> None:
    answer = await http.post(URL, data={**QUERY, **LOGIN}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert not world.auth.made("CreateAuthorization")


async def test_what_is_typed_is_escaped(http: httpx2.AsyncClient, alice: int) -> None:
    evil = '"><script>alert(1)</script>'
    answer = await http.post(URL, data={**QUERY, "state": evil, "login": evil, "password": "x"})
    assert "<script>" not in answer.text
    assert html.escape(evil, quote=False).split("&")[0] in answer.text


@pytest.mark.parametrize("content", [b"client_id=%ff", b"client_id=a%00", b"client_id[]=a", b"state=" + b"x" * 5000])
async def test_broken_form_gets_a_page(http: httpx2.AsyncClient, content: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await http.post(URL, content=content, headers=headers)
    assert answer.status_code in (400, 413)
    assert "<h1>" in answer.text


async def test_auth_away_gets_a_page(http: httpx2.AsyncClient, world: World, away: Unavailable) -> None:
    world.auth.failure = away
    answer = await http.get(URL, params=QUERY)
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert "try again" in answer.text


async def test_app_is_told_whose_answer_it_gets(http: httpx2.AsyncClient, alice: int) -> None:
    for changed in ({}, {"decision": "deny"}, {"response_type": "token"}):
        answer = await http.post(URL, data={**QUERY, **LOGIN, **changed})
        assert parse_qs(urlsplit(answer.headers["location"]).query)["iss"] == ["http://rookery.test/"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://rookery.test.evil.example", "http://["])
async def test_form_with_anothers_origin_is_refused(
    http: httpx2.AsyncClient, world: World, alice: int, origin: str
) -> None:
    answer = await http.post(URL, data={**QUERY, **LOGIN}, headers={"origin": origin})
    assert answer.status_code == 403
    assert not world.auth.made("CreateAuthorization")
    own = await http.post(URL, data={**QUERY, **LOGIN}, headers={"origin": "http://rookery.test"})
    assert own.status_code == 303
