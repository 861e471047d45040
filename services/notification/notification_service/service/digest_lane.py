"""Goes through the slots that are due: each digest is made again until it is done, and late rather than never."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from notification_service.repository.digests import LEASE_SECONDS, SHARDS, DigestRepository
from notification_service.service.digest_schedule import Slots
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.logs import get_logger
from rookery_common.rpc.deadline import deadline

INTERVAL_SECONDS: Final = 30.0
MAX_BACKOFF_SECONDS: Final = 60.0
STOP_SECONDS: Final = 1.0
PAGE: Final = 100
DIGEST_SECONDS: Final = 20.0
# Where nobody has gone through a shard yet: longer than digests could be chosen and nobody sent them.
FIRST_SLOTS: Final = 48
Write = Callable[[int, int], Awaitable[None]]
log = get_logger()


class DigestLane:
    """Component: goes through the shards that it has leased. A digest may be begun twice, which its writer bears.

    What can't be done because something is away holds up its shard until that is back.
    """

    def __init__(self, digests: DigestRepository, write: Write, slots: Slots, clock: Clock) -> None:
        self._digests = digests
        self._write = write
        self._slots = slots
        self._clock = clock
        self._holder = secrets.token_hex(8)
        self._renew_at: dict[int, float] = {}
        self._interval = min(INTERVAL_SECONDS, slots.seconds)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="digests")

    async def stop(self) -> None:
        """What is under way is done again by whoever comes next."""
        if self._task is None:
            return
        while not self._task.done():
            # Said again where a library took the first for the end of its own wait.
            self._task.cancel()
            await asyncio.wait([self._task], timeout=STOP_SECONDS)
        held, self._renew_at = list(self._renew_at), {}
        try:
            for shard in held:
                await self._digests.release(shard, self._holder)
        except AppError as error:
            log.warning("digests.release_failed", reason=error.reason)

    async def run_due(self) -> int:
        """Does all that is due in the shards that can be had; how many were looked at. Raises what holds one up, once
        the others are done."""
        done, failure = 0, None
        for shard in range(SHARDS):
            try:
                done += await self._run_shard(shard)
            except (AppError, TimeoutError) as error:
                failure = error
        if failure is not None:
            raise failure
        return done

    async def _run(self) -> None:
        wait = self._interval
        while True:
            try:
                await self.run_due()
                wait = self._interval
            except (AppError, TimeoutError) as error:
                wait = min(wait * 2, MAX_BACKOFF_SECONDS)
                log.warning("digests.held_up", reason=getattr(error, "reason", "TIMEOUT"), retry_in=wait)
            await self._clock.sleep(wait)

    async def _run_shard(self, shard: int) -> int:
        if not await self._lease(shard):
            return 0
        reached = await self._digests.reached(shard)
        first = self._slots.done() - FIRST_SLOTS if reached is None else reached
        slot, done = first, 0
        while slot <= self._slots.done():
            found = await self._run_slot(shard, slot)
            slot, done = slot + 1, done + found
            if found:
                await self._digests.reach(shard, slot)
        if slot > first:
            await self._digests.reach(shard, slot)
        return done

    async def _run_slot(self, shard: int, slot: int) -> int:
        done, after = 0, 0
        while recipients := await self._digests.due(shard, slot, after, PAGE):
            for recipient_id in recipients:
                await self._lease(shard)
                with deadline(DIGEST_SECONDS):
                    await self._write(recipient_id, slot)
            done, after = done + len(recipients), recipients[-1]
        return done

    async def _lease(self, shard: int) -> bool:
        """Two processes that both think they hold a shard only do the same twice, so no fencing is needed."""
        now = self._clock.monotonic()
        if now < self._renew_at.get(shard, 0.0):
            return True
        held = self._renew_at.pop(shard, None) is not None
        if not await self._digests.lease(shard, self._holder, held=held):
            return False
        self._renew_at[shard] = now + LEASE_SECONDS / 2
        return True
