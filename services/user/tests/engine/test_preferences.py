"""Preferences over Postgres, through a real stub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from rookery.user.v1 import events_pb2
from rookery.user.v1 import preference_service_pb2 as pb
from rookery.user.v1.preference_service_pb2_grpc import (
    PreferenceServiceStub,
    add_PreferenceServiceServicer_to_server,
)
from rookery_common.clients.postgres import Postgres
from rookery_common.errors import InvalidArgument, NotFound, PermissionDenied, Unauthenticated
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.rpc import RpcClient
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.rpc import Network, Tokens, settings_of
from user_service.events import Events
from user_service.preference_servicer import ALLOWED_CALLERS, SERVICE_NAME, PreferenceServicer
from user_service.preferences.repository import PreferenceRepository
from user_service.preferences.service import Preferences

if TYPE_CHECKING:
    from tests.conftest import World

WANTED = pb.HomePreferences(
    ranked=True, without_replies=True, ranking_weights={"recency": 2.5}, author_weights={5: 0.0, 6: 1.5}
)


class Caller:
    """The gateway, and tokens of whom it calls for."""

    def __init__(self, client: RpcClient, tokens: Tokens) -> None:
        self._client, self._tokens = client, tokens

    async def set(self, who: int, wanted: pb.HomePreferences, scopes: tuple[str, ...] = ("write",)) -> Any:
        request = pb.SetHomePreferencesRequest(preferences=wanted)
        identity = self._tokens.identity(who, scopes=scopes)
        return await self._client.call("SetHomePreferences", request, timeout=5, identity=identity)

    async def get(self, who: int) -> pb.HomePreferences:
        identity = self._tokens.identity(who, scopes=("read",)) if who else None
        request = pb.GetHomePreferencesRequest()
        answer = await self._client.call("GetHomePreferences", request, timeout=5, identity=identity)
        preferences: pb.HomePreferences = answer.preferences
        return preferences


@pytest_asyncio.fixture
async def call(pg: Postgres, outbox: PostgresOutbox, clock: FakeClock, ids: FakeIds) -> AsyncIterator[Caller]:
    tokens = Tokens()
    preferences = Preferences(PreferenceRepository(pg, outbox), Events(clock), ids)
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        registration = (add_PreferenceServiceServicer_to_server, PreferenceServicer(preferences), SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        settings = settings_of("gateway")
        yield Caller(
            await network.client(server.port, PreferenceServiceStub, service="user", settings=settings), tokens
        )


async def test_preferences_are_those_that_were_set_last_and_their_owners_alone(
    call: Caller, real_world: World, producer: FakeProducer, outbox: PostgresOutbox
) -> None:
    alice, bob = await real_world.sign_up("alice"), await real_world.sign_up("bob")
    assert await call.get(alice) == pb.HomePreferences()
    assert (await call.set(alice, WANTED)).preferences == WANTED
    assert await call.get(alice) == WANTED
    assert await call.get(bob) == pb.HomePreferences()
    await call.set(alice, pb.HomePreferences(without_reblogs=True))
    assert await call.get(alice) == pb.HomePreferences(without_reblogs=True)
    await outbox.drain()
    told = [event for event in producer.sent if isinstance(event.decode(), events_pb2.HomePreferencesChanged)]
    assert [event.key for event in told] == [str(alice)] * 2


async def test_what_is_no_preference_is_refused_before_anything_is_written(call: Caller, real_world: World) -> None:
    alice = await real_world.sign_up("alice")
    for wrong, field in (
        (pb.HomePreferences(ranking_weights={"fame": 1}), "ranking_weights"),
        (pb.HomePreferences(ranking_weights={"recency": 10.5}), "ranking_weights"),
        (pb.HomePreferences(ranking_weights={"recency": float("nan")}), "ranking_weights"),
        (pb.HomePreferences(author_weights={5: -1}), "author_weights"),
        (pb.HomePreferences(author_weights={0: 1}), "author_weights"),
        (pb.HomePreferences(author_weights=dict.fromkeys(range(1, 1002), 1.0)), "author_weights"),
    ):
        with pytest.raises(InvalidArgument) as refused:
            await call.set(alice, wrong)
        assert [violation.field for violation in refused.value.fields] == [field]
    with pytest.raises(PermissionDenied):
        await call.set(alice, WANTED, scopes=("read",))
    with pytest.raises(Unauthenticated):
        await call.get(0)
    with pytest.raises(NotFound):
        await call.set(987_654_321, WANTED)
    assert await call.get(alice) == pb.HomePreferences()
