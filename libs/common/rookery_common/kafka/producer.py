"""Publishing events: idempotent, acknowledged by all in-sync replicas, awaited without blocking the loop.

confluent-kafka's own asyncio producer takes no headers and buffers a lone message for seconds, so the plain one is
used: one thread polls it, and what was delivered meanwhile is handed to the loop in one wake-up.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as KafkaProducer

from rookery_common.errors import Unavailable
from rookery_common.kafka.connection import Connection, Kafka
from rookery_common.kafka.errors import LOG_LEVEL, RECONNECT_MS, ErrorLog
from rookery_common.kafka.events import Event, Headers
from rookery_common.kafka.metrics import PUBLISH_SECONDS, PUBLISHED

LINGER_MS = 2
DELIVERY_MS = 30_000
POLL_SECONDS = 0.1
FLUSH_SECONDS = 5.0
FULL_WAIT_SECONDS = 0.01

Delivery = tuple["asyncio.Future[None]", KafkaError | None]


class NotPublished(Unavailable):
    """Kafka did not acknowledge the event in time; it may be there nevertheless."""

    reason = "EVENT_NOT_PUBLISHED"


class Producer:
    """Component: the process's connection to Kafka for writing, shared by everything that publishes."""

    def __init__(self, kafka: Kafka, name: str, topic_prefix: str = "") -> None:
        self._connection = Connection(kafka)
        self._config = {
            "client.id": name,
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": LINGER_MS,
            "delivery.timeout.ms": DELIVERY_MS,
            "allow.auto.create.topics": True,
            "error_cb": self._on_error,
            "reconnect.backoff.max.ms": RECONNECT_MS,
            "log_level": LOG_LEVEL,
        }
        self._prefix = topic_prefix
        self._errors = ErrorLog(name)
        self._delivered: deque[Delivery] = deque()
        self._woken = False
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._producer: KafkaProducer | None = None
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        """Connects in the background: a process starts, and takes writes, while Kafka is away."""
        self._loop = asyncio.get_running_loop()
        self._stopping.clear()
        self._producer = self._connect()
        self._thread = threading.Thread(target=self._poll, name="kafka-producer", daemon=True)
        self._thread.start()

    def _connect(self) -> KafkaProducer:
        return KafkaProducer(self._connection.config() | self._config)

    async def stop(self) -> None:
        """Waits a few seconds for what is under way; the rest fails with NotPublished."""
        if self._producer is None or self._thread is None:
            return
        producer, self._producer = self._producer, None
        await asyncio.to_thread(producer.flush, FLUSH_SECONDS)
        producer.purge()
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)
        producer.poll(0)
        self._drain()

    async def check(self) -> None:
        """Raises Unavailable when Kafka does not answer within a second."""
        producer = self._started()
        try:
            await asyncio.to_thread(producer.list_topics, None, 1.0)
        except KafkaException as error:
            raise Unavailable("Kafka does not answer") from error

    async def send(self, event: Event) -> None:
        """Returns once all in-sync replicas have the event; raises NotPublished after 30 s."""
        await self.send_all([event])

    async def send_all(self, events: Sequence[Event]) -> None:
        """The same for many at once, in order for each key. When it raises, some of them may be there."""
        started = asyncio.get_running_loop().time()
        futures = [
            await self._enqueue(event.topic, event.key.encode(), event.payload, event.to_headers()) for event in events
        ]
        results = await asyncio.gather(*futures, return_exceptions=True)
        elapsed = asyncio.get_running_loop().time() - started
        failure: BaseException | None = None
        for event, result in zip(events, results, strict=True):
            PUBLISHED.labels(event.topic, "failed" if result else "ok").inc()
            PUBLISH_SECONDS.labels(event.topic).observe(elapsed)
            failure = failure or result
        if failure is not None:
            raise failure

    async def send_raw(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """A record as it is, for dead letters and their replay: it may be no event at all."""
        await (await self._enqueue(topic, key, value, headers))

    async def _enqueue(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers
    ) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def delivered(error: KafkaError | None, _message: Message) -> None:
            self._hand_over((future, error))

        while True:
            try:
                self._started().produce(self._prefix + topic, value, key, headers=list(headers), on_delivery=delivered)
            except BufferError:
                # librdkafka's queue is full: back-pressure until the poll thread has emptied some of it.
                await asyncio.sleep(FULL_WAIT_SECONDS)
            except (KafkaException, NotPublished) as error:
                self._delivered_now(future, error)
                return future
            else:
                return future

    @staticmethod
    def _delivered_now(future: asyncio.Future[None], error: Exception) -> None:
        """Into the future like any other outcome, so that the others of the same call are still awaited."""
        future.set_exception(error if isinstance(error, NotPublished) else NotPublished("Kafka refused the event"))

    def _started(self) -> KafkaProducer:
        if self._producer is None:
            raise NotPublished("the producer is not running")
        return self._producer

    def _poll(self) -> None:
        """In the thread: serves delivery reports; they are bridged to the loop by `_hand_over`."""
        while not self._stopping.is_set():
            producer = self._producer
            if producer is None:
                return
            producer.poll(POLL_SECONDS)
            self._connection.renew(producer)

    def _hand_over(self, delivery: Delivery) -> None:
        """In the poll thread: one wake-up of the loop for all that was delivered since the last."""
        with self._lock:
            self._delivered.append(delivery)
            if self._woken:
                return
            self._woken = True
        self._call_soon(self._drain)

    def _call_soon(self, callback: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback)

    def _drain(self) -> None:
        with self._lock:
            delivered, self._delivered = self._delivered, deque()
            self._woken = False
        for future, error in delivered:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(NotPublished(f"Kafka refused or lost the event: {error.name()}"))

    def _on_error(self, error: KafkaError) -> None:
        self._errors(error)
        if error.fatal():
            self._call_soon(self._replace)

    def _replace(self) -> None:
        """A fatal error ends an idempotent producer for good; what it held fails, and the outbox publishes it again."""
        broken = self._producer
        if broken is None or self._stopping.is_set():
            return
        self._producer = self._connect()
        broken.purge()
        broken.poll(0)
