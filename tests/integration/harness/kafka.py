"""Events put onto topics from outside: what a service would have published, and what nobody should."""

from __future__ import annotations

from confluent_kafka import Consumer, Producer, TopicPartition
from google.protobuf.message import Message

from harness.platform import required
from rookery.moderation.v1.decision_pb2 import Decision, DecisionState
from rookery.moderation.v1.events_pb2 import PostDecided
from rookery_common.clock import SystemClock
from rookery_common.ids import uuid7
from rookery_common.kafka.events import new_event

DELIVERY_SECONDS = 10.0


class Topics:
    """Writes to topics, and counts what is in them."""

    def __init__(self) -> None:
        self._bootstrap = required("ROOKERY_TEST_KAFKA_BOOTSTRAP")
        self._producer = Producer({"bootstrap.servers": self._bootstrap})

    def send(self, topic: str, key: str, message: Message, version: int, source: str) -> None:
        """An event as the service `source` would have sent it."""
        event = new_event(topic, key, message, version=version, clock=SystemClock(), source=source)
        self._producer.produce(topic, event.payload, key, headers=[*event.to_headers()])
        self._flush()

    def send_raw(self, topic: str, key: str, value: bytes) -> None:
        """A record that is no event."""
        self._producer.produce(topic, value, key)
        self._flush()

    def count(self, topic: str) -> int:
        """How many records the topic was ever given."""
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": f"count-{uuid7()}"})
        try:
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            ends = (consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10) for number in partitions)
            return sum(high for _, high in ends)
        finally:
            consumer.close()

    def _flush(self) -> None:
        left = self._producer.flush(DELIVERY_SECONDS)
        if left:
            raise RuntimeError(f"{left} records were not delivered")


def decided(post_id: int, account_id: int, state: DecisionState.ValueType, version: int) -> PostDecided:
    """A decision on a post, by a rule that nobody has written."""
    decision = Decision(
        decision_id=post_id + version,
        post_id=post_id,
        account_id=account_id,
        state=state,
        rule="integration-test",
        version=version,
    )
    decision.decide_time.FromDatetime(SystemClock().now())
    return PostDecided(decision=decision)
