"""The process against real engines, and a user service of the test's own beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from auth_service.app import MIGRATIONS
from auth_service.events import TOPIC
from rookery.auth.v1 import auth_service_pb2 as pb
from rookery.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from rookery.user.v1 import user_service_pb2 as user_pb
from rookery.user.v1.user_service_pb2_grpc import UserServiceServicer, add_UserServiceServicer_to_server
from rookery_common.auth import Identity
from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.errors import Unauthenticated
from rookery_common.kafka.consumer import Consumer
from rookery_common.kafka.events import Event
from rookery_common.kafka.producer import Producer
from rookery_common.rpc import RpcClient
from rookery_common.testing.process import ServiceProcess, service_process
from rookery_common.testing.rpc import Network

CALL_SECONDS = 5.0


class Users(UserServiceServicer):
    """Reserves and confirms whatever is asked."""

    def __init__(self) -> None:
        self.confirmed: list[int] = []

    async def ReserveAccount(self, request: Any, context: Any) -> Any:
        answer = user_pb.ReserveAccountResponse(account_id=4711)
        answer.expire_time.FromDatetime(datetime.now(UTC) + timedelta(minutes=15))
        return answer

    async def ConfirmAccount(self, request: Any, context: Any) -> Any:
        self.confirmed.append(request.account_id)
        return user_pb.ConfirmAccountResponse()


@pytest.fixture
def users() -> Users:
    return Users()  # type: ignore[abstract] # the base class answers UNIMPLEMENTED for the rest


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    async with AsyncExitStack() as stack:
        yield Network(stack, None)


@pytest.fixture
async def environment(
    pg_database: str, kafka_bootstrap: str, topic_prefix: str, network: Network, users: Users
) -> dict[str, str]:
    await migrate_postgres(pg_database, MIGRATIONS)
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    for created in admin.create_topics([NewTopic(topic_prefix + TOPIC, 1, 1)]).values():
        await asyncio.wrap_future(created)
    server = await network.serve((add_UserServiceServicer_to_server, users, "rookery.user.v1.UserService"))
    return {
        "AUTH_POSTGRES_DSN": pg_database,
        "AUTH_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "AUTH_TOPIC_PREFIX": topic_prefix,
        "AUTH_USER_TARGET": f"127.0.0.1:{server.port}",
        "AUTH_LOCAL_MODE": "true",
    }


async def call(client: RpcClient, request: Any, identity: Identity | None = None) -> Any:
    method = type(request).__name__.removesuffix("Request")
    return await client.call(method, request, timeout=CALL_SECONDS, identity=identity)


async def signed_up(client: RpcClient) -> tuple[str, dict[str, str]]:
    created = await call(client, pb.CreateAppRequest(name="App", redirect_uris=["https://a.example"], scopes=["write"]))
    secrets = {"client_id": created.app.client_id, "client_secret": created.client_secret}
    app = await call(client, pb.CreateTokenRequest(grant_type="client_credentials", scopes=["write"], **secrets))
    internal = await call(client, pb.ExchangeTokenRequest(token=app.token.access_token))
    caller = Identity(0, internal.session_id, internal.app_id, token=internal.internal_token)
    form = pb.SignUpRequest(request_id="one", username="alice", email="alice@example.org", password="correct horse")
    form.agreement = True
    answer = await call(client, form, caller)
    return answer.token.access_token, secrets


async def published(environment: dict[str, str], count: int) -> list[str]:
    """The types of the events that are in Kafka, once there are so many."""
    types: list[str] = []
    complete = asyncio.Event()

    async def note(event: Event) -> None:
        types.append(event.type.rpartition(".")[2])
        if len(types) == count:
            complete.set()

    broker = environment["AUTH_KAFKA_BOOTSTRAP"], environment["AUTH_TOPIC_PREFIX"]
    dead_letters = Producer(broker[0], "auth-tests", broker[1])
    consumer = Consumer(
        broker[0], "test.auth-events", [TOPIC], note, topic_prefix=broker[1], dead_letters=dead_letters, service="test"
    )
    async with asyncio.timeout(60):
        await dead_letters.start()
        await consumer.start()
        await complete.wait()
    await consumer.stop()
    await dead_letters.stop()
    return types


def watching(client: RpcClient) -> AbstractAsyncContextManager[AsyncGenerator[Any]]:
    feed = client.stream("WatchRevocations", pb.WatchRevocationsRequest(), silence=30.0)
    return aclosing(cast(AsyncGenerator[Any], feed))


async def client_of(network: Network, process: ServiceProcess) -> RpcClient:
    port = int(process.grpc_address.rpartition(":")[2])
    return await network.client(port, AuthServiceStub, service="auth")


async def gap_before_next(feed: AsyncGenerator[Any]) -> float:
    started = time.monotonic()
    await anext(feed)
    return time.monotonic() - started


async def test_a_person_signs_up_and_a_revocation_is_heard(
    environment: dict[str, str], network: Network, users: Users
) -> None:
    with service_process("auth", environment) as process:
        assert process.probe("/readyz")[0] == 200
        client = await client_of(network, process)
        token, secrets = await signed_up(client)
        assert users.confirmed == [4711]
        exchanged = await call(client, pb.ExchangeTokenRequest(token=token))
        assert exchanged.account_id == 4711
        async with watching(client) as feed:
            await anext(feed)
            await call(client, pb.RevokeTokenRequest(token=token, **secrets))
            while not (heard := await anext(feed)).revocations:
                continue
            gaps = [await gap_before_next(feed) for _ in range(10)]
        assert sorted(gaps)[len(gaps) // 2] < 1  # after which gateways would take it for dead
        assert heard.revocations[0].session_id == exchanged.session_id
        with pytest.raises(Unauthenticated):
            await call(client, pb.ExchangeTokenRequest(token=token))
    assert await published(environment, 2) == ["CredentialsCreated", "SessionRevoked"]
