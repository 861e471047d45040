"""Does what is due: each job in its order, again until it is done, and late after an outage rather than never."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from post_service import metrics
from post_service.repository.schedule import LEASE_SECONDS, SHARDS, Reached, ScheduleRepository
from post_service.schedule_models import Job, JobKind
from rookery_common.clock import Clock
from rookery_common.errors import Aborted, AppError, DeadlineExceeded, ResourceExhausted, Unavailable
from rookery_common.logs import get_logger
from rookery_common.rpc.deadline import deadline

INTERVAL_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 30.0
JOB_SECONDS = 20.0
NOTE_SECONDS = 60.0
STOP_SECONDS = 1.0
PAGE = 100
LAG = timedelta(minutes=2)
"""How far behind the way is noted: whatever is written is written five minutes before its time at least."""
PUT_OFF = timedelta(minutes=15)
PASSING = (Unavailable, DeadlineExceeded, ResourceExhausted, Aborted, TimeoutError)

Handler = Callable[[Job], Awaitable[None]]
log = get_logger()


class Scheduler:
    """Component: goes through the shards that it has leased. A job may be done twice, which its handler must bear.

    What fails because something is away holds up its shard until that is back; what fails otherwise is put off.
    """

    def __init__(
        self,
        schedule: ScheduleRepository,
        handlers: Mapping[JobKind, Handler],
        clock: Clock,
        interval: float = INTERVAL_SECONDS,
    ) -> None:
        self._schedule = schedule
        self._handlers = handlers
        self._clock = clock
        self._interval = interval
        self._holder = secrets.token_hex(8)
        self._renew_at: dict[int, float] = {}
        self._noted: dict[int, Reached] = {}
        self._note_at: dict[int, float] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="scheduler")

    async def stop(self) -> None:
        """What is under way is done again by whoever comes next."""
        if self._task is None:
            return
        while not self._task.done():
            # Said again where a library took the first for the end of its own wait.
            self._task.cancel()
            await asyncio.wait([self._task], timeout=STOP_SECONDS)
        try:
            await self.release()
        except AppError as error:
            log.warning("schedule.release_failed", reason=error.reason)

    async def release(self) -> None:
        """Gives the leased shards back."""
        held, self._renew_at = list(self._renew_at), {}
        for shard in held:
            await self._schedule.release(shard, self._holder)

    async def run_due(self) -> int:
        """Does all that is due in the shards that can be had, side by side; returns how many jobs.

        Raises what holds one up, once the others are done.
        """
        shards = await asyncio.gather(*map(self._run_shard, range(SHARDS)), return_exceptions=True)
        for outcome in shards:
            if isinstance(outcome, BaseException):
                raise outcome
        return sum(done for done in shards if isinstance(done, int))

    async def _run(self) -> None:
        backoff = self._interval
        while True:
            try:
                await self.run_due()
                backoff = self._interval
            except PASSING as error:
                log.warning("schedule.held_up", reason=getattr(error, "reason", "TIMEOUT"), retry_in=backoff)
                backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)
            await self._clock.sleep(backoff)

    async def _run_shard(self, shard: int) -> int:
        if not await self._lease(shard):
            self._noted.pop(shard, None)
            return 0
        noted = self._noted.get(shard) or await self._schedule.reached(shard)
        now, at, done = self._clock.now(), noted, 0
        while jobs := await self._schedule.due(shard, at, now, PAGE):
            for job in jobs:
                await self._lease(shard)
                await self._do(job)
            at, done = Reached(job.due_at, job.kind, job.subject_id), done + len(jobs)
            noted = await self._note(shard, noted, at)
        is_stale = self._clock.monotonic() >= self._note_at.get(shard, 0.0)
        self._noted[shard] = await self._note(shard, noted, max(at, Reached(now - LAG))) if is_stale else noted
        return done

    async def _note(self, shard: int, before: Reached, now: Reached) -> Reached:
        await self._schedule.reach(shard, before, now)
        self._note_at[shard] = self._clock.monotonic() + NOTE_SECONDS
        return now

    async def _do(self, job: Job) -> None:
        try:
            with deadline(JOB_SECONDS):
                await self._handlers[job.kind](job)
        except PASSING:
            raise
        except AppError as error:
            metrics.JOBS.labels(job.kind.name.lower(), "put_off").inc()
            log.error("schedule.put_off", kind=job.kind.name.lower(), subject_id=job.subject_id, reason=error.reason)
            await self._schedule.add(job._replace(due_at=self._clock.now() + PUT_OFF))
        else:
            metrics.JOBS.labels(job.kind.name.lower(), "done").inc()

    async def _lease(self, shard: int) -> bool:
        """Two processes that both think they hold a shard only do the same twice, so no fencing is needed."""
        now = self._clock.monotonic()
        if now < self._renew_at.get(shard, 0.0):
            return True
        leased = await self._schedule.lease(shard, self._holder, held=shard in self._renew_at)
        if leased:
            self._renew_at[shard] = now + LEASE_SECONDS / 3
        else:
            self._renew_at.pop(shard, None)
        return leased
