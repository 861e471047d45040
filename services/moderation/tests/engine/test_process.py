"""The process against real engines: judged once whatever Kafka does, and not ready, by name, without an engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from moderation_service.app import MIGRATIONS
from moderation_service.consumers import POST_GROUP, POST_TOPIC
from moderation_service.events import TOPIC
from rookery.post.v1 import post_pb2
from rookery.post.v1.events_pb2 import PostCreated
from rookery_common.clients.postgres import Postgres
from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.clock import SystemClock
from rookery_common.kafka.events import Event, new_event
from rookery_common.kafka.handling import record_of
from rookery_common.kafka.producer import Producer
from rookery_common.testing.process import service_process

WAIT_SECONDS = 60.0
POLICY = "version: 1\nrules: [{name: rude, action: hold, keywords: [rude]}]"


class Kafka:
    """The topics of this test, and what is in them."""

    def __init__(self, bootstrap: str, prefix: str, producer: Producer) -> None:
        self.bootstrap, self.prefix, self.producer = bootstrap, prefix, producer
        self._admin = AdminClient({"bootstrap.servers": bootstrap})

    def create(self) -> None:
        names = [f"{self.prefix}{name}" for name in (POST_TOPIC, TOPIC, f"{POST_GROUP}.dlq")]
        for future in self._admin.create_topics([NewTopic(name, 1, 1) for name in names]).values():
            future.result(20)

    def rewind(self) -> None:
        """The group reads all of the topic again. It must have no members."""
        first = TopicPartition(f"{self.prefix}{POST_TOPIC}", 0, 0)
        request = ConsumerGroupTopicPartitions(f"{self.prefix}{POST_GROUP}", [first])
        [future] = self._admin.alter_consumer_group_offsets([request]).values()
        future.result(20)

    def read(self, topic: str, count: int) -> list[tuple[Event | None, dict[str, str]]]:
        """So many records of a topic, from its beginning: the event, if it is one, and the headers."""
        config = {"bootstrap.servers": self.bootstrap, "group.id": f"{topic}.test", "auto.offset.reset": "earliest"}
        consumer = KafkaConsumer({**config, "enable.auto.commit": False})
        consumer.assign([TopicPartition(f"{self.prefix}{topic}", 0, 0)])
        try:
            messages = consumer.consume(count, WAIT_SECONDS)
        finally:
            consumer.close()
        return [(record_of(m, self.prefix).event, _headers(m.headers())) for m in messages]


def _headers(headers: Any) -> dict[str, str]:
    return {name: value.decode() for name, value in headers or ()}


def created(post_id: int, text: str, state: post_pb2.PostState.ValueType = post_pb2.POST_STATE_VISIBLE) -> Event:
    post = post_pb2.Post(post_id=post_id, author_id=5, text=text, state=state, version=1)
    post.create_time.GetCurrentTime()
    message = PostCreated(post=post)
    return new_event(POST_TOPIC, str(post_id), message, version=1, clock=SystemClock(), source="post")


@pytest.fixture
async def kafka(kafka_bootstrap: str, topic_prefix: str) -> AsyncIterator[Kafka]:
    producer = Producer(kafka_bootstrap, "test", topic_prefix)
    await producer.start()
    kafka = Kafka(kafka_bootstrap, topic_prefix, producer)
    await asyncio.to_thread(kafka.create)
    yield kafka
    await producer.stop()


@pytest.fixture
async def database(pg_database: str) -> AsyncIterator[Postgres]:
    await migrate_postgres(pg_database, MIGRATIONS)
    pg = Postgres(pg_database, name="moderation-tests")
    await pg.start()
    yield pg
    await pg.stop()


@pytest.fixture
def environment(database: Postgres, pg_database: str, kafka: Kafka, tmp_path: Path) -> dict[str, str]:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    return {
        "MODERATION_POSTGRES_DSN": pg_database,
        "MODERATION_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "MODERATION_TOPIC_PREFIX": kafka.prefix,
        "MODERATION_POLICY_FILE": str(policy),
    }


async def count(database: Postgres, statement: str) -> int:
    async with database.read(primary=True) as read:
        found: int = await read.fetchval("count", statement)
    return found


async def reached(database: Postgres, statement: str, wanted: Callable[[int], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not wanted(await count(database, statement)):  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.1)


JUDGED = "SELECT count(*) FROM posts WHERE judged_version > 0"
HANDLED = "SELECT count(*) FROM inbox"
LINES = "SELECT count(*) FROM audit_log"


async def test_the_process_is_ready_and_shows_its_metrics(environment: dict[str, str]) -> None:
    with service_process("moderation", environment) as process:
        assert process.probe("/readyz")[0] == 200
        assert "rookery_moderation_policy_rules 1.0" in process.probe("/metrics")[1]


async def test_a_database_that_is_away_is_named(environment: dict[str, str]) -> None:
    away = {**environment, "MODERATION_POSTGRES_DSN": "postgresql://nobody@127.0.0.1:1/nothing"}
    with service_process("moderation", away) as process:
        assert set(process.failures()) == {"postgres", "worker_number"}


async def test_a_poison_message_goes_to_the_dead_letters_and_the_rest_moves_on(
    environment: dict[str, str], kafka: Kafka, database: Postgres
) -> None:
    poison = replace(created(2, "poison"), payload=b"\xff\xff")
    events = [created(1, "A rude one"), poison, created(3, "Good", post_pb2.POST_STATE_HELD)]
    await kafka.producer.send_all(events)
    with service_process("moderation", environment):
        decided = await asyncio.to_thread(kafka.read, TOPIC, 2)
        [(_, dead)] = await asyncio.to_thread(kafka.read, f"{POST_GROUP}.dlq", 1)
    assert [(event.key, event.type) for event, _ in decided if event] == [
        ("1", "rookery.moderation.v1.PostDecided"),
        ("3", "rookery.moderation.v1.PostDecided"),
    ]
    assert (dead["dlq_reason"].partition(":")[0], dead["dlq_offset"]) == ("UNDECODABLE", "1")
    assert await count(database, JUDGED) == 2


async def test_a_topic_replayed_from_its_first_offset_changes_nothing(
    environment: dict[str, str], kafka: Kafka, database: Postgres
) -> None:
    await kafka.producer.send_all([created(number, "A rude one") for number in range(1, 21)])
    with service_process("moderation", environment):
        await reached(database, LINES, lambda lines: lines == 20)
    await asyncio.to_thread(kafka.rewind)
    await kafka.producer.send(created(99, "The last"))
    with service_process("moderation", environment):
        await reached(database, HANDLED, lambda handled: handled == 21)
    assert await count(database, LINES) == 20
    assert await count(database, "SELECT max(decision_version) FROM posts") == 1
    assert await count(database, "SELECT count(*) FROM outbox") == 20


async def test_the_audit_log_refuses_every_change(database: Postgres) -> None:
    async def attempt(statement: str) -> str:
        try:
            async with database.transaction() as tx:
                await tx.execute("tamper", statement)
        except Exception as error:  # whatever the database says is what is looked at
            return str(error.__cause__)
        return "done"

    insert = "INSERT INTO audit_log (at, action, actor_id, account_id, detail) VALUES (now(), 'report', 1, 2, '{}')"
    assert await attempt(insert) == "done"
    changes: Sequence[str] = ("UPDATE audit_log SET actor_id = 3", "DELETE FROM audit_log", "TRUNCATE audit_log")
    for change in changes:
        assert await attempt(change) == "the audit log is append-only"
    assert await count(database, LINES) == 1
