"""With TLS and log-ins everywhere the platform works, and nobody gets in without them. For `exec --secure`."""

from __future__ import annotations

import io
import ssl
from typing import Any

import asyncpg
import grpc
import httpx2
import pytest
import redis
from cassandra.cluster import Cluster, NoHostAvailable
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from grpc_health.v1 import health_pb2, health_pb2_grpc
from harness.people import Person, jpeg
from harness.platform import required
from harness.waiting import eventually
from PIL import Image

SECONDS = 30.0


def test_a_post_with_a_picture_is_seen_and_fetched(alice: Person, bob: Person) -> None:
    assert bob.api.account_follow(alice.account_id)["following"]
    media = alice.api.media_post(jpeg(), mime_type="image/jpeg", description="Yellow lines on blue")
    posted = alice.api.status_post("A rook", media_ids=[media["id"]])
    eventually(bob.home_ids, lambda ids: str(posted["id"]) in ids, within=SECONDS, what="bob's home")
    [picture] = bob.api.timeline_home()[0]["media_attachments"]
    assert picture["url"].startswith("https://")
    trust = ssl.create_default_context(cafile=required("ROOKERY_TEST_CA_FILE"))
    fetched = httpx2.get(picture["url"], timeout=15, verify=trust)
    assert Image.open(io.BytesIO(fetched.content)).size == (640, 480)


async def test_postgres_hears_nobody_without_tls() -> None:
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="no encryption"):
        await asyncpg.connect(required("AUTH_POSTGRES_DSN"), ssl=False, timeout=10)


@pytest.mark.parametrize("name", ["POST_REDIS_CACHE_URL", "POST_REDIS_STATE_URL"])
def test_redis_hears_nobody_without_tls(name: str) -> None:
    url = required(name).replace("rediss:", "redis:", 1)
    with redis.Redis.from_url(url, socket_timeout=10) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_cassandra_hears_nobody_without_tls() -> None:
    cluster = Cluster([required("POST_CQL_HOSTS")], port=int(required("POST_CQL_PORT")), connect_timeout=5)
    with pytest.raises(NoHostAvailable):
        cluster.connect()
    cluster.shutdown()


def test_the_store_of_media_hears_nobody_without_tls() -> None:
    url = required("POST_S3_ENDPOINT").replace("https:", "http:", 1)
    try:
        status = httpx2.get(url, timeout=10).status_code
    except httpx2.TransportError:
        return
    assert status == 400


def test_a_service_without_a_certificate_is_not_heard() -> None:
    with grpc.insecure_channel(required("GATEWAY_POST_TARGET")) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def of_post() -> dict[str, Any]:
    """How post gets into Kafka."""
    return {
        "bootstrap.servers": required("POST_KAFKA_BOOTSTRAP"),
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": required("POST_KAFKA_CA_FILE"),
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": required("POST_KAFKA_USERNAME"),
        "sasl.password": required("POST_KAFKA_PASSWORD"),
    }


@pytest.mark.parametrize("change", [{"security.protocol": "PLAINTEXT"}, {"sasl.password": "wrong"}])
def test_kafka_hears_nobody_without_tls_or_with_a_wrong_password(change: dict[str, str]) -> None:
    admin = AdminClient({**of_post(), **change, "log_level": 0})
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=2)


def test_in_kafka_a_service_sees_its_own_topics_alone() -> None:
    seen = set(AdminClient(of_post()).list_topics(timeout=15).topics)
    assert {"post.events.v1", "post.engagement.v1", "moderation.decisions.v1", "post.deletions.dlq"} <= seen
    assert not {"messaging.events.v1", "auth.events.v1", "feed.post-events.dlq"} & seen


def test_in_kafka_a_service_writes_to_no_other_services_topic() -> None:
    refusals: list[KafkaError | None] = []
    producer = Producer({**of_post(), "log_level": 0})
    producer.produce("messaging.events.v1", b"forged", on_delivery=lambda error, _message: refusals.append(error))
    producer.flush(20)
    [refusal] = refusals
    assert refusal is not None
    assert refusal.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_in_kafka_a_service_joins_no_other_services_group() -> None:
    consumer = Consumer({**of_post(), "group.id": "feed.post-events", "log_level": 0})
    consumer.subscribe(["post.events.v1"])
    message = consumer.poll(20)
    consumer.close()
    assert message is not None
    error = message.error()
    assert error is not None
    assert error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED
