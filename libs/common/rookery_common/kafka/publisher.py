"""What a serving process does with its own fresh events, right after their commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol

from rookery_common.errors import AppError
from rookery_common.kafka.events import Event
from rookery_common.kafka.metrics import OUTBOX_LEFT
from rookery_common.logs import get_logger
from rookery_common.rpc.deadline import start_deadline

MAX_WAITING = 10_000
BATCH = 500
# Longer than the producer tries: the request that committed the event is answered, its deadline means nothing here.
PUBLISH_SECONDS = 40.0
# A mark says only that the relay, which looks for what is older than this many times over, has nothing to do.
MARK_SECONDS = 0.1
log = get_logger()


class Sender(Protocol):
    """Where events go: the producer, or a list in a test."""

    async def send_all(self, events: Sequence[Event]) -> None: ...


class BackgroundPublisher:
    """Sends what is committed in the order of the commits, marks it, and leaves to the relay what can't be sent.

    Like a group commit: one call takes what has come while the last was under way. Marks follow a little later, many at
    once. Nothing is lost when the process dies between any two lines, since the rows are in the outbox already.
    """

    def __init__(self, sender: Sender, mark: Callable[[Sequence[Event]], Awaitable[None]]) -> None:
        self._sender = sender
        self._mark = mark
        self._waiting: list[Event] = []
        self._sent: list[Event] = []
        self._sending: asyncio.Task[None] | None = None
        self._marking: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    def submit(self, events: Sequence[Event]) -> None:
        """Never blocks and never fails: beyond 10,000 waiting, the relay publishes."""
        room = max(0, MAX_WAITING - len(self._waiting))
        self._waiting.extend(events[:room])
        if room < len(events):
            self._leave(events[room:], "BACKLOG")
        if self._waiting and (self._sending is None or self._sending.done()):
            self._sending = asyncio.create_task(self._send(), name="outbox-publisher")

    async def drain(self) -> None:
        """Waits for all that was submitted."""
        self._hurry.set()
        if self._sending is not None:
            await asyncio.shield(self._sending)
        if self._marking is not None:
            await asyncio.shield(self._marking)
        self._hurry.clear()

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            start_deadline(PUBLISH_SECONDS)
            try:
                await self._sender.send_all(batch)
            except AppError as error:
                self._leave(batch, error.reason)
                continue
            self._sent += batch
            if self._marking is None or self._marking.done():
                self._marking = asyncio.create_task(self._mark_sent(), name="outbox-marks")

    async def _mark_sent(self) -> None:
        while self._sent:
            with suppress(TimeoutError):
                async with asyncio.timeout(MARK_SECONDS):
                    await self._hurry.wait()
            batch, self._sent = self._sent[:BATCH], self._sent[BATCH:]
            start_deadline(PUBLISH_SECONDS)
            try:
                await self._mark(batch)
            except AppError as error:
                self._leave(batch, error.reason)

    @staticmethod
    def _leave(events: Sequence[Event], reason: str) -> None:
        OUTBOX_LEFT.labels(events[0].source).inc(len(events))
        log.warning("outbox.left_to_relay", events=len(events), reason=reason)
