"""What is scheduled, and what is due, in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from post_fakes.store import Store
from post_service.repository.schedule import START, Reached, ScheduleRepository
from post_service.repository.scheduled import ScheduledRepository
from post_service.schedule_models import Job, JobKind, ScheduledPost


class MemorySchedule(ScheduleRepository):
    """One shard has all jobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, job: Job) -> None:
        self._store.require("cql")
        self._store.jobs.add(job)

    async def due(self, shard: int, after: Reached, until: datetime, limit: int) -> list[Job]:
        self._store.require("cql")
        jobs = sorted(self._store.jobs) if shard == 0 else []
        return [job for job in jobs if job[:3] > after and job.due_at <= until][:limit]

    async def reached(self, shard: int) -> Reached:
        return self._store.reached.get(shard, START)

    async def reach(self, shard: int, before: Reached, now: Reached) -> None:
        self._store.reached[shard] = now

    async def lease(self, shard: int, holder: str, *, held: bool) -> bool:
        return self._store.leases.setdefault(shard, holder) == holder

    async def release(self, shard: int, holder: str) -> None:
        self._store.leases.pop(shard, None)


class MemoryScheduled(ScheduledRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, account_id: int) -> list[ScheduledPost]:
        self._store.require("cql")
        own = [each for (owner, _), each in self._store.scheduled.items() if owner == account_id]
        return sorted(own, key=lambda each: -each.scheduled_id)

    async def find(self, account_id: int, scheduled_id: int) -> ScheduledPost | None:
        self._store.require("cql")
        return self._store.scheduled.get((account_id, scheduled_id))

    async def create(self, scheduled: ScheduledPost) -> None:
        self._add(scheduled, scheduled.due_at)
        self._store.scheduled.setdefault((scheduled.account_id, scheduled.scheduled_id), scheduled)

    async def move(self, scheduled: ScheduledPost, due_at: datetime) -> None:
        self._add(scheduled, due_at)
        held = self._held(scheduled)
        if held and (held.due_at, held.post_id) == (scheduled.due_at, 0):
            self._put(replace(held, due_at=due_at, failure=""))

    async def delete(self, scheduled: ScheduledPost) -> None:
        held = self._held(scheduled)
        if held and not held.post_id:
            self._drop(scheduled)

    async def claim(self, scheduled: ScheduledPost, post_id: int) -> None:
        held = self._held(scheduled)
        if held and (held.due_at, held.post_id) == (scheduled.due_at, 0):
            self._put(replace(held, post_id=post_id))

    async def fail(self, scheduled: ScheduledPost, reason: str) -> None:
        held = self._held(scheduled)
        if held and held.post_id == scheduled.post_id:
            self._put(replace(held, post_id=0, failure=reason))

    async def finish(self, scheduled: ScheduledPost) -> None:
        held = self._held(scheduled)
        if held and held.post_id == scheduled.post_id:
            self._drop(scheduled)

    def _held(self, scheduled: ScheduledPost) -> ScheduledPost | None:
        self._store.require("cql")
        return self._store.scheduled.get((scheduled.account_id, scheduled.scheduled_id))

    def _put(self, scheduled: ScheduledPost) -> None:
        self._store.scheduled[scheduled.account_id, scheduled.scheduled_id] = scheduled

    def _drop(self, scheduled: ScheduledPost) -> None:
        del self._store.scheduled[scheduled.account_id, scheduled.scheduled_id]

    def _add(self, scheduled: ScheduledPost, due_at: datetime) -> None:
        self._store.require("cql")
        self._store.jobs.add(Job(due_at, JobKind.PUBLISH, scheduled.scheduled_id, scheduled.account_id))
