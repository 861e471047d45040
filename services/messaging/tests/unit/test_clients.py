"""What is asked of user and auth, over real gRPC, by stand-ins that answer from lists."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from messaging_service.clients import AuthClient, UserClient
from rookery.auth.v1 import auth_service_pb2, auth_service_pb2_grpc
from rookery.user.v1 import account_pb2, user_service_pb2_grpc
from rookery.user.v1 import user_service_pb2 as pb
from rookery_common.errors import Unauthenticated
from rookery_common.rpc.batch_serving import serve_batch
from rookery_common.testing.rpc import Network, Tokens, settings_of

CALLERS = {"*": frozenset({"messaging"})}
BLOCKS = {(101, 103), (104, 101)}


class FakeUser(user_service_pb2_grpc.UserServiceServicer):
    """Accounts 101 to 104."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def BatchGetAccounts(self, request: Any, context: Any) -> pb.BatchGetAccountsResponse:
        async def handle(live: Any) -> list[pb.BatchGetAccountsResult]:
            return [
                pb.BatchGetAccountsResult(
                    accounts=[
                        pb.AccountView(account_id=query.account_id)
                        for query in entry.accounts
                        if 101 <= query.account_id <= 104
                    ]
                )
                for _, entry, _ in live
            ]

        results = await serve_batch(request.entries, self._tokens.verifier, handle, pb.BatchGetAccountsResult)
        return pb.BatchGetAccountsResponse(results=results)

    async def BatchGetRelationships(self, request: Any, context: Any) -> pb.BatchGetRelationshipsResponse:
        async def handle(live: Any) -> list[pb.BatchGetRelationshipsResult]:
            return [
                pb.BatchGetRelationshipsResult(
                    relationships=[
                        account_pb2.Relationship(
                            account_id=number,
                            blocking=(identity.account_id, number) in BLOCKS,
                            blocked_by=(number, identity.account_id) in BLOCKS,
                        )
                        for number in entry.account_ids
                        if number <= 104
                    ]
                )
                for _, entry, identity in live
            ]

        results = await serve_batch(request.entries, self._tokens.verifier, handle, pb.BatchGetRelationshipsResult)
        return pb.BatchGetRelationshipsResponse(results=results)


class FakeAuth(auth_service_pb2_grpc.AuthServiceServicer):
    async def GetSigningKeys(self, request: Any, context: Any) -> auth_service_pb2.GetSigningKeysResponse:
        return auth_service_pb2.GetSigningKeysResponse(jwks_json='{"keys": []}')


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest_asyncio.fixture
async def network(tokens: Tokens) -> AsyncIterator[Network]:
    async with AsyncExitStack() as stack:
        yield Network(stack, tokens.verifier)


@pytest_asyncio.fixture
async def user(network: Network, tokens: Tokens) -> UserClient:
    fake = FakeUser(tokens)  # type: ignore[abstract] # the rest is not called
    registration = (user_service_pb2_grpc.add_UserServiceServicer_to_server, fake, "rookery.user.v1.UserService")
    server = await network.serve(registration, settings=settings_of("user"), allowed_callers=CALLERS)
    stub = user_service_pb2_grpc.UserServiceStub
    return UserClient(await network.client(server.port, stub, service="user", settings=settings_of("messaging")))


async def test_user_says_who_exists(user: UserClient, tokens: Tokens) -> None:
    assert await user.existing(tokens.identity(101), [102, 103, 999]) == {102, 103}


async def test_user_says_of_whom_neither_blocks_the_other(user: UserClient, tokens: Tokens) -> None:
    assert await user.unblocked(tokens.identity(101), [102, 103, 104, 999]) == {102}
    assert await user.unblocked(tokens.identity(103), [101, 102]) == {102}


async def test_a_token_that_user_refuses_is_an_error(user: UserClient) -> None:
    with pytest.raises(Unauthenticated):
        await user.unblocked(Tokens().identity(101), [102])


async def test_the_keys_come_from_auth(network: Network) -> None:
    fake = FakeAuth()  # type: ignore[abstract] # the rest is not called
    registration = (auth_service_pb2_grpc.add_AuthServiceServicer_to_server, fake, "rookery.auth.v1.AuthService")
    server = await network.serve(registration, settings=settings_of("auth"), allowed_callers=CALLERS)
    stub = auth_service_pb2_grpc.AuthServiceStub
    client = await network.client(server.port, stub, service="auth", settings=settings_of("messaging"))
    assert await AuthClient(client).signing_keys() == '{"keys": []}'
