"""Apps sign people in by the code flow, renew what they got, and lose it within a second when it is revoked."""

from __future__ import annotations

import base64
import concurrent.futures
import hashlib
import os
import re
import secrets
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from harness.browser import consent
from harness.people import Person
from harness.platform import Platform
from harness.waiting import eventually
from mastodon import Mastodon

REDIRECT = "https://client.example/back"
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
VERIFY = "/api/v1/accounts/verify_credentials"
TOOT = Path(sys.executable).parent / "toot"
TOOT_SECONDS = 60.0


def register(http: httpx2.Client, **metadata: Any) -> dict[str, str]:
    answer = http.post(
        "/oauth/register",
        json={"client_name": "Flow", "redirect_uris": [REDIRECT], "scope": "read write", **metadata},
    )
    assert answer.status_code == 201, answer.text
    client: dict[str, str] = answer.json()
    return client


def signed_in(platform: Platform, http: httpx2.Client, person: Person, client: dict[str, str]) -> dict[str, Any]:
    """The client's tokens, by code and PKCE."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "client_id": client["client_id"],
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "read",
        "state": "s",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    answer = consent(platform, str(httpx2.URL("/oauth/authorize", params=asked)), person)
    sent = parse_qs(urlsplit(answer.headers["location"]).query)
    metadata = http.get("/.well-known/oauth-authorization-server").json()
    assert (sent["state"], sent["iss"]) == (["s"], [metadata["issuer"]])
    grant = {"grant_type": "authorization_code", "code": sent["code"][0], "redirect_uri": REDIRECT}
    issued = token(http, client, **grant, code_verifier=verifier)
    assert issued.status_code == 200, issued.text
    tokens: dict[str, Any] = issued.json()
    return tokens


def token(http: httpx2.Client, client: dict[str, str], **grant: str) -> httpx2.Response:
    proof = {"client_id": client["client_id"], "client_secret": client.get("client_secret", "")}
    return http.post("/oauth/token", data={**proof, **grant})


def status(http: httpx2.Client, access_token: str) -> int:
    return http.get(VERIFY, headers={"authorization": f"Bearer {access_token}"}).status_code


def test_mastodon_py_signs_in_by_the_code_that_a_person_copies(platform: Platform, alice: Person) -> None:
    client_id, client_secret = Mastodon.create_app("By code", api_base_url=platform.url, scopes=["read", "write"])
    api = Mastodon(client_id=client_id, client_secret=client_secret, api_base_url=platform.url)
    page = consent(platform, str(api.auth_request_url(scopes=["read", "write"], allow_http=True)), alice).text
    code = re.search(r'<code id="code">([^<]+)</code>', page)
    assert code is not None
    api.log_in(code=code[1], redirect_uri=OUT_OF_BAND, scopes=["read", "write"], allow_http=True)
    assert str(api.account_verify_credentials()["id"]) == alice.account_id
    assert str(api.status_post("Signed in by a code")["account"]["id"]) == alice.account_id


@pytest.mark.parametrize("method", ["client_secret_basic", "none"])
def test_an_app_renews_its_tokens_and_a_used_refresh_token_ends_the_session(
    platform: Platform, http: httpx2.Client, alice: Person, method: str
) -> None:
    grants = ["authorization_code", "refresh_token"]
    client = register(http, grant_types=grants, token_endpoint_auth_method=method)
    assert ("client_secret" in client) == (method != "none")
    first = signed_in(platform, http, alice, client)
    assert status(http, first["access_token"]) == 200
    renew = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = [future.result() for future in [pool.submit(token, http, client, **renew) for _ in range(4)]]
    assert {answer.status_code for answer in answers} == {200}
    assert len({(answer.json()["access_token"], answer.json()["refresh_token"]) for answer in answers}) == 1
    second = answers[0].json()
    third = token(http, client, grant_type="refresh_token", refresh_token=second["refresh_token"]).json()
    assert status(http, third["access_token"]) == 200
    assert token(http, client, **renew).json()["error"] == "invalid_grant"
    eventually(
        lambda: status(http, third["access_token"]), lambda code: code == 401, within=30, what="the session's end"
    )
    newest = {"grant_type": "refresh_token", "refresh_token": third["refresh_token"]}
    assert token(http, client, **newest).json()["error"] == "invalid_grant"


@pytest.mark.alone
def test_a_client_is_told_what_its_token_is_and_gives_it_back(
    platform: Platform, http: httpx2.Client, alice: Person
) -> None:
    client = register(http, grant_types=["authorization_code"])
    access = signed_in(platform, http, alice, client)["access_token"]
    proof = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
    told = http.post("/oauth/introspect", data={**proof, "token": access}).json()
    assert (told["active"], told["username"], told["scope"]) == (True, alice.username, "read")
    assert http.post("/oauth/introspect", data={**proof, "token": alice.token}).json() == {"active": False}
    assert status(http, access) == 200
    http.post("/oauth/revoke", data={**proof, "token": access})
    eventually(lambda: status(http, access), lambda code: code == 401, within=30, what="the token's end")
    assert http.post("/oauth/introspect", data={**proof, "token": access}).json() == {"active": False}
    platform.flush_caches()
    assert status(http, access) == 401


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own, where toot keeps its token."""
    return {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "NO_COLOR": "1"}


def toot(environment: dict[str, str], *words: str) -> str:
    command = [str(TOOT), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TOOT_SECONDS)  # noqa: S603  # our own words
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def toot_login(environment: dict[str, str], platform: Platform, person: Person) -> str:
    """`toot login`: it shows an address, and asks for the code that the page there shows."""
    command = [str(TOOT), "login", "--instance", platform.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603  # our own words
        command, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        url = next((line.strip() for line in lines if "/oauth/authorize" in line), "")
        assert url, process.communicate(timeout=TOOT_SECONDS)
        code = re.search(r'<code id="code">([^<]+)</code>', consent(platform, url, person).text)
        assert code is not None
        # No browser is to be opened; then the code.
        told, _ = process.communicate(f"n\n{unescape(code[1])}\n", timeout=TOOT_SECONDS)
    assert process.returncode == 0, told
    return told


def test_toot_signs_in_by_the_code_flow_posts_and_signs_out(
    platform: Platform, http: httpx2.Client, alice: Person, environment: dict[str, str]
) -> None:
    assert "Successfully logged in" in toot_login(environment, platform, alice)
    toot(environment, "post", "Written on a command line")
    [status] = http.get(f"/api/v1/accounts/{alice.account_id}/statuses").json()
    assert "Written on a command line" in status["content"]
    assert status["application"]["name"].startswith("toot")
    toot(environment, "logout", f"{alice.username}@{httpx2.URL(platform.url).netloc.decode()}")
