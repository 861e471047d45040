"""The whole process on real engines: a sign-up that died half-way is finished by its event, and others are told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from rookery.auth.v1.events_pb2 import CredentialsCreated
from rookery.user.v1 import user_service_pb2 as pb
from rookery.user.v1.user_service_pb2_grpc import UserServiceStub
from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.kafka.events import Event
from rookery_common.kafka.handling import record_of
from rookery_common.kafka.producer import Producer
from rookery_common.rpc import RpcClient
from rookery_common.testing.golden import golden
from rookery_common.testing.process import service_process
from rookery_common.testing.rpc import settings_of
from user_service.app import MIGRATIONS
from user_service.consumers import AUTH_TOPIC, POST_TOPIC
from user_service.events import TOPIC

WAIT_SECONDS = 60.0


def _create_topics(bootstrap: str, names: Sequence[str]) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(name, 1, 1) for name in names]).values():
        future.result(20)


def _read(bootstrap: str, topic: str, count: int) -> list[Event | None]:
    consumer = KafkaConsumer(
        {"bootstrap.servers": bootstrap, "group.id": f"{topic}.test", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    try:
        messages = consumer.consume(count, WAIT_SECONDS)
    finally:
        consumer.close()
    return [record_of(message, "").event for message in messages]


@pytest.fixture
async def environment(
    pg_database: str, redis_url: str, redis_state_url: str, kafka_bootstrap: str, topic_prefix: str
) -> dict[str, str]:
    await migrate_postgres(pg_database, MIGRATIONS)
    names = [f"{topic_prefix}{topic}" for topic in (AUTH_TOPIC, POST_TOPIC, TOPIC)]
    await asyncio.to_thread(_create_topics, kafka_bootstrap, names)
    return {
        "USER_POSTGRES_DSN": pg_database,
        "USER_REDIS_CACHE_URL": redis_url,
        "USER_REDIS_STATE_URL": redis_state_url,
        "USER_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "USER_TOPIC_PREFIX": topic_prefix,
    }


async def test_events_finish_a_sign_up_and_count_posts(
    environment: dict[str, str], kafka_bootstrap: str, topic_prefix: str
) -> None:
    producer = Producer(kafka_bootstrap, "test", topic_prefix)
    await producer.start()
    with service_process("user", environment) as process:
        auth = RpcClient(settings_of("auth"), process.grpc_address, UserServiceStub, service="user")
        gateway = RpcClient(settings_of("gateway"), process.grpc_address, UserServiceStub, service="user")
        await auth.start()
        await gateway.start()
        request = pb.ReserveAccountRequest(request_id="r", username="alice")
        account_id = (await auth.call("ReserveAccount", request, timeout=10)).account_id

        message = CredentialsCreated(account_id=account_id, request_id="r")
        credentials = golden(AUTH_TOPIC, "CredentialsCreated")
        await producer.send(replace(credentials, key=str(account_id), payload=message.SerializeToString()))
        post: Any = golden(POST_TOPIC, "PostCreated").decode()
        post.post.author_id = account_id
        created = replace(golden(POST_TOPIC, "PostCreated"), payload=post.SerializeToString())
        await producer.send_all([created, created])

        view = await _view(gateway, account_id)
        assert (view.account.username, view.counts.statuses) == ("alice", 1)
        await auth.stop()
        await gateway.stop()
    await producer.stop()
    (event,) = await asyncio.to_thread(_read, kafka_bootstrap, f"{topic_prefix}{TOPIC}", 1)
    assert event is not None
    assert (event.type, event.key, event.version) == ("rookery.user.v1.AccountCreated", str(account_id), 1)


async def _view(gateway: RpcClient, account_id: int) -> pb.AccountView:
    """The account once it is there and its post is counted."""
    entry = pb.BatchGetAccountsEntry(accounts=[pb.AccountQuery(account_id=account_id)])
    entry.context.timeout_ms = 5000
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            answer = await gateway.call("BatchGetAccounts", pb.BatchGetAccountsRequest(entries=[entry]), timeout=5)
            views: Sequence[pb.AccountView] = answer.results[0].accounts
            if views and views[0].counts.statuses:
                return views[0]
            await asyncio.sleep(0.2)
