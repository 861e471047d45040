"""The authorization code grant: exact redirects, PKCE, one use, one minute."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from dataclasses import replace
from typing import Any

import pytest

from auth_service.errors import (
    AuthorizationInvalid,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    UnsupportedGrantType,
    WrongCredentials,
)
from auth_service.models import OUT_OF_BAND, AuthorizationRequest, TokenRequest
from rookery_common.auth import InvalidToken

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def asks(world: Any, **changes: Any) -> AuthorizationRequest:
    request = AuthorizationRequest(world.app.client_id, world.redirect, "code", ("read",), CHALLENGE, "S256")
    return replace(request, **changes)


def redeems(world: Any, code: str, **changes: Any) -> TokenRequest:
    client = {"client_id": world.app.client_id, "client_secret": world.app_secret}
    request = TokenRequest("authorization_code", **client, code=code, redirect_uri=world.redirect)
    return replace(request, **{"code_verifier": VERIFIER, **changes})


async def code_of(world: Any, **changes: Any) -> str:
    await world.sign_up()
    return str(await world.auth.authorizations.authorize(asks(world, **changes), "alice", "correct horse of alice"))


async def test_a_code_gives_a_token_of_the_user(world: Any) -> None:
    code = await code_of(world)
    issued = await world.auth.authorizations.grant(redeems(world, code))
    view = (await world.auth.sessions.exchange(issued.access_token)).view
    assert view.session.account_id in world.users.accounts
    assert view.session.scopes == ("read",)
    assert (view.app_name, view.app_website) == ("Client", "https://client.example")


async def public(world: Any) -> dict[str, str]:
    app, _ = await world.auth.apps.create("Page", [world.redirect], ["read"], "", auth_method="none")
    return {"client_id": app.client_id}


async def test_a_public_client_redeems_with_its_proof_alone(world: Any) -> None:
    page = await public(world)
    code = await code_of(world, **page)
    assert await world.auth.authorizations.grant(redeems(world, code, **page, client_secret=""))


async def test_a_public_client_without_pkce_is_refused_before_anyone_signs_in(world: Any) -> None:
    with pytest.raises(AuthorizationInvalid, match="code_challenge"):
        await world.auth.authorizations.check(
            asks(world, **await public(world), code_challenge="", code_challenge_method="")
        )


async def test_a_confidential_client_needs_its_secret_whether_it_has_a_proof_or_not(world: Any) -> None:
    code = await code_of(world)
    with pytest.raises(InvalidClient):
        await world.auth.authorizations.grant(redeems(world, code, client_secret=""))
    assert await world.auth.authorizations.grant(redeems(world, code))


@pytest.mark.parametrize("verifier", ["", "w" * 43, "v" * 42, "v" * 44, "v" * 200, CHALLENGE])
async def test_a_wrong_verifier_is_refused_and_does_not_use_the_code_up(world: Any, verifier: str) -> None:
    code = await code_of(world)
    with pytest.raises(InvalidGrant, match="code_verifier"):
        await world.auth.authorizations.grant(redeems(world, code, code_verifier=verifier))
    assert await world.auth.authorizations.grant(redeems(world, code))


async def test_a_verifier_where_the_challenge_was_removed_is_refused(world: Any) -> None:
    code = await code_of(world, code_challenge="", code_challenge_method="")
    with pytest.raises(InvalidGrant, match="code_verifier"):
        await world.auth.authorizations.grant(redeems(world, code))


async def test_a_code_used_twice_revokes_what_it_gave(world: Any) -> None:
    code = await code_of(world)
    issued = await world.auth.authorizations.grant(redeems(world, code))
    await world.auth.sessions.exchange(issued.access_token)
    with pytest.raises(InvalidGrant, match="used before"):
        await world.auth.authorizations.grant(redeems(world, code))
    with pytest.raises(InvalidToken):
        await world.auth.sessions.exchange(issued.access_token)
    assert await world.recorded() == ["CredentialsCreated", "SessionRevoked"]


async def test_a_code_used_twice_at_once_gives_one_token_and_revokes_it(world: Any) -> None:
    code = await code_of(world)
    grants = [world.auth.authorizations.grant(redeems(world, code)) for _ in range(4)]
    results = await asyncio.gather(*grants, return_exceptions=True)
    issued = [result for result in results if not isinstance(result, BaseException)]
    assert len(issued) == 1
    assert all(isinstance(result, InvalidGrant) for result in results if result not in issued)
    with pytest.raises(InvalidToken):
        await world.auth.sessions.exchange(issued[0].access_token)


async def test_a_code_lasts_a_minute(world: Any) -> None:
    code = await code_of(world)
    world.clock.advance(60)
    with pytest.raises(InvalidGrant, match="expired"):
        await world.auth.authorizations.grant(redeems(world, code))


async def test_a_code_of_another_client_is_refused(world: Any) -> None:
    code = await code_of(world)
    other, secret = await world.auth.apps.create("Other", [world.redirect], ["read"], "")
    stolen = redeems(world, code, client_id=other.client_id, client_secret=secret)
    with pytest.raises(InvalidGrant):
        await world.auth.authorizations.grant(stolen)
    assert await world.auth.authorizations.grant(redeems(world, code))


async def test_another_redirect_than_asked_with_is_refused(world: Any) -> None:
    code = await code_of(world)
    with pytest.raises(InvalidGrant, match="redirect_uri"):
        await world.auth.authorizations.grant(redeems(world, code, redirect_uri=OUT_OF_BAND))


async def test_unknown_codes_wrong_secrets_and_missing_fields_are_refused(world: Any) -> None:
    code = await code_of(world)
    for request, error in [
        (redeems(world, "unknown"), InvalidGrant),
        (redeems(world, code, client_secret="wrong"), InvalidClient),
        (redeems(world, code, client_id="wrong"), InvalidClient),
        (redeems(world, ""), InvalidRequest),
        (redeems(world, code, redirect_uri=""), InvalidRequest),
        (redeems(world, code, grant_type="password"), UnsupportedGrantType),
        (redeems(world, code, grant_type=""), UnsupportedGrantType),
    ]:
        with pytest.raises(error):
            await world.auth.authorizations.grant(request)


async def test_out_of_band_codes_are_for_command_lines(world: Any) -> None:
    code = await code_of(world, redirect_uri=OUT_OF_BAND)
    assert await world.auth.authorizations.grant(redeems(world, code, redirect_uri=OUT_OF_BAND))


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"client_id": "unknown"}, "client_id", "INVALID_CLIENT"),
        ({"redirect_uri": ""}, "redirect_uri", "INVALID_REDIRECT_URI"),
        ({"redirect_uri": "https://client.example/callback/"}, "redirect_uri", "INVALID_REDIRECT_URI"),
        ({"redirect_uri": "https://client.example/callback?x=1"}, "redirect_uri", "INVALID_REDIRECT_URI"),
        ({"redirect_uri": "https://CLIENT.example/callback"}, "redirect_uri", "INVALID_REDIRECT_URI"),
        ({"response_type": "token"}, "response_type", "UNSUPPORTED_RESPONSE_TYPE"),
        ({"response_type": ""}, "response_type", "UNSUPPORTED_RESPONSE_TYPE"),
        ({"scopes": ("push",)}, "scope", "INVALID_SCOPE"),
        ({"scopes": ("everything",)}, "scope", "INVALID_SCOPE"),
        ({"scopes": ("admin:read",)}, "scope", "INVALID_SCOPE"),
        ({"code_challenge_method": "plain"}, "code_challenge_method", "INVALID_REQUEST"),
        ({"code_challenge_method": ""}, "code_challenge_method", "INVALID_REQUEST"),
        ({"code_challenge": ""}, "code_challenge", "INVALID_REQUEST"),
        ({"code_challenge": "x" * 44}, "code_challenge", "INVALID_REQUEST"),
    ],
)
async def test_a_wrong_authorization_request_is_named_by_parameter(
    world: Any, changes: Any, field: str, reason: str
) -> None:
    with pytest.raises(AuthorizationInvalid) as caught:
        await world.auth.authorizations.check(asks(world, **changes))
    assert ([violation.field for violation in caught.value.fields], caught.value.reason) == ([field], reason)


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ((), ("read",)),
        (("read", "write"), ("read", "write")),
        (("write:statuses", "read:accounts", "write:statuses"), ("write:statuses", "read:accounts")),
        (("read:follows",), ("read:follows",)),
        (("profile",), ("profile",)),
    ],
)
async def test_scopes_within_those_of_the_app_are_granted(world: Any, asked: Any, granted: Any) -> None:
    assert (await world.auth.authorizations.check(asks(world, scopes=asked)))[1] == granted


async def test_no_code_without_the_right_password(world: Any) -> None:
    await world.sign_up()
    for login, password in [("alice", "wrong password"), ("nobody", "correct horse of alice"), ("", "")]:
        with pytest.raises(WrongCredentials):
            await world.auth.authorizations.authorize(asks(world), login, password)


async def test_an_app_gets_a_token_of_its_own(world: Any) -> None:
    request = TokenRequest("client_credentials", world.app.client_id, world.app_secret, scopes=("write",))
    issued = await world.auth.authorizations.grant(request)
    session = (await world.auth.sessions.exchange(issued.access_token)).view.session
    assert (session.account_id, session.app_id, session.scopes) == (0, world.app.app_id, ("write",))


async def test_an_app_without_its_secret_or_with_too_much_scope_gets_none(world: Any) -> None:
    request = TokenRequest("client_credentials", world.app.client_id, world.app_secret)
    with pytest.raises(InvalidClient):
        await world.auth.authorizations.grant(replace(request, client_secret=""))
    with pytest.raises(InvalidScope):
        await world.auth.authorizations.grant(replace(request, scopes=("push",)))
    narrow, secret = await world.auth.apps.create("Narrow", [world.redirect], ["write:media"], "")
    issued = await world.auth.authorizations.grant(TokenRequest("client_credentials", narrow.client_id, secret))
    assert issued.session.scopes == ("write:media",)
