"""The consumer loop: offsets are committed after the effect, so a record may come twice and is never lost.

They are committed once a second while records come, before a partition moves to another member, and before leaving.
What a process had handled and not committed when it died comes again: handlers know what they have done.

All calls to librdkafka are made from one thread of the consumer's own, so that rebalance callbacks run between fetches
only, when everything fetched is handled and committed. A fetch waits for one record and takes what else is there:
`consume(n, timeout)`, alone, waits for n records or the whole timeout.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage
from google.protobuf.message import Message

from rookery_common.kafka.connection import Connection, Kafka
from rookery_common.kafka.errors import LOG_LEVEL, RECONNECT_MS, ErrorLog
from rookery_common.kafka.events import Event
from rookery_common.kafka.handling import (
    BatchHandler,
    DeadLetters,
    EventHandler,
    Handling,
    Partition,
    Record,
    record_of,
)
from rookery_common.kafka.metrics import PAUSED
from rookery_common.kafka.producer import Producer
from rookery_common.logs import get_logger

GROUP_NAME = re.compile(r"[a-z]+\.[a-z][a-z-]*")
FETCH_SECONDS = 0.5
PACE_SECONDS = 0.1
# Between the fetches of a lane that somebody waits for: who has an app open, who has just posted.
LIVE_PACE_SECONDS = 0.03
# For what nobody waits for: counts, and what engines show a second later by themselves.
EASY_PACE_SECONDS = 0.5
# A commit costs either side as much as a record.
COMMIT_SECONDS = 1.0
BACKOFF_SECONDS = 0.25
MAX_BACKOFF_SECONDS = 10.0
RESTART_SECONDS = 1.0
T = TypeVar("T")
log = get_logger()


class Consumer:
    """Component: one member of a consumer group (named `service.purpose`), which feeds its handler.

    Where it says which events it takes, others are passed over before they cost anything.
    A handler gets one event; with `batch=True` all events of a fetch (in order for each partition), and each alone when
    the batch failed, unless batches are `whole`. What comes to an idle member is handled at once, else `pace_seconds`
    after the fetch before it began, so that much at a time shares what a fetch costs, which is far more than an event
    does: short where people wait. A batch gathers for `gather_seconds`, where each is dear. Three failures make a dead
    letter in `<group>.dlq`; Unavailable, DeadlineExceeded and ResourceExhausted are outages: the group pauses and tries
    again until they end.
    """

    def __init__(
        self,
        kafka: Kafka,
        group: str,
        topics: Sequence[str],
        handler: EventHandler | BatchHandler,
        *,
        dead_letters: Producer,
        service: str,
        takes: Sequence[type[Message]] = (),
        batch: bool = False,
        batch_size: int = 500,
        topic_prefix: str = "",
        fetch_seconds: float = FETCH_SECONDS,
        pace_seconds: float = PACE_SECONDS,
        gather_seconds: float = 0.0,
        whole: bool = False,
    ) -> None:
        if not GROUP_NAME.fullmatch(group) or not group.startswith(f"{service}."):
            raise ValueError(f"group {group!r} is not named {service}.<purpose>")
        self._group = group
        self._topics = [topic_prefix + topic for topic in topics]
        self._prefix = topic_prefix
        self._taken = frozenset(each.DESCRIPTOR.full_name for each in takes)
        self._batch_size = batch_size
        self._fetch_seconds = fetch_seconds
        self._pace_seconds = pace_seconds
        self._gather_seconds = gather_seconds
        many = cast(BatchHandler, handler) if batch else None
        one = _alone(many) if many else cast(EventHandler, handler)
        self._handling = Handling(group, DeadLetters(dead_letters, group), one, many, whole=whole)
        self._connection = Connection(kafka)
        self._errors = ErrorLog(group)
        self._assigned: set[Partition] = set()
        self._revoked: set[Partition] = set()
        self._uncommitted: dict[Partition, int] = {}
        self._commit_at = 0.0
        self._paused = False
        self._fatal = False
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._consumer: KafkaConsumer | None = None

    async def start(self) -> None:
        """Joins the group in the background; a process starts while Kafka is away."""
        self._stopping.clear()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=self._group)
        self._task = asyncio.create_task(self._run(), name=f"consumer {self._group}")

    async def stop(self) -> None:
        """Finishes and commits what is fetched, then leaves the group, so that the others take over at once."""
        self._stopping.set()
        if self._task is not None:
            await self._task
        if self._thread is not None:
            self._thread.shutdown(wait=False)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._open()
                await self._consume()
            except Exception:
                # Kafka's fatal errors, and defects of ours: nothing is lost, since what was not committed comes again.
                log.exception("consumer.restarted", group=self._group)
            finally:
                await self._close()
            await self._wait(RESTART_SECONDS)

    async def _consume(self) -> None:
        now = asyncio.get_running_loop().time
        while not self._stopping.is_set() and not self._fatal:
            records = await self._fetch(self._fetch_seconds)
            began, is_full = now(), len(records) == self._batch_size
            if records and self._gather_seconds:
                records = await self._gather(records)
            if not records:
                await self._commit()
                continue
            await self._settle(records)
            if not is_full:
                await self._wait(began + self._pace_seconds - now())
        await self._commit()

    async def _gather(self, records: list[Record]) -> list[Record]:
        """As many as make a batch, or what comes in time; what moves to another member meanwhile is left to it."""
        now = asyncio.get_running_loop().time
        end = now() + self._gather_seconds
        while len(records) < self._batch_size and not self._stopping.is_set() and not self._fatal:
            seconds = min(self._fetch_seconds, end - now())
            if seconds <= 0:
                break
            await self._wait(seconds)
            self._revoked.clear()
            fetched = await self._fetch(0, self._batch_size - len(records))
            records = [record for record in records if record.partition not in self._revoked] + fetched
        return records

    async def _settle(self, records: list[Record]) -> None:
        """Until all of them are handled or have moved to another member; pauses while an engine is down."""
        backoff = BACKOFF_SECONDS
        while True:
            left = await self._handling.handle(records)
            self._note(records, left)
            if left or asyncio.get_running_loop().time() >= self._commit_at:
                await self._commit()
            if not left or self._stopping.is_set() or self._fatal:
                return
            await self._pause()
            # Fetching, though all is paused, keeps the membership; it is also when partitions may be taken away.
            fetched = await self._fetch(backoff)
            records = [record for record in left if record.partition in self._assigned] + fetched
            await self._resume()
            if not records:
                return
            backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)

    async def _fetch(self, seconds: float, size: int | None = None) -> list[Record]:
        messages = await self._call(lambda consumer: self._poll(consumer, size or self._batch_size, seconds))
        records = []
        for message in messages:
            error = message.error()
            if error is None:
                records.append(record_of(message, self._prefix, self._taken))
            elif error.code() != KafkaError._PARTITION_EOF:
                log.warning("consumer.fetch_failed", group=self._group, reason=error.name())
        return records

    def _poll(self, consumer: KafkaConsumer, size: int, seconds: float) -> list[KafkaMessage]:
        self._connection.renew(consumer)
        return _fetch(consumer, size, seconds)

    def _note(self, records: Sequence[Record], left: Sequence[Record]) -> None:
        """Where each partition that is still ours goes on: at the first record that is left, else after the last."""
        positions: dict[Partition, int] = {}
        for record in records:
            positions[record.partition] = max(positions.get(record.partition, 0), record.offset + 1)
        for record in reversed(left):
            positions[record.partition] = record.offset
        self._uncommitted.update({found: to for found, to in positions.items() if found in self._assigned})

    async def _commit(self) -> None:
        self._commit_at = asyncio.get_running_loop().time() + COMMIT_SECONDS
        if self._uncommitted:
            await self._call(lambda consumer: self._commit_of(consumer, list(self._uncommitted)))

    def _commit_of(self, consumer: KafkaConsumer, partitions: Iterable[Partition]) -> None:
        """How far these have been handled, as far as that is not committed."""
        handled = {each: self._uncommitted[each] for each in partitions if each in self._uncommitted}
        if not handled:
            return
        offsets = [TopicPartition(topic, number, offset) for (topic, number), offset in handled.items()]
        try:
            consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            # Tried again with the next one; at worst it comes again, here or at another member: handlers expect that.
            self._errors(_error_of(error))
        else:
            for each in handled:
                del self._uncommitted[each]

    async def _pause(self) -> None:
        PAUSED.labels(self._group).set(1)
        self._paused = True
        await self._call(lambda consumer: consumer.pause(consumer.assignment()))

    async def _resume(self) -> None:
        PAUSED.labels(self._group).set(0)
        self._paused = False
        await self._call(lambda consumer: consumer.resume(consumer.assignment()))

    async def _open(self) -> None:
        def subscribe() -> KafkaConsumer:
            consumer = KafkaConsumer(self._config())
            consumer.subscribe(
                self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
            return consumer

        self._fatal, self._paused = False, False
        self._assigned.clear()
        self._uncommitted.clear()
        self._consumer = await self._in_thread(subscribe)

    def _config(self) -> dict[str, object]:
        return {
            **self._connection.config(),
            "group.id": self._prefix + self._group,
            "client.id": self._group,
            "group.protocol": "consumer",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "error_cb": self._on_error,
            "reconnect.backoff.max.ms": RECONNECT_MS,
            "log_level": LOG_LEVEL,
        }

    async def _close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await self._in_thread(consumer.close)

    async def _call(self, call: Callable[[KafkaConsumer], T]) -> T:
        consumer = self._consumer
        if consumer is None:
            raise KafkaException(KafkaError(KafkaError._STATE))
        return await self._in_thread(lambda: call(consumer))

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def _wait(self, seconds: float) -> None:
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    # The callbacks run in the consumer's thread, inside a fetch.

    def _on_assign(self, consumer: KafkaConsumer, partitions: list[TopicPartition]) -> None:
        self._assigned.update((found.topic, found.partition) for found in partitions)
        consumer.incremental_assign(partitions)
        if self._paused:
            consumer.pause(partitions)

    def _on_revoke(self, consumer: KafkaConsumer, partitions: list[TopicPartition]) -> None:
        self._commit_of(consumer, [(found.topic, found.partition) for found in partitions])
        self._on_lost(consumer, partitions)

    def _on_lost(self, _consumer: KafkaConsumer, partitions: list[TopicPartition]) -> None:
        revoked = {(found.topic, found.partition) for found in partitions}
        self._assigned -= revoked
        self._revoked |= revoked
        for partition in revoked:
            self._uncommitted.pop(partition, None)

    def _on_error(self, error: KafkaError) -> None:
        self._errors(error)
        self._fatal = self._fatal or error.fatal()


def _alone(handler: BatchHandler) -> EventHandler:
    async def handle(event: Event) -> None:
        await handler([event])

    return handle


def _fetch(consumer: KafkaConsumer, size: int, seconds: float) -> list[KafkaMessage]:
    first = consumer.poll(seconds)
    if first is None:
        return []
    return [first, *consumer.consume(size - 1, 0)] if size > 1 else [first]


def _error_of(error: KafkaException) -> KafkaError:
    found = error.args[0] if error.args else None
    return found if isinstance(found, KafkaError) else KafkaError(KafkaError._FAIL)
