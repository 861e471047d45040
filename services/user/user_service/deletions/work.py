"""Deleted accounts are erased: each service is asked again and again, until it has nothing left of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from rookery_common.clock import Clock
from rookery_common.erasure import Erased, Eraser
from rookery_common.errors import AppError
from rookery_common.logs import get_logger
from rookery_common.rounds import Rounds
from user_service.deletions.models import Erasure, Outcome
from user_service.deletions.repository import ErasureRepository
from user_service.metrics import ACCOUNTS_ERASED, ERASURES

# A service that is frozen holds up one of them.
LANES = 4
PAUSE_SECONDS, IDLE_SECONDS = 0.05, 1.0
# Longer than any call takes.
LEASE = timedelta(seconds=60)
LONGEST_WAIT = timedelta(minutes=5)
log = get_logger()


class ErasureWork:
    """Asks who is due. Everything may be asked twice: a worker that dies leaves its turn to another."""

    def __init__(self, repository: ErasureRepository, erasers: Mapping[str, Eraser], clock: Clock) -> None:
        self._repository = repository
        self._erasers = erasers
        self._clock = clock

    async def turn(self) -> bool:
        """Asks one service about one account; whether there was one to ask. Raises what keeps it from noting that."""
        now = self._clock.now()
        job = await self._repository.claim(now, now + LEASE, list(self._erasers))
        if job is None:
            return False
        outcome = await self._asked(job)
        if await self._repository.record(job, outcome):
            ACCOUNTS_ERASED.inc()
            log.info("user.account_erased", account_id=job.account_id)
        return True

    async def _asked(self, job: Erasure) -> Outcome:
        try:
            erased = await self._erasers[job.service].erase(job.account_id)
        except AppError as error:
            ERASURES.labels(job.service, "failed").inc()
            log.warning("user.erasure_failed", account_id=job.account_id, asked=job.service, reason=error.reason)
            return self._again(job, error)
        ERASURES.labels(job.service, "done" if erased.done else "more").inc()
        return self._noted(job, erased)

    def _again(self, job: Erasure, error: AppError) -> Outcome:
        """Later and later, as long as it fails."""
        wait = min(timedelta(seconds=2 ** min(job.failures, 10)), LONGEST_WAIT)
        return Outcome(self._clock.now() + wait, failures=job.failures + 1, reason=error.reason)

    def _noted(self, job: Erasure, erased: Erased) -> Outcome:
        now = self._clock.now()
        if not erased.done:
            return Outcome(now, erased.amount)
        return Outcome(job.settles_at, erased.amount, done_at=now if now >= job.settles_at else None)


class ErasureWorker(Rounds):
    """Any number of processes may run it."""

    def __init__(self, work: ErasureWork, clock: Clock) -> None:
        super().__init__("user.erasures", clock, every=IDLE_SECONDS, again_after=PAUSE_SECONDS, lanes=LANES)
        self._work = work

    async def round(self) -> bool:
        """A turn of the work."""
        return await self._work.turn()
