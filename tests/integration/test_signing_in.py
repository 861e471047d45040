"""People sign in with a browser: through the pages alone, as a browser sends their forms."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from functools import partial
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pyotp
import pytest
from harness.browser import Browser, sign_in
from harness.people import PASSWORD, SCOPES, Person, Town
from harness.platform import Platform
from harness.waiting import eventually
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

NEW = "wholly new passphrase"
REVOKED_SECONDS = 1.0
OVERVIEW = "/auth/security"
REDIRECT = "https://client.example/back"


@pytest.fixture
def browser(http: httpx2.Client) -> Browser:
    return Browser(http)


@pytest.fixture
def elsewhere(platform: Platform) -> Iterator[Browser]:
    """Another browser."""
    with httpx2.Client(base_url=platform.url, timeout=15) as client:
        yield Browser(client)


def test_an_app_is_allowed_with_a_click_by_who_has_signed_in_with_two_factors(
    browser: Browser, elsewhere: Browser, town: Town, alice: Person
) -> None:
    assert alice.username in sign_in(browser, alice)
    browser.open(f"{OVERVIEW}/totp")
    secret = re.search(r'<code id="secret">(\w+)</code>', browser.submit(f"{OVERVIEW}/totp"))
    assert secret is not None
    shown = browser.submit(f"{OVERVIEW}/totp/enable", code=pyotp.TOTP(secret[1]).now())
    recovery = re.findall(r"<li><code>([\w-]+)</code></li>", shown)
    assert len(recovery) == 10

    app = elsewhere.http.post(
        "/api/v1/apps", data={"client_name": "Two factors", "redirect_uris": REDIRECT, "scopes": "read"}
    ).json()
    asked = {"client_id": app["client_id"], "redirect_uri": REDIRECT, "response_type": "code", "state": "x&y"}
    assert "Two factors" in elsewhere.open("/oauth/authorize", **asked)
    # The password alone gives no code.
    second = elsewhere.submit("/oauth/authorize", login=alice.username, password=PASSWORD, decision="allow")
    assert 'name="challenge"' in second
    assert "wrong" in elsewhere.submit("/auth/second_factor", code="000 000")
    consent = elsewhere.submit("/auth/second_factor", code=recovery[0])
    assert alice.username in consent
    answer = elsewhere.send("/oauth/authorize", decision="allow")
    values = parse_qs(urlsplit(answer.headers["location"]).query)
    assert values["state"] == ["x&y"]
    grant = {"grant_type": "authorization_code", "code": values["code"][0], "redirect_uri": REDIRECT}
    client = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    token = elsewhere.http.post("/oauth/token", data={**grant, **client}).json()["access_token"]
    bearer = {"authorization": f"Bearer {token}"}
    known = elsewhere.http.get("/api/v1/accounts/verify_credentials", headers=bearer).json()
    assert known["username"] == alice.username


@pytest.mark.local
def _until_closed(socket: ClientConnection) -> list[str]:
    """What comes until the server closes it."""
    told = []
    while True:
        try:
            told.append(str(socket.recv(timeout=30)))
        except ConnectionClosed:
            return told


def test_an_owner_sees_every_session_and_ends_the_others_everywhere_within_a_second(
    browser: Browser, elsewhere: Browser, platform: Platform, alice: Person
) -> None:
    sign_in(elsewhere, alice)
    sign_in(browser, alice)
    page = browser.open("/auth/sessions")
    assert page.count("127.0.0.0/24") >= 2
    assert "integration tests" in page
    url = f"{platform.url.replace('http', 'ws', 1)}/api/v1/streaming?stream=user&access_token={alice.token}"
    with connect(url) as socket:
        browser.submit("/auth/sessions/others")
        ended = time.monotonic()
        # Before its end it may be told of the two sign-ins.
        assert all('"notification"' in each for each in _until_closed(socket))
        # A second is what is promised; the rest is for a slow machine.
        assert time.monotonic() - ended < 15
    bearer = {"authorization": f"Bearer {alice.token}"}
    assert elsewhere.http.get("/api/v1/accounts/verify_credentials", headers=bearer).status_code == 401
    assert "/auth/sign_in" in elsewhere.open(OVERVIEW)
    assert browser.open("/auth/sessions").count("<li>") == 1


def test_somebody_gets_an_account_with_a_browser_and_allows_an_app(browser: Browser) -> None:
    app = browser.http.post(
        "/api/v1/apps", data={"client_name": "First app", "redirect_uris": REDIRECT, "scopes": "read"}
    ).json()
    assert browser.http.get("/api/v2/instance").json()["registrations"]["enabled"]
    browser.open("/oauth/authorize", client_id=app["client_id"], redirect_uri=REDIRECT, response_type="code")
    link = re.search(r'href="(/auth/sign_up[^"]*)"', browser.page)
    assert link is not None
    browser.open(unescape(link[1]))
    name = f"new{secrets.token_hex(5)}"
    form = {"username": name, "email": f"{name}@example.org", "agreement": "true"}
    assert "guessed first" in browser.submit("/auth/sign_up", password="password123", **form)
    assert f"signed in as {name}" in browser.submit("/auth/sign_up", password=PASSWORD, **form)
    answer = browser.send("/oauth/authorize", decision="allow")
    assert "code" in parse_qs(urlsplit(answer.headers["location"]).query)


@pytest.mark.local
def test_an_app_that_was_allowed_it_by_name_sees_sessions_and_ends_them(
    browser: Browser, elsewhere: Browser, platform: Platform
) -> None:
    person = Town(platform.url, (*SCOPES, "sessions")).newcomer("alice")
    sign_in(elsewhere, person)
    bearer = {"authorization": f"Bearer {person.token}"}
    sessions = browser.http.get("/api/rookery/v1/sessions", headers=bearer).json()["sessions"]
    assert [session["current"] for session in sessions].count(True) == 1
    assert {session["network"] for session in sessions} == {"127.0.0.0/24"}
    [at_browser] = [session["id"] for session in sessions if session["app"] is None]
    assert browser.http.delete(f"/api/rookery/v1/sessions/{at_browser}", headers=bearer).status_code == 200
    eventually(lambda: elsewhere.open(OVERVIEW), lambda page: "/auth/sign_in" in page, within=5, what="signed out")


@pytest.mark.local
def test_a_forgotten_password_is_replaced_by_a_mailed_link_and_signs_out_everywhere(
    browser: Browser, alice: Person
) -> None:
    address = f"{alice.username}@example.org"
    browser.open("/auth/reset")
    browser.submit("/auth/reset", email=address)
    link = re.search(r"http\S+/auth/password\?token=[\w-]+", mail_to(address, "Choose a new password"))
    assert link is not None
    path = urlsplit(link[0])
    browser.open(f"{path.path}?{path.query}")
    assert "guessed first" in browser.submit("/auth/password", password="password123")
    assert "You have a new password" in browser.submit("/auth/password", password=NEW)
    ask = partial(
        browser.http.get, "/api/v1/accounts/verify_credentials", headers={"authorization": f"Bearer {alice.token}"}
    )
    eventually(ask, lambda answer: answer.status_code == 401, within=REVOKED_SECONDS, what="the end of older tokens")
    assert "is wrong" in sign_in(browser, alice)
    assert alice.username in sign_in(browser, alice, NEW)


@pytest.mark.local
def test_a_new_browser_is_told_of_by_mail_and_among_the_notifications(
    platform: Platform, browser: Browser, alice: Person
) -> None:
    assert alice.username in sign_in(browser, alice)
    assert OVERVIEW in mail_to(f"{alice.username}@example.org", "A new sign-in")
    platform.drain()
    (told,) = alice.api.notifications(types=["security.sign_in"])
    assert told.type == "security.sign_in"


def mail_to(address: str, subject: str) -> str:
    """The text of the mail, once it is in the local platform's folder."""
    folder = Path(os.environ["ROOKERY_INSTANCE"]) / "mails"

    def found() -> str:
        mails = (message_from_bytes(file.read_bytes(), policy=default) for file in folder.glob("*.eml"))
        texts = [mail.get_content() for mail in mails if mail["To"] == address and subject in mail["Subject"]]
        return texts[0] if texts else ""

    return eventually(found, bool, within=20, what="the mail is there")
