"""What is asked of user and auth, over real gRPC, by stand-ins that answer from lists."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from post_service.clients import AuthClient, UserClient
from post_service.models import Mention
from rookery.auth.v1 import auth_service_pb2, auth_service_pb2_grpc
from rookery.user.v1 import account_pb2, user_service_pb2, user_service_pb2_grpc
from rookery_common.auth import with_identity
from rookery_common.errors import Unauthenticated
from rookery_common.rpc.batch_serving import serve_batch
from rookery_common.testing.rpc import Network, Tokens, settings_of

NAMES = {"bob": 102, "Carol": 103}
FOLLOWS = {(101, 102), (103, 101)}


class FakeUser(user_service_pb2_grpc.UserServiceServicer):
    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self.calls: list[int] = []

    async def LookupAccounts(self, request: Any, context: Any) -> user_service_pb2.LookupAccountsResponse:
        wanted = {name.lower() for name in request.usernames}
        found = [
            account_pb2.Account(account_id=n, username=name) for name, n in NAMES.items() if name.lower() in wanted
        ]
        return user_service_pb2.LookupAccountsResponse(accounts=found)

    async def BatchGetRelationships(self, request: Any, context: Any) -> Any:
        self.calls.append(len(request.entries))

        async def handle(live: Any) -> list[user_service_pb2.BatchGetRelationshipsResult]:
            return [
                user_service_pb2.BatchGetRelationshipsResult(
                    relationships=[
                        account_pb2.Relationship(
                            account_id=n,
                            following=(identity.account_id, n) in FOLLOWS,
                            blocking=(identity.account_id, n) == (105, 101),
                            blocked_by=(identity.account_id, n) == (105, 102),
                        )
                        for n in entry.account_ids
                    ]
                )
                for _, entry, identity in live
            ]

        results = await serve_batch(
            request.entries, self._tokens.verifier, handle, user_service_pb2.BatchGetRelationshipsResult
        )
        return user_service_pb2.BatchGetRelationshipsResponse(results=results)


class FakeAuth(auth_service_pb2_grpc.AuthServiceServicer):
    async def GetSigningKeys(self, request: Any, context: Any) -> auth_service_pb2.GetSigningKeysResponse:
        return auth_service_pb2.GetSigningKeysResponse(jwks_json='{"keys": []}')


@pytest_asyncio.fixture
async def network(tokens: Tokens) -> AsyncIterator[Network]:
    async with AsyncExitStack() as stack:
        yield Network(stack, tokens.verifier)


@pytest.fixture
def fake(tokens: Tokens) -> FakeUser:
    return FakeUser(tokens)  # type: ignore[abstract] # the rest is not called


@pytest_asyncio.fixture
async def user(network: Network, fake: FakeUser) -> UserClient:
    add = user_service_pb2_grpc.add_UserServiceServicer_to_server
    server = await network.serve((add, fake, "rookery.user.v1.UserService"), settings=settings_of("user"))
    stub = user_service_pb2_grpc.UserServiceStub
    return UserClient(await network.client(server.port, stub, service="user", settings=settings_of("post")))


async def test_accounts_are_found_in_the_order_of_the_names(user: UserClient, tokens: Tokens) -> None:
    with with_identity(tokens.identity(101)):
        found = await user.find_accounts(["carol", "nobody", "BOB"])
    assert found == [Mention(103, "Carol"), Mention(102, "bob")]


async def test_each_viewer_is_told_of_their_own_follows_in_shared_calls(
    user: UserClient, tokens: Tokens, fake: FakeUser
) -> None:
    viewers = [tokens.identity(101), tokens.identity(103), tokens.identity(104)] * 10
    answers = await asyncio.gather(*(user.followed_by(viewer, [101, 102]) for viewer in viewers))
    assert answers == [frozenset({102}), frozenset({101}), frozenset()] * 10
    assert sum(fake.calls) == 30
    assert len(fake.calls) < 10


async def test_a_block_of_either_keeps_apart(user: UserClient, tokens: Tokens) -> None:
    found = await user.relations(tokens.identity(105), [101, 102, 103])
    assert found == {101: (False, True), 102: (False, True), 103: (False, False)}


async def test_a_token_that_user_refuses_is_an_error(user: UserClient) -> None:
    forged = Tokens().identity(101)
    with pytest.raises(Unauthenticated):
        await user.followed_by(forged, [102])


async def test_the_keys_come_from_auth(network: Network) -> None:
    add = auth_service_pb2_grpc.add_AuthServiceServicer_to_server
    fake = FakeAuth()  # type: ignore[abstract] # the rest is not called
    server = await network.serve((add, fake, "rookery.auth.v1.AuthService"), settings=settings_of("auth"))
    stub = auth_service_pb2_grpc.AuthServiceStub
    client = await network.client(server.port, stub, service="auth", settings=settings_of("post"))
    assert await AuthClient(client).signing_keys() == '{"keys": []}'
