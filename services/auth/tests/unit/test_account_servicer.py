"""AccountService as the gateway calls it: who may call what, and what comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from auth_service.account_models import SignUpMode
from auth_service.app import ACCOUNT_SERVICE, ALLOWED_CALLERS
from rookery.auth.v1 import account_service_pb2 as pb
from rookery.auth.v1.account_service_pb2_grpc import AccountServiceStub, add_AccountServiceServicer_to_server
from rookery.auth.v1.auth_service_pb2 import SignUpRequest
from rookery_common.auth import Identity
from rookery_common.errors import AppError
from rookery_common.testing.rpc import Network

SECONDS = 5.0
PASSWORD = "correct horse of alice"
Call = Callable[..., Awaitable[Any]]


@pytest.fixture
async def call(world: Any) -> AsyncIterator[Call]:
    async with AsyncExitStack() as stack:
        network = Network(stack, world.auth.verifier)
        registration = (add_AccountServiceServicer_to_server, world.auth.account_servicer, ACCOUNT_SERVICE)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        client = await network.client(server.port, AccountServiceStub, service="auth")

        async def call(request: Any, identity: Identity | None = None) -> Any:
            method = type(request).__name__.removesuffix("Request")
            return await client.call(method, request, timeout=SECONDS, identity=identity)

        yield call


async def caller(world: Any, token: str) -> Identity:
    internal = await world.auth.sessions.exchange(token)
    session = internal.view.session
    return Identity(session.account_id, session.session_id, session.app_id, token=internal.token)


@pytest.mark.parametrize("mode", list(SignUpMode))
async def test_who_may_sign_up_is_told(world: Any, call: Call, mode: SignUpMode) -> None:
    world.auth.admission.mode = mode
    answer = await call(pb.GetSignUpRequest())
    assert pb.SignUpMode.Name(answer.mode) == f"SIGN_UP_MODE_{mode.name}"


async def test_somebody_signs_up_and_in(world: Any, call: Call) -> None:
    form = SignUpRequest(request_id="one", username="alice", email="a@example.org", password=PASSWORD, agreement=True)
    created = await call(pb.CreateAccountRequest(form=form))
    assert not created.pending_confirmation
    assert not created.pending_approval
    step = await call(pb.StartSignInRequest(login="alice", password=PASSWORD))
    known = await caller(world, step.session.token)
    assert (await call(pb.GetSecurityRequest(), known)).username == "alice"


@pytest.mark.parametrize(("scopes", "may"), [(["sessions"], True), (["read", "write", "follow"], False)])
async def test_sessions_are_shown_to_apps_that_were_allowed_so_by_name(
    world: Any, call: Call, scopes: list[str], may: bool
) -> None:
    world.app, _ = await world.auth.apps.create("Other", [world.redirect], scopes, "")
    world.identity = Identity(0, 1, world.app.app_id, frozenset(scopes))
    token = (await world.sign_up()).access_token
    known = await caller(world, token)
    for request in (pb.ListSessionsRequest(), pb.RevokeOtherSessionsRequest(), pb.RevokeSessionRequest(session_id=1)):
        try:
            await call(request, known)
            reason = ""
        except AppError as error:
            reason = error.reason
        assert (reason == "SCOPE_MISSING") is not may, request
    with pytest.raises(AppError, match="security"):
        await call(pb.GetSecurityRequest(), known)
