"""The schedule in CQL: by shard and hour, each shard gone through by one process at a time.

A job is written at least minutes before its time, so that whoever has come so far has seen all before.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from post_service.schedule_models import Job, JobKind
from rookery_common.clients.cassandra import Cql

SHARDS = 4
LEASE_SECONDS = 30
HOURS_AT_ONCE = 100
MS_PER_HOUR = 3_600_000


class Reached(NamedTuple):
    """How far a shard has been gone through."""

    due_at: datetime
    kind: int = 0
    subject_id: int = 0


START = Reached(datetime(2026, 1, 1, tzinfo=UTC))
"""There was no schedule before."""


class ScheduleRepository:
    """Adds jobs, and gives them out in their order."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def add(self, job: Job) -> None:
        """The job will be met at its time; repeating it is harmless."""
        await self._cql.execute("schedule_put", (_shard(job.subject_id), _hour(job.due_at), *job))

    async def due(self, shard: int, after: Reached, until: datetime, limit: int) -> list[Job]:
        """The next jobs up to a time, in their order; fewer than the limit mean that there are no more."""
        jobs: list[Job] = []
        for hour in await self._hours(shard, _hour(after.due_at), _hour(until)):
            args = (shard, hour, *after, until, limit - len(jobs))
            rows = await self._cql.execute("schedule_page", args)
            jobs += [Job(_utc(row.due_at), JobKind(row.kind), row.subject_id, row.account_id) for row in rows]
            if len(jobs) >= limit:
                break
        return jobs

    async def reached(self, shard: int) -> Reached:
        """As far as it was noted."""
        rows = await self._cql.execute("schedule_reached", (shard,))
        if not rows or rows[0].due_at is None:
            return START
        return Reached(_utc(rows[0].due_at), rows[0].kind, rows[0].subject_id)

    async def reach(self, shard: int, before: Reached, now: Reached) -> None:
        """Notes it, and forgets the hours that are over by then."""
        await self._cql.execute("schedule_reach", (*now, shard))
        for hour in await self._hours(shard, _hour(before.due_at), _hour(now.due_at) - 1):
            await self._cql.execute("schedule_forget", (shard, hour))

    async def lease(self, shard: int, holder: str, *, held: bool) -> bool:
        """Whether the shard is the holder's for the next half minute."""
        name, last = ("schedule_renew", (holder,)) if held else ("schedule_claim", ())
        applied, _ = await self._cql.execute_conditional(name, (LEASE_SECONDS, holder, shard, *last))
        return applied

    async def release(self, shard: int, holder: str) -> None:
        """So that another need not wait for the lease's end."""
        await self._cql.execute_conditional("schedule_release", (shard, holder))

    async def _hours(self, shard: int, first: int, last: int) -> list[int]:
        """Those that have jobs, in order; most have none, and one statement tells it of many."""
        found: list[int] = []
        for start in range(first, last + 1, HOURS_AT_ONCE):
            some = list(range(start, min(start + HOURS_AT_ONCE, last + 1)))
            rows = await self._cql.execute("schedule_hours", (shard, some))
            found += sorted(row.hour for row in rows)
        return found


def _shard(subject_id: int) -> int:
    return (subject_id * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) * SHARDS >> 64


def _hour(moment: datetime) -> int:
    return int(moment.timestamp() * 1000) // MS_PER_HOUR


def _utc(moment: datetime) -> datetime:
    """The driver gives naive times in UTC."""
    return moment.replace(tzinfo=UTC)
