"""What becomes of records once they are fetched: an effect, a dead letter, or another try when an engine is back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from confluent_kafka import Message as KafkaMessage

from rookery_common.errors import AppError, DeadlineExceeded, ResourceExhausted, Unavailable
from rookery_common.kafka.events import Event, Headers, Position, UndecodableEvent
from rookery_common.kafka.metrics import CONSUMED, DEAD_LETTERS, EVENT_AGE_SECONDS, HANDLE_SECONDS
from rookery_common.kafka.producer import Producer
from rookery_common.logs import get_logger
from rookery_common.telemetry import span

TRIES = 3
RETRY_SECONDS = 0.2
# Not the event's fault: it is tried again for as long as it takes, and nothing behind it on its partition is lost.
OUTAGES = (Unavailable, DeadlineExceeded, ResourceExhausted)

EventHandler = Callable[[Event], Awaitable[None]]
BatchHandler = Callable[[Sequence[Event]], Awaitable[None]]
Partition = tuple[str, int]
log = get_logger()


@dataclass(frozen=True, slots=True)
class Record:
    """A fetched record: where it was, and the event in it, or why there is none: a problem, or that nobody takes it."""

    message: KafkaMessage
    partition: Partition
    offset: int
    event: Event | None
    problem: str = ""


def record_of(message: KafkaMessage, topic_prefix: str, taken: frozenset[str] = frozenset()) -> Record:
    """Decodes the envelope and the payload, so that a handler only meets events that can be read; of the types that are
    taken, if any are named."""
    topic = message.topic() or ""
    partition = (topic, _number(message.partition()))
    offset = _number(message.offset())
    key, value, headers = as_bytes(message.key()), message.value(), headers_of(message)
    if taken and _type_in(headers) not in taken:
        return Record(message, partition, offset, None)
    try:
        event = Event.from_message(
            topic.removeprefix(topic_prefix), key, value, headers, Position(partition[1], offset)
        )
        event.decode()
    except UndecodableEvent as error:
        return Record(message, partition, offset, None, str(error))
    return Record(message, partition, offset, event)


class DeadLetters:
    """A group's dead-letter topic: the record as it was, and what was wrong with it; never an error's text."""

    def __init__(self, producer: Producer, group: str) -> None:
        self._producer = producer
        self._group = group

    async def put(self, record: Record, reason: str) -> None:
        """Raises NotPublished while Kafka is away; then the record is still unhandled."""
        message = record.message
        headers = headers_of(message)
        added = {
            "dlq_reason": reason,
            "dlq_topic": record.partition[0],
            "dlq_partition": str(record.partition[1]),
            "dlq_offset": str(record.offset),
            "dlq_time": datetime.now(UTC).isoformat(),
        }
        headers += [(name, value.encode()) for name, value in added.items()]
        await self._producer.send_raw(f"{self._group}.dlq", as_bytes(message.key()), message.value(), headers)
        DEAD_LETTERS.labels(self._group, reason.partition(":")[0]).inc()
        log.error(
            "consumer.dead_letter",
            group=self._group,
            topic=record.partition[0],
            partition=record.partition[1],
            offset=record.offset,
            event_id=record.event.event_id if record.event else "",
            reason=reason,
        )


class Handling:
    """Gives records to a group's handler: one by one in the order of their partition, or all of a fetch at once.

    `whole`: a batch that failed is tried again as it was, since one of its events alone would have another effect.
    """

    def __init__(
        self,
        group: str,
        dead_letters: DeadLetters,
        one: EventHandler,
        many: BatchHandler | None = None,
        *,
        whole: bool = False,
    ) -> None:
        self._group = group
        self._dead_letters = dead_letters
        self._one = one
        self._many = many
        self._whole = whole

    async def handle(self, records: Sequence[Record]) -> list[Record]:
        """Returns what could not be handled because an engine is down, in order; everything else is done with."""
        records = [record for record in records if record.event or record.problem]
        rest = await self._handle_batch(records, self._many) if self._many else records
        if self._whole and any(record.event for record in rest):
            return rest
        partitions: dict[Partition, list[Record]] = {}
        for record in rest:
            partitions.setdefault(record.partition, []).append(record)
        left = await asyncio.gather(*(self._handle_partition(queue) for queue in partitions.values()))
        return [record for queue in left for record in queue]

    async def _handle_batch(self, records: Sequence[Record], many: BatchHandler) -> list[Record]:
        """The batch at once. What is left goes one by one: that finds the event that spoils it, or the outage."""
        events = [record.event for record in records if record.event]
        if len(events) < (1 if self._whole else 2):
            return list(records)
        try:
            with span(f"consume {self._group}", events=len(events)), HANDLE_SECONDS.labels(self._group).time():
                await many(events)
        except Exception as error:  # whatever it is, it is met again, and judged, one by one
            log.warning("consumer.batch_failed", group=self._group, events=len(events), reason=_reason(error))
            return list(records)
        for event in events:
            self._count(event, "ok")
        return [record for record in records if not record.event]

    async def _handle_partition(self, queue: list[Record]) -> list[Record]:
        for index, record in enumerate(queue):
            try:
                await self._handle_one(record)
            except OUTAGES as error:
                log.warning("consumer.outage", group=self._group, reason=error.reason)
                return queue[index:]
        return []

    async def _handle_one(self, record: Record) -> None:
        if record.event is None:
            CONSUMED.labels(self._group, record.partition[0], "undecodable").inc()
            await self._dead_letters.put(record, f"UNDECODABLE: {record.problem}")
            return
        reason = await self._try(record.event)
        if reason:
            await self._dead_letters.put(record, reason)
        self._count(record.event, "dead" if reason else "ok")

    async def _try(self, event: Event) -> str:
        """Empty when it went well; the reason of the last failure after three tries. Raises what is an outage."""
        reason = ""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(RETRY_SECONDS * attempt)
            try:
                with (
                    span(f"consume {event.type}", event.traceparent, event_id=event.event_id),
                    HANDLE_SECONDS.labels(self._group).time(),
                ):
                    await self._one(event)
            except OUTAGES:
                raise
            except Exception as error:  # a defect or bad data: either way this event must not hold up the others
                reason = _reason(error)
                log.warning(
                    "consumer.failed", group=self._group, event_id=event.event_id, attempt=attempt + 1, reason=reason
                )
            else:
                return ""
        return reason

    def _count(self, event: Event, outcome: str) -> None:
        CONSUMED.labels(self._group, event.topic, outcome).inc()
        EVENT_AGE_SECONDS.labels(self._group).observe(max(0.0, time.time() - event.occurred_at.timestamp()))


def _reason(error: Exception) -> str:
    """Names the failure without its text, which may carry what a dead letter or a log must not."""
    return error.reason if isinstance(error, AppError) else type(error).__name__


def _type_in(headers: Headers) -> str:
    """What the event says it is; empty where it does not, which is for decoding to find."""
    for name, value in headers:
        if name == "ce_type":
            return value.decode(errors="replace")
    return ""


def headers_of(message: KafkaMessage) -> Headers:
    """A record's headers in their order; one without a value counts as empty."""
    found = message.headers() or []
    pairs = found.items() if isinstance(found, dict) else found
    return [(name, value if isinstance(value, bytes) else as_bytes(value) or b"") for name, value in pairs]


def as_bytes(value: str | bytes | None) -> bytes | None:
    """What the client's types allow to be text is bytes in fact."""
    return value.encode() if isinstance(value, str) else value


def _number(value: int | None) -> int:
    return -1 if value is None else value
