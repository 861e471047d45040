"""What attackers try at an authorization server (RFC 9700): none gets a code, a token, or a scope more."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any

import pytest

from auth_service.errors import (
    AuthorizationInvalid,
    ClientNotRegistered,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    UnsupportedGrantType,
    ValidationFailed,
)
from auth_service.models import App, AuthorizationRequest, IssuedToken, TokenRequest
from rookery_common.auth import Identity, InvalidToken
from rookery_common.errors import AppError

REGISTERED = "https://client.example/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
# Of the registered address: what a pattern, a prefix or a parser that differs from the browser's would let through.
REDIRECTS = [
    "https://client.example/callback/",
    "https://client.example/callback/..",
    "https://client.example/callback/../evil",
    "https://client.example/callback?next=https://evil.example",
    "https://client.example/callback?",
    "https://client.example/callback#",
    "https://client.example/callback#x",
    "https://client.example/callback;x",
    "https://client.example/callback%00",
    "https://client.example/callback%2f",
    "https://client.example/callback%2e%2e",
    "https://client.example/%63allback",
    "https://client.example/Callback",
    "https://client.example//callback",
    "https://client.example/./callback",
    "https://client.example/x/../callback",
    "https://client.example/callbackevil",
    "https://client.example/",
    "https://client.example",
    "http://client.example/callback",
    "HTTPS://client.example/callback",
    "https://CLIENT.example/callback",
    "https://client.example:443/callback",
    "https://client.example:8443/callback",
    "https://client.example./callback",
    "https://evil.example/callback",
    "https://client.example.evil.example/callback",
    "https://evil.example/client.example/callback",
    "https://evilclient.example/callback",
    "https://sub.client.example/callback",
    "https://client.example@evil.example/callback",
    "https://user@client.example/callback",
    "https://user:pass@client.example/callback",
    "https://client.example\\@evil.example/callback",
    "https://evil.example#https://client.example/callback",
    "https://evil.example?https://client.example/callback",
    "https://client.example%2eevil.example/callback",
    "https://client.example\t/callback",
    " https://client.example/callback",
    "https://client.example/callback ",
    "https://client.example/callback\n",
    "https://client.example/callback\r\nLocation: https://evil.example",
    "https:client.example/callback",
    "https:/client.example/callback",
    "https:///client.example/callback",
    "//client.example/callback",
    "/callback",
    "callback",
    "",
    "javascript:alert(1)//https://client.example/callback",
    "data:text/html,x",
    "file:///etc/passwd",
    "https://\u0441lient.example/callback",
    "https://client.example/callback,https://evil.example",
    "https://client.example/callback https://evil.example",
    "https://client.example/callback|https://evil.example",
    "*",
    "https://*.example/callback",
    "https://127.0.0.1/callback",
    "urn:ietf:wg:oauth:2.0:oob:auto",
    "URN:IETF:WG:OAUTH:2.0:OOB",
    "urn:ietf:wg:oauth:2.0:oob/",
]
# What must not even be registered.
UNREGISTRABLE = [
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "about:blank",
    "blob:x",
    "https://client.example/#fragment",
    "https:///callback",
    "https://",
    "//client.example/callback",
    "/callback",
    "callback",
    "https://a b/",
    "https://client.example/\r\nx",
    "https://client.example/\x00",
    "https://client.example/" + "x" * 2000,
    "1scheme:x",
    ":x",
    "https:",
    "https://client.example/<script>",
    "https://client.example/\\x",
]
# More than an app with read, write:statuses and follow may have.
ESCALATIONS = [
    "write",
    "write:media",
    "write:accounts",
    "push",
    "admin:read",
    "admin:write",
    "admin:read:reports",
    "security",
    "openid",
    "everything",
    "READ",
    "Read",
    "read:",
    "read:everything",
    "write:",
    ":statuses",
    "*",
    "read,write",
    "read\twrite",
    "admin",
    "user",
    "read:accounts:x",
    "write:statuses:x",
]
CHALLENGES = [
    {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
    {"code_challenge": CHALLENGE, "code_challenge_method": "plain"},
    {"code_challenge": CHALLENGE, "code_challenge_method": ""},
    {"code_challenge": CHALLENGE, "code_challenge_method": "s256"},
    {"code_challenge": CHALLENGE, "code_challenge_method": "S512"},
    {"code_challenge": CHALLENGE, "code_challenge_method": "none"},
    {"code_challenge": "", "code_challenge_method": "S256"},
    {"code_challenge": "", "code_challenge_method": "plain"},
    {"code_challenge": CHALLENGE[:-1], "code_challenge_method": "S256"},
    {"code_challenge": CHALLENGE + "=", "code_challenge_method": "S256"},
    {"code_challenge": "+" * 43, "code_challenge_method": "S256"},
    {"code_challenge": "é" * 43, "code_challenge_method": "S256"},
]
VERIFIERS = [
    "",
    "w" * 43,
    "v" * 42,
    "v" * 44,
    "V" * 43,
    CHALLENGE,
    "v" * 129,
    "v" * 42 + " ",
    "v" * 42 + "é",
    "v" * 43 + "\n",
]
MIXED_UP: list[tuple[dict[str, Any], type[AppError]]] = [
    ({"client_id": ""}, InvalidClient),
    ({"client_id": "unknown"}, InvalidClient),
    ({"client_secret": ""}, InvalidClient),
    ({"client_secret": "wrong"}, InvalidClient),
    ({"code": ""}, InvalidRequest),
    ({"code": "unknown"}, InvalidGrant),
    ({"redirect_uri": ""}, InvalidRequest),
    ({"redirect_uri": "https://evil.example/callback"}, InvalidGrant),
    ({"redirect_uri": REGISTERED + "/"}, InvalidGrant),
    ({"redirect_uri": "urn:ietf:wg:oauth:2.0:oob"}, InvalidGrant),
    ({"grant_type": ""}, UnsupportedGrantType),
    ({"grant_type": "password"}, UnsupportedGrantType),
    ({"grant_type": "implicit"}, UnsupportedGrantType),
    ({"grant_type": "Authorization_Code"}, UnsupportedGrantType),
    ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}, UnsupportedGrantType),
    ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, UnsupportedGrantType),
    ({"grant_type": "refresh_token"}, ClientNotRegistered),
]


@pytest.fixture
async def app(world: Any) -> tuple[App, str]:
    """Narrower than what it will be tried to get out of it."""
    made: tuple[App, str] = await world.auth.apps.create(
        "Narrow", [REGISTERED, "urn:ietf:wg:oauth:2.0:oob"], ["read", "write:statuses", "follow"], ""
    )
    return made


@pytest.fixture
async def alice(world: Any) -> Identity:
    issued: IssuedToken = await world.sign_up()
    return Identity(issued.session.account_id, issued.session.session_id, issued.session.app_id)


def asks(app: tuple[App, str], **changes: Any) -> AuthorizationRequest:
    request = AuthorizationRequest(app[0].client_id, REGISTERED, "code", ("read",), CHALLENGE, "S256")
    return replace(request, **changes)


def redeems(app: tuple[App, str], code: str, **changes: Any) -> TokenRequest:
    request = TokenRequest("authorization_code", app[0].client_id, app[1], code=code, redirect_uri=REGISTERED)
    return replace(request, **{"code_verifier": VERIFIER, **changes})


def test_there_are_at_least_120_cases() -> None:
    lists: list[list[Any]] = [REDIRECTS, UNREGISTRABLE, ESCALATIONS * 3, CHALLENGES, VERIFIERS * 2, MIXED_UP]
    assert sum(map(len, lists)) >= 120


@pytest.mark.parametrize("uri", REDIRECTS)
async def test_no_other_address_than_the_registered_one_gets_a_code(
    world: Any, app: tuple[App, str], alice: Identity, uri: str
) -> None:
    with pytest.raises(AuthorizationInvalid) as caught:
        await world.auth.authorizations.authorize_caller(asks(app, redirect_uri=uri), alice)
    # The gateway sends nobody anywhere where this field is named.
    assert [violation.field for violation in caught.value.fields] == ["redirect_uri"]


@pytest.mark.parametrize("uri", UNREGISTRABLE)
async def test_an_address_that_runs_or_swallows_codes_is_not_registered(world: Any, uri: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await world.auth.apps.create("App", [REGISTERED, uri], ["read"], "")
    assert [violation.field for violation in caught.value.fields] == ["redirect_uris"]


@pytest.mark.parametrize("scope", ESCALATIONS)
async def test_no_grant_gives_more_than_was_registered(
    world: Any, app: tuple[App, str], alice: Identity, scope: str
) -> None:
    asked = ("read", scope)
    with pytest.raises(AuthorizationInvalid) as caught:
        await world.auth.authorizations.authorize_caller(asks(app, scopes=asked), alice)
    assert caught.value.reason == "INVALID_SCOPE"
    own = TokenRequest("client_credentials", app[0].client_id, app[1], scopes=asked)
    with pytest.raises(InvalidScope):
        await world.auth.authorizations.grant(own)
    code = await world.auth.authorizations.authorize_caller(asks(app), alice)
    issued = await world.auth.authorizations.grant(redeems(app, code, scopes=asked))
    assert issued.session.scopes == ("read",)


@pytest.mark.parametrize("challenge", CHALLENGES, ids=str)
async def test_no_weaker_proof_than_s256_is_agreed_on(
    world: Any, app: tuple[App, str], alice: Identity, challenge: dict[str, str]
) -> None:
    with pytest.raises(AuthorizationInvalid) as caught:
        await world.auth.authorizations.authorize_caller(asks(app, **challenge), alice)
    assert caught.value.fields[0].field.startswith("code_challenge")


@pytest.mark.parametrize("verifier", VERIFIERS)
async def test_a_stolen_code_is_worth_nothing_without_its_verifier(
    world: Any, app: tuple[App, str], alice: Identity, verifier: str
) -> None:
    code = await world.auth.authorizations.authorize_caller(asks(app), alice)
    with pytest.raises(InvalidGrant):
        await world.auth.authorizations.grant(redeems(app, code, code_verifier=verifier))


@pytest.mark.parametrize("verifier", [each for each in VERIFIERS if each])
async def test_a_challenge_that_was_removed_on_its_way_is_noticed(
    world: Any, app: tuple[App, str], alice: Identity, verifier: str
) -> None:
    downgraded = asks(app, code_challenge="", code_challenge_method="")
    code = await world.auth.authorizations.authorize_caller(downgraded, alice)
    with pytest.raises(InvalidGrant):
        await world.auth.authorizations.grant(redeems(app, code, code_verifier=verifier))


@pytest.mark.parametrize(("changed", "error"), MIXED_UP, ids=str)
async def test_a_token_request_that_does_not_go_with_its_code_is_refused_and_the_code_stays_good(
    world: Any, app: tuple[App, str], alice: Identity, changed: dict[str, Any], error: type[AppError]
) -> None:
    code = await world.auth.authorizations.authorize_caller(asks(app), alice)
    with pytest.raises(error):
        await world.auth.authorizations.grant(replace(redeems(app, code), **changed))
    assert await world.auth.authorizations.grant(redeems(app, code))


@pytest.mark.parametrize("response_type", ["", "token", "id_token", "code token", "code id_token", "CODE", "none"])
async def test_no_token_is_given_without_a_code(world: Any, app: tuple[App, str], response_type: str) -> None:
    with pytest.raises(AuthorizationInvalid) as caught:
        await world.auth.authorizations.check(asks(app, response_type=response_type))
    assert caught.value.reason == "UNSUPPORTED_RESPONSE_TYPE"


@pytest.mark.parametrize("confidential", [True, False])
async def test_another_client_can_not_redeem_a_code_that_it_was_handed(
    world: Any, app: tuple[App, str], alice: Identity, confidential: bool
) -> None:
    method = "" if confidential else "none"
    other = await world.auth.apps.create("Other", [REGISTERED], ["read"], "", auth_method=method)
    code = await world.auth.authorizations.authorize_caller(asks(app), alice)
    with pytest.raises(InvalidGrant):
        await world.auth.authorizations.grant(redeems(other, code))
    assert await world.auth.authorizations.grant(redeems(app, code))


@pytest.mark.parametrize("tries", [1, 2, 5])
async def test_a_replayed_code_ends_what_it_gave_and_what_that_was_refreshed_to(
    world: Any, alice: Identity, tries: int
) -> None:
    app = await world.auth.apps.create(
        "Refreshing", [REGISTERED], ["read"], "", ("authorization_code", "refresh_token")
    )
    code = await world.auth.authorizations.authorize_caller(asks(app), alice)
    issued = await world.auth.authorizations.grant(redeems(app, code))
    renewed = await world.auth.authorizations.grant(
        TokenRequest("refresh_token", app[0].client_id, app[1], refresh_token=issued.refresh_token)
    )
    for _ in range(tries):
        with pytest.raises(InvalidGrant):
            await world.auth.authorizations.grant(redeems(app, code))
    with pytest.raises(InvalidToken):
        await world.auth.sessions.exchange(renewed.access_token)
    with pytest.raises(InvalidGrant):
        await world.auth.authorizations.grant(
            TokenRequest("refresh_token", app[0].client_id, app[1], refresh_token=renewed.refresh_token)
        )
