"""The RPCs through a real stub: shapes of answers, statuses and reasons of errors, who may call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import Any, cast

import pytest

from auth_service.app import ALLOWED_CALLERS, SERVICE
from rookery.auth.v1 import auth_service_pb2 as pb
from rookery.auth.v1.auth_service_pb2_grpc import AuthServiceStub, add_AuthServiceServicer_to_server
from rookery_common.auth import Identity, TokenVerifier
from rookery_common.errors import (
    AppError,
    FailedPrecondition,
    InvalidArgument,
    PermissionDenied,
    Unauthenticated,
)
from rookery_common.rpc import RpcClient
from rookery_common.testing.rpc import Network, settings_of

SECONDS = 5.0


class Gateway:
    """Calls auth as the gateway does."""

    def __init__(self, rpc: RpcClient, network: Network, port: int) -> None:
        self.rpc = rpc
        self.network = network
        self.port = port

    async def call(self, request: Any, identity: Identity | None = None) -> Any:
        method = type(request).__name__.removesuffix("Request")
        return await self.rpc.call(method, request, timeout=SECONDS, identity=identity)

    async def refused(self, request: Any, identity: Identity | None = None) -> AppError:
        with pytest.raises(AppError) as caught:
            await self.call(request, identity)
        return caught.value


@pytest.fixture
async def gateway(world: Any) -> AsyncIterator[Gateway]:
    async with AsyncExitStack() as stack:
        network = Network(stack, world.auth.verifier)
        registration = (add_AuthServiceServicer_to_server, world.auth.servicer, SERVICE)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        client = await network.client(server.port, AuthServiceStub, service="auth")
        await world.auth.revocations.start()
        stack.push_async_callback(world.auth.revocations.stop)
        yield Gateway(client, network, server.port)


async def app_token(gateway: Gateway, world: Any, *scopes: str) -> str:
    request = pb.CreateTokenRequest(
        grant_type="client_credentials", client_id=world.app.client_id, client_secret=world.app_secret, scopes=scopes
    )
    return str((await gateway.call(request)).token.access_token)


async def identity_of(gateway: Gateway, token: str) -> Identity:
    answer = await gateway.call(pb.ExchangeTokenRequest(token=token))
    return Identity(answer.account_id, answer.session_id, answer.app_id, token=answer.internal_token)


def sign_up_request(**changes: Any) -> pb.SignUpRequest:
    fields = {"username": "alice", "email": "alice@example.org", "password": "correct horse", "agreement": True}
    return pb.SignUpRequest(**{"request_id": "one", **fields, **changes})


async def test_an_app_registers_and_finds_itself(gateway: Gateway) -> None:
    created = await gateway.call(
        pb.CreateAppRequest(
            name="App", redirect_uris=["https://a.example"], scopes=["read"], website="https://a.example"
        )
    )
    assert created.client_secret
    client = {"client_id": created.app.client_id, "client_secret": created.client_secret}
    issued = await gateway.call(pb.CreateTokenRequest(grant_type="client_credentials", **client))
    found = await gateway.call(pb.GetAppRequest(), await identity_of(gateway, issued.token.access_token))
    assert found.app == created.app
    assert list(issued.token.scopes) == ["read"]
    assert issued.token.account_id == 0


async def test_a_person_signs_up_and_is_known(gateway: Gateway, world: Any) -> None:
    identity = await identity_of(gateway, await app_token(gateway, world, "write:accounts"))
    token = (await gateway.call(sign_up_request(), identity)).token
    exchanged = await gateway.call(pb.ExchangeTokenRequest(token=token.access_token))
    assert exchanged.account_id == token.account_id != 0
    assert exchanged.app_name == "Client"
    assert exchanged.expire_time.ToMilliseconds() == world.clock.unix_ms() + 300_000
    jwks = (await gateway.call(pb.GetSigningKeysRequest())).jwks_json

    async def keys() -> str:
        return str(jwks)

    known = await TokenVerifier(keys, world.clock).verify(exchanged.internal_token)
    assert (known.account_id, known.session_id) == (token.account_id, exchanged.session_id)


async def test_sign_up_needs_the_scope_for_it(gateway: Gateway, world: Any) -> None:
    identity = await identity_of(gateway, await app_token(gateway, world, "read"))
    error = await gateway.refused(sign_up_request(), identity)
    assert isinstance(error, PermissionDenied)
    assert error.reason == "SCOPE_MISSING"
    assert isinstance(await gateway.refused(sign_up_request()), Unauthenticated)
    forged = Identity(0, 1, world.app.app_id, token="forged")
    assert isinstance(await gateway.refused(sign_up_request(), forged), Unauthenticated)


async def test_wrong_fields_travel_with_their_codes(gateway: Gateway, world: Any) -> None:
    identity = await identity_of(gateway, await app_token(gateway, world, "write"))
    error = await gateway.refused(sign_up_request(email="nowhere", agreement=False), identity)
    assert isinstance(error, InvalidArgument)
    assert error.reason == "VALIDATION_FAILED"
    assert {(violation.field, violation.code) for violation in error.fields} == {
        ("email", "ERR_INVALID"),
        ("agreement", "ERR_ACCEPTED"),
    }
    assert "nowhere" not in str(error)


async def test_a_code_is_asked_for_granted_and_redeemed(gateway: Gateway, world: Any) -> None:
    await world.sign_up()
    asked = pb.CheckAuthorizationRequest(
        client_id=world.app.client_id, redirect_uri=world.redirect, response_type="code", scopes=["read"]
    )
    checked = await gateway.call(asked)
    assert (checked.app.name, list(checked.scopes)) == ("Client", ["read"])
    granted = pb.CreateAuthorizationRequest(
        authorization=asked, login="alice", password="correct horse of alice", client_address="192.0.2.1"
    )
    request = pb.CreateTokenRequest(
        grant_type="authorization_code",
        client_id=world.app.client_id,
        client_secret=world.app_secret,
        code=(await gateway.call(granted)).code,
        redirect_uri=world.redirect,
    )
    assert (await gateway.call(request)).token.account_id
    assert (await gateway.refused(request)).reason == "INVALID_GRANT"


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (pb.ExchangeTokenRequest(token="unknown"), "INVALID_TOKEN"),
        (pb.CreateTokenRequest(grant_type="client_credentials", client_id="unknown"), "INVALID_CLIENT"),
        (pb.CreateTokenRequest(grant_type="password"), "UNSUPPORTED_GRANT_TYPE"),
        (pb.RevokeTokenRequest(token="x", client_id="unknown"), "INVALID_CLIENT"),
        (pb.CheckAuthorizationRequest(client_id="unknown"), "INVALID_CLIENT"),
        (pb.CreateAppRequest(), "VALIDATION_FAILED"),
        (pb.GetAppRequest(), "UNAUTHENTICATED"),
    ],
)
async def test_refusals_carry_their_reason(gateway: Gateway, request_: Any, reason: str) -> None:
    assert (await gateway.refused(request_)).reason == reason


async def test_wrong_credentials_are_told_as_such(gateway: Gateway, world: Any) -> None:
    asked = pb.CheckAuthorizationRequest(
        client_id=world.app.client_id, redirect_uri=world.redirect, response_type="code"
    )
    error = await gateway.refused(pb.CreateAuthorizationRequest(authorization=asked, login="nobody", password="x"))
    assert isinstance(error, Unauthenticated)
    assert error.reason == "WRONG_CREDENTIALS"


async def test_a_revocation_reaches_who_watches_within_a_second(gateway: Gateway, world: Any) -> None:
    token = await app_token(gateway, world, "read")
    session_id = (await identity_of(gateway, token)).session_id
    client = {"client_id": world.app.client_id, "client_secret": world.app_secret}
    feed = gateway.rpc.stream("WatchRevocations", pb.WatchRevocationsRequest(), silence=30.0)
    async with asyncio.timeout(30), aclosing(cast(AsyncGenerator[Any], feed)) as messages:
        heard = await anext(messages)
        assert (list(heard.revocations), heard.sequence) == ([], 0)
        await gateway.call(pb.RevokeTokenRequest(token=token, **client))
        while not heard.revocations:
            world.clock.advance(0.2)
            heard = await anext(messages)
    assert [revocation.session_id for revocation in heard.revocations] == [session_id]
    assert (await gateway.refused(pb.ExchangeTokenRequest(token=token))).reason == "INVALID_TOKEN"


async def test_a_feed_that_can_not_be_continued_says_so(gateway: Gateway) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        await anext(gateway.rpc.stream("WatchRevocations", pb.WatchRevocationsRequest(since=9), silence=30.0))
    assert caught.value.reason == "REVOCATIONS_FORGOTTEN"


async def test_others_than_the_gateway_get_public_keys_only(gateway: Gateway) -> None:
    post = await gateway.network.client(gateway.port, AuthServiceStub, service="auth", settings=settings_of("post"))
    assert (await post.call("GetSigningKeys", pb.GetSigningKeysRequest(), timeout=SECONDS)).jwks_json
    with pytest.raises(PermissionDenied) as caught:
        await post.call("ExchangeToken", pb.ExchangeTokenRequest(token="x"), timeout=SECONDS)
    assert caught.value.reason == "CALLER_NOT_ALLOWED"


async def test_notification_alone_asks_whom_a_role_permits_something(gateway: Gateway) -> None:
    asked = pb.ListPermittedAccountsRequest(permission="manage_reports", page_size=10)
    other = await gateway.network.client(
        gateway.port, AuthServiceStub, service="auth", settings=settings_of("notification")
    )
    answer = await other.call("ListPermittedAccounts", asked, timeout=SECONDS)
    assert (list(answer.account_ids), answer.reached_id) == ([], 0)
    assert (await gateway.refused(asked)).reason == "CALLER_NOT_ALLOWED"
