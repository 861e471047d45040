"""The relay publishes what serving processes committed and could not publish: they died, or Kafka was away."""

from __future__ import annotations

import asyncio
from typing import Protocol

from rookery_common.clock import Clock, SystemClock
from rookery_common.errors import AppError
from rookery_common.kafka.metrics import OUTBOX_SWEPT
from rookery_common.kafka.publisher import Sender
from rookery_common.logs import get_logger

INTERVAL_SECONDS = 2.0
MAX_BACKOFF_SECONDS = 30.0
STOP_SECONDS = 5.0
log = get_logger()


class OutboxStore(Protocol):
    """An outbox that knows its own rows, and which replica may sweep which of them."""

    async def sweep(self, sender: Sender) -> int:
        """Sends and marks a bounded number of rows that were left; returns how many."""
        ...

    async def release(self) -> None:
        """Gives back what this replica leased."""
        ...


class Relay:
    """Component: sweeps a service's outbox every two seconds; at once again while there is more, later if it fails."""

    def __init__(
        self,
        store: OutboxStore,
        producer: Sender,
        *,
        service: str,
        clock: Clock | None = None,
        interval: float = INTERVAL_SECONDS,
    ) -> None:
        self._store = store
        self._producer = producer
        self._service = service
        self._clock = clock or SystemClock()
        self._interval = interval
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="outbox-relay")

    async def stop(self) -> None:
        """A sweep that is cut short is repeated by the next: its events go out twice, which consumers expect."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=STOP_SECONDS)
            try:
                await self._store.release()
            except AppError as error:
                log.warning("relay.release_failed", reason=error.reason)

    async def sweep_all(self) -> int:
        """Sweeps until nothing is left that is old enough; for tests and for draining."""
        total = 0
        while swept := await self._store.sweep(self._producer):
            total += swept
        return total

    async def _run(self) -> None:
        backoff = self._interval
        while True:
            try:
                swept = await self._store.sweep(self._producer)
            except (AppError, TimeoutError) as error:
                log.warning("relay.sweep_failed", reason=getattr(error, "reason", "TIMEOUT"), retry_in=backoff)
                await self._clock.sleep(backoff)
                backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)
                continue
            backoff = self._interval
            if swept:
                OUTBOX_SWEPT.labels(self._service).inc(swept)
                log.info("relay.swept", events=swept)
            else:
                await self._clock.sleep(self._interval)
