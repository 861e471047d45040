"""Events without Kafka: a producer that remembers what it was given, and fails or dies where told."""

from __future__ import annotations

from collections.abc import Sequence

from rookery_common.kafka.events import Event, Headers
from rookery_common.kafka.producer import NotPublished


class FakeProducer:
    """Takes the place of a Producer: `sent` are the events that Kafka would have."""

    def __init__(self) -> None:
        self.sent: list[Event] = []
        self.raw: list[tuple[str, bytes | None, bytes | None, Headers]] = []
        self.away = False

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def send(self, event: Event) -> None:
        await self.send_all([event])

    async def send_all(self, events: Sequence[Event]) -> None:
        if self.away:
            raise NotPublished("Kafka is away")
        self.sent.extend(events)

    async def send_raw(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        if self.away:
            raise NotPublished("Kafka is away")
        self.raw.append((topic, key, value, headers))
