"""Following topics without a group: every replica reads all partitions from now on, for caches of its own."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage
from google.protobuf.message import Message

from rookery_common.kafka.connection import Connection, Kafka
from rookery_common.kafka.errors import LOG_LEVEL, RECONNECT_MS, ErrorLog
from rookery_common.kafka.handling import EventHandler, record_of
from rookery_common.kafka.metrics import CONSUMED
from rookery_common.logs import get_logger

FETCH_SECONDS = 0.5
FETCH_EVENTS = 500
PACE_SECONDS = 0.1
LOOKUP_SECONDS = 5.0
RETRY_SECONDS = 1.0
REFRESH_SECONDS = 30.0
# So long after Kafka's last answer it counts as there: it is asked for partitions every 30 s.
ANSWER_SECONDS = REFRESH_SECONDS + 2 * LOOKUP_SECONDS
log = get_logger()


class Follower:
    """Component: hands each event to the handler once, in the order of its partition; commits nothing.

    Where it says which events it takes, others are passed over before they cost anything. What comes while nothing else
    does is handled at once, else a tenth of a second after the fetch before it began, which it shares with others. What
    can't be decoded or handled is counted, logged and passed over: the reader is a cache, and its entries expire.
    """

    def __init__(
        self,
        kafka: Kafka,
        topics: Sequence[str],
        handler: EventHandler,
        *,
        name: str,
        takes: Sequence[type[Message]] = (),
        topic_prefix: str = "",
    ) -> None:
        self._topics = [topic_prefix + topic for topic in topics]
        self._prefix = topic_prefix
        self._handler = handler
        self._taken = frozenset(each.DESCRIPTOR.full_name for each in takes)
        self._name = name
        self._connection = Connection(kafka)
        self._config = {
            "group.id": f"{name}.follower",  # required by the client; nothing is ever committed to it
            "client.id": f"{name}.follower",
            "enable.auto.commit": False,
            "auto.offset.reset": "latest",
            "error_cb": ErrorLog(f"{name}.follower"),
            "reconnect.backoff.max.ms": RECONNECT_MS,
            "log_level": LOG_LEVEL,
        }
        self._known: set[tuple[str, int]] = set()
        self._caught_up = asyncio.Event()
        self._complete_from = self._answered_at = -math.inf
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._thread: ThreadPoolExecutor | None = None

    async def start(self) -> None:
        """In the background: `ready` says when it follows, so that a process starts while Kafka is away."""
        self._stopping = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"{self._name}.follower")
        self._task = asyncio.create_task(self._run(), name=f"follower {self._name}")

    async def stop(self) -> None:
        """After the fetch under way, at most half a second."""
        self._stopping = True
        if self._task is not None:
            await self._task
        if self._thread is not None:
            self._thread.shutdown(wait=False)

    async def ready(self) -> None:
        """Returns once every event from now on will be seen; a cache that is filled earlier may miss a change."""
        await self._caught_up.wait()

    def complete_since(self) -> float:
        """Since when every event has been handled, in seconds of `time.monotonic`; infinity while Kafka is away."""
        lately = time.monotonic() <= self._answered_at + ANSWER_SECONDS
        return self._complete_from if lately and self._known else math.inf

    async def _run(self) -> None:
        while not self._stopping:
            try:
                await self._follow()
            except Exception:
                # A defect must not end the following for good; what is missed meanwhile expires in the cache.
                log.exception("follower.restarted", name=self._name)
                self._known.clear()
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        consumer = KafkaConsumer(self._connection.config() | self._config)
        loop = asyncio.get_running_loop()
        refresh_at = 0.0
        try:
            while not self._stopping:
                if loop.time() >= refresh_at:
                    found = await loop.run_in_executor(self._thread, self._assign, consumer)
                    refresh_at = loop.time() + (REFRESH_SECONDS if found else RETRY_SECONDS)
                    if found:
                        self._caught_up.set()
                began = loop.time()
                messages = await loop.run_in_executor(self._thread, _fetch, consumer)
                if messages:
                    self._answered_at = began
                for message in messages:
                    await self._handle(message)
                if len(messages) < FETCH_EVENTS:
                    await asyncio.sleep(max(0.0, began + PACE_SECONDS - loop.time()))
        finally:
            await loop.run_in_executor(self._thread, consumer.close)

    def _assign(self, consumer: KafkaConsumer) -> bool:
        """Adds partitions not read yet: at first from their present end, later ones (they are new) from their start."""
        self._connection.renew(consumer)
        first, began = not self._known, time.monotonic()
        try:
            fresh = [
                TopicPartition(topic, number)
                for topic in self._topics
                for number in consumer.list_topics(topic, LOOKUP_SECONDS).topics[topic].partitions
                if (topic, number) not in self._known
            ]
            for partition in fresh:
                low, high = consumer.get_watermark_offsets(partition, LOOKUP_SECONDS)
                partition.offset = high if first else low
            consumer.incremental_assign(fresh)
        except KafkaException as error:
            log.warning("follower.not_assigned", name=self._name, reason=type(error).__name__)
            return False
        if first:
            self._complete_from = time.monotonic()
        self._answered_at = began
        self._known.update((partition.topic, partition.partition) for partition in fresh)
        return bool(self._known)

    async def _handle(self, message: KafkaMessage) -> None:
        error = message.error()
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                log.warning("follower.fetch_failed", name=self._name, reason=error.name())
                self._complete_from = time.monotonic()
            return
        record = record_of(message, self._prefix, self._taken)
        outcome = "ok"
        if record.event is None and not record.problem:
            return
        if record.event is None:
            outcome = "undecodable"
            log.error("follower.undecodable", name=self._name, offset=record.offset, problem=record.problem)
        else:
            try:
                await self._handler(record.event)
            except Exception as failure:  # one cache entry may be stale until it expires; the others must not be
                outcome = "failed"
                log.error("follower.failed", event_id=record.event.event_id, reason=type(failure).__name__)
        if outcome != "ok":  # It may have told of a change.
            self._complete_from = time.monotonic()
        CONSUMED.labels(f"{self._name}.follower", record.partition[0], outcome).inc()


def _fetch(consumer: KafkaConsumer) -> list[KafkaMessage]:
    first = consumer.poll(FETCH_SECONDS)
    return [] if first is None else [first, *consumer.consume(FETCH_EVENTS - 1, 0)]
