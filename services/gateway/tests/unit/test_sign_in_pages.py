"""The pages of signing in, of mailed links and of security, as a browser uses them."""

from __future__ import annotations

import io
import re
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from gateway_service.schemas.scopes import SCOPES, permissions
from gateway_service.translations import LANGUAGES, choose
from rookery_common.errors import PermissionDenied

if TYPE_CHECKING:
    from gateway_fakes.world import World

LOGIN = {"login": "alice", "password": "correct horse"}
CODE, LINK = "123456", "a-link"
OVERVIEW = "/auth/security"
PAGES = ["/auth/sign_in", "/auth/sign_up", "/auth/reset", f"/auth/password?token={LINK}", f"/auth/confirm?token={LINK}"]
PRIVATE = [
    OVERVIEW,
    f"{OVERVIEW}/passkeys",
    f"{OVERVIEW}/providers",
    "/auth/sessions",
    f"{OVERVIEW}/password",
    f"{OVERVIEW}/email",
    f"{OVERVIEW}/totp",
    "/auth/data",
    "/auth/delete",
]


@pytest.fixture
def alice(world: World) -> int:
    account_id = world.user.add("alice")
    world.auth.passwords["alice"] = ("correct horse", account_id)
    return account_id


@pytest.fixture
async def browser(http: httpx2.AsyncClient, alice: int) -> httpx2.AsyncClient:
    """Signed in as alice."""
    answer = await http.post("/auth/sign_in", data=LOGIN)
    assert answer.headers["location"] == OVERVIEW
    return http


async def form_token(http: httpx2.AsyncClient) -> str:
    page = (await http.get(OVERVIEW)).text
    found = re.search(r'name="form_token" value="(\w+)"', page)
    assert found is not None
    return found[1]


async def submit(http: httpx2.AsyncClient, path: str, **fields: str) -> httpx2.Response:
    """A form of a page of this session."""
    return await http.post(path, data={"form_token": await form_token(http), **fields})


async def test_signing_in_leads_where_one_wanted_to_go(http: httpx2.AsyncClient, alice: int) -> None:
    asked = await http.get(f"{OVERVIEW}/totp")
    assert asked.status_code == 303
    target = parse_qs(urlsplit(asked.headers["location"]).query)["next"][0]
    answer = await http.post("/auth/sign_in", data={**LOGIN, "next": target})
    assert answer.headers["location"] == f"{OVERVIEW}/totp"
    assert (await http.get("/auth/sign_in")).headers["location"] == OVERVIEW


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/auth/..//evil.example",
        "javascript:x",
        "/api/v1",
        "",
    ],
)
async def test_nobody_is_led_elsewhere(http: httpx2.AsyncClient, alice: int, target: str) -> None:
    answer = await http.post("/auth/sign_in", data={**LOGIN, "next": target})
    assert answer.headers["location"] == OVERVIEW


async def test_the_session_is_a_cookie_that_no_script_and_no_other_site_can_use(
    http: httpx2.AsyncClient, alice: int
) -> None:
    answer = await http.post("/auth/sign_in", data=LOGIN)
    cookies = answer.headers.get_list("set-cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {"rookery-session", "rookery-device"}
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie


async def test_a_wrong_password_is_told_in_the_page(http: httpx2.AsyncClient, alice: int) -> None:
    answer = await http.post("/auth/sign_in", data={**LOGIN, "password": "wrong"})
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "set-cookie" not in answer.headers


async def test_a_second_factor_is_asked_for_on_a_page_of_its_own(
    http: httpx2.AsyncClient, world: World, alice: int
) -> None:
    world.accounts.totp.add(alice)
    page = await http.post("/auth/sign_in", data={**LOGIN, "next": f"{OVERVIEW}/totp"})
    assert 'name="challenge" value="challenge"' in page.text
    fields = {"challenge": "challenge", "next": f"{OVERVIEW}/totp"}
    wrong = await http.post("/auth/second_factor", data={**fields, "code": "000000"})
    assert wrong.status_code == 401
    assert "wrong" in wrong.text
    right = await http.post("/auth/second_factor", data={**fields, "code": f" {CODE} "})
    assert right.headers["location"] == f"{OVERVIEW}/totp"
    late = await http.post("/auth/second_factor", data={**fields, "code": CODE})
    assert late.status_code in (401, 403)


async def test_an_app_is_allowed_after_the_second_factor(http: httpx2.AsyncClient, world: World, alice: int) -> None:
    world.accounts.totp.add(alice)
    asked = {"client_id": "client", "redirect_uri": "https://app.example/back", "response_type": "code", "state": "s"}
    page = await http.post("/oauth/authorize", data={**asked, **LOGIN, "decision": "allow"})
    target = re.search(r'name="next" value="([^"]*)"', page.text)
    assert target is not None
    next_page = target[1].replace("&amp;", "&")
    entered = await http.post("/auth/second_factor", data={"challenge": "challenge", "next": next_page, "code": CODE})
    consent = await http.get(entered.headers["location"])
    assert "signed in as alice" in consent.text
    token = re.search(r'name="form_token" value="(\w+)"', consent.text)
    assert token is not None
    fields = {**asked, "decision": "allow", "form_token": token[1]}
    answer = await http.post("/oauth/authorize", data=fields)
    assert parse_qs(urlsplit(answer.headers["location"]).query)["code"] == list(world.auth.codes)
    fields["form_token"] = "0" * 64
    assert (await http.post("/oauth/authorize", data=fields)).status_code == 403


async def test_signing_out_ends_the_session(browser: httpx2.AsyncClient, world: World) -> None:
    assert (await submit(browser, "/auth/sign_out")).headers["location"] == "/auth/sign_in"
    assert not world.auth.tokens
    assert (await browser.get(OVERVIEW)).status_code == 303


@pytest.mark.parametrize("path", ["/auth/sign_out", f"{OVERVIEW}/password", f"{OVERVIEW}/totp", "/auth/step_up"])
async def test_forms_of_another_session_or_site_are_refused(
    browser: httpx2.AsyncClient, world: World, path: str
) -> None:
    token = await form_token(browser)
    before = len(world.accounts.calls)
    foreign = [({}, {}), ({"form_token": "0" * 64}, {}), ({"form_token": token}, {"sec-fetch-site": "cross-site"})]
    foreign.append(({"form_token": token}, {"origin": "https://evil.example"}))
    for fields, headers in foreign:
        assert (await browser.post(path, data=fields, headers=headers)).status_code == 403
    assert len(world.accounts.calls) == before


@pytest.mark.parametrize("token", ["grant", "unknown", "x" * 600])
async def test_only_a_browsers_session_opens_the_pages(
    http: httpx2.AsyncClient, world: World, alice: int, token: str
) -> None:
    cookie = world.auth.grant(alice) if token == "grant" else token
    answer = await http.get(OVERVIEW, headers={"cookie": f"rookery-session={cookie}"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/auth/sign_in")


async def test_what_is_dangerous_asks_who_one_is_once_more(browser: httpx2.AsyncClient) -> None:
    asked = await browser.get(f"{OVERVIEW}/email")
    assert asked.headers["location"].startswith("/auth/step_up?next=")
    wrong = await submit(browser, "/auth/step_up", password="wrong", next=f"{OVERVIEW}/email")
    assert wrong.status_code == 401
    right = await submit(browser, "/auth/step_up", password=LOGIN["password"], next=f"{OVERVIEW}/email")
    assert right.headers["location"] == f"{OVERVIEW}/email"
    assert (await browser.get(f"{OVERVIEW}/email")).status_code == 200
    sent = await submit(browser, f"{OVERVIEW}/email", email="new@example.org")
    assert "new@example.org" in sent.text
    assert (await submit(browser, f"{OVERVIEW}/email", email="nowhere")).status_code == 422


async def test_an_authenticator_app_is_set_up_and_turned_off(
    browser: httpx2.AsyncClient, world: World, alice: int
) -> None:
    world.accounts.elevated.add(alice)
    begun = await submit(browser, f"{OVERVIEW}/totp")
    assert "SECRET" in begun.text
    slip = await submit(browser, f"{OVERVIEW}/totp/enable", code="1", secret="SECRET", uri="otpauth://x")
    assert slip.status_code == 401
    assert "SECRET" in slip.text
    done = await submit(browser, f"{OVERVIEW}/totp/enable", code=CODE)
    assert "abcd-efgh" in done.text
    assert "ijkl-mnop" in (await submit(browser, f"{OVERVIEW}/recovery_codes")).text
    assert (await submit(browser, f"{OVERVIEW}/totp/disable")).status_code == 303
    assert not world.accounts.totp


async def test_a_password_is_changed(browser: httpx2.AsyncClient, world: World, alice: int) -> None:
    world.accounts.elevated.add(alice)
    short = await submit(browser, f"{OVERVIEW}/password", password="short")
    assert short.status_code == 422
    assert "at least 8" in short.text
    assert (await submit(browser, f"{OVERVIEW}/password", password="long enough")).headers["location"] == OVERVIEW


async def test_sessions_are_listed_and_ended_one_or_all(browser: httpx2.AsyncClient, world: World, alice: int) -> None:
    tokens = [world.auth.grant(alice, "read") for _ in range(3)]
    page = (await browser.get("/auth/sessions")).text
    assert page.count("Test app") == 3
    assert "192.0.2.0/24" in page
    assert "Nov 14, 2023" in page
    session_id = str(world.auth.tokens[tokens[0]].session_id)
    assert (await submit(browser, "/auth/sessions", session_id=session_id)).headers["location"] == "/auth/sessions"
    assert tokens[0] not in world.auth.tokens
    assert (await submit(browser, "/auth/sessions", session_id=session_id)).status_code == 404
    assert (await submit(browser, "/auth/sessions/others")).status_code == 303
    assert [session.scopes for session in world.auth.tokens.values()] == [["security"]]


async def test_auth_is_told_where_a_token_is_used(browser: httpx2.AsyncClient, world: World) -> None:
    await browser.get("/auth/sessions", headers={"user-agent": "Firefox"})
    call = world.auth.made("ExchangeToken")[-1]
    assert (call.request.client_address, call.request.user_agent) == ("127.0.0.1", "Firefox")


async def test_auth_is_told_where_an_apps_token_is_used(http: httpx2.AsyncClient, world: World, alice: int) -> None:
    headers = {"authorization": f"Bearer {world.auth.grant(alice)}", "user-agent": "toot/0.50"}
    await http.get("/api/v1/accounts/verify_credentials", headers=headers)
    call = world.auth.made("ExchangeToken")[-1]
    assert (call.request.client_address, call.request.user_agent) == ("127.0.0.1", "toot/0.50")


async def test_mailed_links_are_followed_with_a_click(http: httpx2.AsyncClient, world: World) -> None:
    for path in PAGES[-2:]:
        assert LINK in (await http.get(path)).text
    assert not world.accounts.calls
    answer = await http.post("/auth/password", data={"token": LINK, "password": "short"})
    assert answer.status_code == 422
    assert (await http.post("/auth/password", data={"token": LINK, "password": "long enough"})).status_code == 200
    assert (await http.post("/auth/confirm", data={"token": LINK})).status_code == 200
    assert (await http.post("/auth/confirm", data={"token": "used"})).status_code == 404


async def test_asking_for_a_link_is_answered_the_same(http: httpx2.AsyncClient, alice: int) -> None:
    answers = {(await http.post("/auth/reset", data={"email": email})).text for email in ("alice@example.org", "x")}
    assert len(answers) == 1


async def test_an_account_that_waits_is_told_so(http: httpx2.AsyncClient, world: World, alice: int) -> None:
    refusal = PermissionDenied("Wait")
    refusal.reason = "ACCOUNT_PENDING"
    world.accounts.failure = refusal
    answer = await http.post("/auth/sign_in", data=LOGIN)
    assert answer.status_code == 403
    assert "waits for approval" in answer.text


async def test_unconfirmed_tokens_ask_for_the_link_and_for_nothing_else(
    http: httpx2.AsyncClient, world: World, alice: int
) -> None:
    headers = {"authorization": f"Bearer {world.auth.grant(alice, 'unconfirmed')}"}
    assert (await http.post("/api/v1/emails/confirmations", headers=headers)).json() == {}
    refused = await http.get("/api/v1/accounts/verify_credentials", headers=headers)
    assert refused.status_code == 403
    assert refused.json() == {"error": "Your login is missing a confirmed e-mail address"}


@pytest.mark.parametrize("path", [*PAGES, *PRIVATE])
async def test_pages_are_safe_and_speak_german(
    browser: httpx2.AsyncClient, world: World, alice: int, path: str
) -> None:
    world.accounts.elevated.add(alice)
    if path == "/auth/sign_in":
        browser.cookies.clear()
    page = await browser.get(path, headers={"accept-language": "fr;q=0.9, de-AT, en;q=0.5"})
    assert page.status_code == 200
    assert '<html lang="de">' in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    # No address leaves this site; with "no-referrer", browsers would not say where forms come from.
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["cache-control"] == "private, no-store"
    assert not re.search(r'(src|href)="(https?:)?//', page.text)
    assert not re.search(r" (style|on\w+)=", page.text)
    labelled = set(re.findall(r'<label for="(\w+)"', page.text))
    inputs = set(re.findall(r'<(?:input|select) id="(\w+)"', page.text))
    assert inputs == labelled


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-CH, en", "de"),
        ("en-GB, de", "en"),
        ("fr", "en"),
        ("*;q=x,,;", "en"),
        ("de;q=0", "en"),
    ],
)
def test_the_language_is_the_one_that_is_wanted_most(header: str, language: str) -> None:
    assert choose(header, "en") == language


def test_the_communitys_language_is_spoken_to_who_asks_for_none() -> None:
    assert choose("", "de") == "de"
    assert choose("fr", "xx") == "en"


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_message_is_translated(language: str) -> None:
    package = files("gateway_service")
    catalogue = read_po(io.BytesIO((package / "catalogues" / f"{language}.po").read_bytes()), locale=language)
    messages = set(permissions(SCOPES))
    options = {"newstyle_gettext": "true"}
    for template in (package / "templates").iterdir():
        found = extract("jinja2.ext:babel_extract", io.BytesIO(template.read_bytes()), options=options)
        messages |= {message[0] if isinstance(message, tuple) else message for _, message, _, _ in found}
    for module in (package / "routers").iterdir():
        if module.name.endswith(".py"):
            found = extract("python", io.BytesIO(module.read_bytes()), keywords={"mark": None})
            messages |= {str(message) for _, message, _, _ in found}
    assert len(messages) > 100
    known = {message.id[0] if isinstance(message.id, tuple) else message.id: message for message in catalogue}
    assert [message for message in messages if message not in known or not known[message].string] == []
    assert [message.id for message in catalogue if message.id and message.check()] == []
