"""Scheduled posts in CQL.

Every change is conditional on what the post waits for: so it is published as it was last asked for, once, or deleted.
"""

from __future__ import annotations

from datetime import UTC, datetime

from post_service.repository.draft_json import decode_draft, encode_draft
from post_service.repository.schedule import ScheduleRepository
from post_service.schedule_models import MAX_SCHEDULED, Job, JobKind, ScheduledPost
from rookery_common.clients.calls import UnknownOutcome
from rookery_common.clients.cassandra import Args, Cql, Row
from rookery_common.errors import Unavailable

TRIES = 3


class ScheduledRepository:
    """Reads and changes what accounts have scheduled."""

    def __init__(self, cql: Cql, schedule: ScheduleRepository) -> None:
        self._cql = cql
        self._schedule = schedule

    async def of(self, account_id: int) -> list[ScheduledPost]:
        """All of an account's, the latest scheduled first; there are few."""
        rows = await self._cql.execute("scheduled_of", (account_id, MAX_SCHEDULED * 2))
        return [_scheduled(account_id, row) for row in rows]

    async def find(self, account_id: int, scheduled_id: int) -> ScheduledPost | None:
        """As the last change has left it."""
        rows = await self._cql.execute("scheduled_get", (account_id, scheduled_id), serial=True)
        return _scheduled(account_id, rows[0]) if rows else None

    async def create(self, scheduled: ScheduledPost) -> None:
        """What is to be done comes first: alone it does nothing. Repeating it is harmless."""
        await self._schedule.add(_job(scheduled))
        values = (scheduled.account_id, scheduled.scheduled_id, scheduled.due_at, encode_draft(scheduled.draft))
        await self._change("scheduled_create", values)

    async def move(self, scheduled: ScheduledPost, due_at: datetime) -> None:
        """It waits for another time now, unless it is being published, or gone: `find` tells."""
        await self._schedule.add(_job(scheduled)._replace(due_at=due_at))
        await self._change("scheduled_move", (due_at, *_key(scheduled), scheduled.due_at))

    async def delete(self, scheduled: ScheduledPost) -> None:
        """It is gone, unless it is being published: `find` tells."""
        await self._change("scheduled_delete", _key(scheduled))

    async def claim(self, scheduled: ScheduledPost, post_id: int) -> None:
        """It is published as this post, unless it was moved, deleted or claimed meanwhile: `find` tells."""
        await self._change("scheduled_claim", (post_id, *_key(scheduled), scheduled.due_at))

    async def fail(self, scheduled: ScheduledPost, reason: str) -> None:
        """It was refused for good, and waits for its author."""
        await self._change("scheduled_fail", (reason, *_key(scheduled), scheduled.post_id))

    async def finish(self, scheduled: ScheduledPost) -> None:
        """It is published: what was scheduled is done with."""
        await self._change("scheduled_finish", (*_key(scheduled), scheduled.post_id))

    async def _change(self, name: str, values: Args) -> None:
        """Where its outcome is not known it is tried again: none of them does anything twice. Raises Unavailable."""
        for _ in range(TRIES):
            try:
                await self._cql.execute_conditional(name, values)
            except UnknownOutcome:
                continue
            return
        raise Unavailable("it did not become known whether this is done")


def _key(scheduled: ScheduledPost) -> tuple[int, int]:
    return scheduled.account_id, scheduled.scheduled_id


def _job(scheduled: ScheduledPost) -> Job:
    return Job(scheduled.due_at, JobKind.PUBLISH, scheduled.scheduled_id, scheduled.account_id)


def _scheduled(account_id: int, row: Row) -> ScheduledPost:
    due_at = row.due_at.replace(tzinfo=UTC)
    return ScheduledPost(
        row.scheduled_id, account_id, due_at, decode_draft(row.draft), row.post_id or 0, row.failure or ""
    )
