"""The feed of revocations that gateways follow, so that a revoked session ends within a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from auth_service.errors import RevocationsForgotten
from auth_service.models import Revocation
from auth_service.repository import AuthRepository
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.logs import get_logger

# The database tells of a revocation when it is committed. It is looked at this often besides, over the connection that
# hears, for a broken one is silent: a heartbeat follows a look, and so never lies.
LOOK_SECONDS = 0.25
# While the database is away; the first try comes soon, since most that fail are over soon.
RETRY_SECONDS, MAX_RETRY_SECONDS = 0.2, 2.0
PAGE = 500
# Longer than any internal token lives, with all clocks' errors.
RECENT = timedelta(minutes=10)
log = get_logger()


class Revocations:
    """Component: one look for all who watch; they follow the table by its sequence, which has no gaps."""

    def __init__(self, repository: AuthRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._next_look: asyncio.Future[int] | None = None
        self._looks = 0

    async def start(self) -> None:
        """Begins to listen, also while the database is away."""
        self._task = asyncio.create_task(self._run(), name="auth-revocations")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def watch(self, since: int) -> AsyncIterator[tuple[Sequence[Revocation], int]]:
        """Revocations after `since` and the sequence reached; empty ones are heartbeats, at least every 300 ms.

        0 begins with those of the last ten minutes. Raises RevocationsForgotten where there would be a gap.
        """
        sequence = await self._begin(since)
        while True:
            found = await self._repository.revocations_after(sequence, PAGE)
            if found:
                sequence = found[-1].sequence
            yield found, sequence
            while len(found) < PAGE and await self._look() <= sequence:
                yield [], sequence

    async def _begin(self, since: int) -> int:
        first, recent, last = await self._repository.known_revocations(self._clock.now() - RECENT)
        if since == 0:
            return recent - 1
        if not first - 1 <= since <= last:
            raise RevocationsForgotten("revocations after this sequence are not known; start at 0")
        return since

    async def _look(self) -> int:
        """The last sequence, as it is found from now on."""
        if self._next_look is None:
            self._next_look = asyncio.get_running_loop().create_future()
        # Shielded: who leaves must not cancel it for the others.
        return await asyncio.shield(self._next_look)

    def _tell(self, last: int) -> None:
        look, self._next_look = self._next_look, None
        if look is not None:
            look.set_result(last)

    async def _run(self) -> None:
        wait = RETRY_SECONDS
        while True:
            looks = self._looks
            try:
                await self._listen()
            except AppError as error:
                wait = RETRY_SECONDS if self._looks > looks else min(wait * 2, MAX_RETRY_SECONDS)
                log.warning("auth.revocations_not_heard", reason=error.reason, again_in_seconds=wait)
            await self._clock.sleep(wait)

    async def _listen(self) -> None:
        async with self._repository.hear_revocations() as (heard, last_revocation):
            while True:
                heard.clear()
                self._tell(await last_revocation())
                self._looks += 1
                await self._wait(heard)

    async def _wait(self, heard: asyncio.Event) -> None:
        waiting = [asyncio.ensure_future(heard.wait()), asyncio.ensure_future(self._clock.sleep(LOOK_SECONDS))]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
