"""Publishes a scheduled post at its time, once, wherever a crash comes in between."""

from __future__ import annotations

from post_service import metrics
from post_service.repository.scheduled import ScheduledRepository
from post_service.schedule_models import Job, ScheduledPost
from post_service.service.create_post import PostWriter
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from rookery_common.ids import IdSource
from rookery_common.logs import get_logger

REFUSED = (InvalidArgument, NotFound, PermissionDenied, FailedPrecondition)
log = get_logger()


class ScheduledPublisher:
    """Claims the post's id first, then writes the post under it, then forgets what was scheduled.

    Whoever repeats any of these finds the same id.
    """

    def __init__(self, scheduled: ScheduledRepository, writer: PostWriter, ids: IdSource, clock: Clock) -> None:
        self._scheduled = scheduled
        self._writer = writer
        self._ids = ids
        self._clock = clock

    async def __call__(self, job: Job) -> None:
        """Does nothing where the post was deleted, is done, or waits for another time. Raises Unavailable."""
        found = await self._waiting(job)
        if found is not None and not found.post_id:
            await self._scheduled.claim(found, self._ids.mint())
            found = await self._waiting(job)
        if found is not None and found.post_id:
            await self._publish(found)

    async def _waiting(self, job: Job) -> ScheduledPost | None:
        found = await self._scheduled.find(job.account_id, job.subject_id)
        return None if found is None or found.failure or found.due_at > self._clock.now() else found

    async def _publish(self, scheduled: ScheduledPost) -> None:
        author = Identity(account_id=scheduled.account_id, session_id=0, app_id=0, scopes=frozenset())
        try:
            await self._writer.publish(author, scheduled.draft, scheduled.post_id, scheduled.scheduled_id)
        except REFUSED as error:
            await self._scheduled.fail(scheduled, error.reason)
            metrics.SCHEDULED_REFUSED.labels(error.reason).inc()
            log.info("post.scheduled_refused", scheduled_id=scheduled.scheduled_id, reason=error.reason)
            return
        await self._scheduled.finish(scheduled)
