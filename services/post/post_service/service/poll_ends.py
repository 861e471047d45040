"""Tells that a poll is over, once, also late after an outage."""

from __future__ import annotations

from post_service import metrics
from post_service.events import PostEvents
from post_service.models import Post, PostState
from post_service.poll_models import Ballot
from post_service.repository.polls import PollEndRepository
from post_service.repository.posts import PostRepository
from post_service.repository.schedule import ScheduleRepository
from post_service.schedule_models import MIN_LEAD, Job, JobKind
from rookery_common.clock import Clock
from rookery_common.logs import get_logger

log = get_logger()


class PollEnds:
    """Puts the ends of polls on the schedule, and tells of each when it is due.

    What says whether a poll has ended is the poll: a job for an end that has been moved, or whose post is gone, does
    nothing. The note that an end has been told of is written with its event.
    """

    def __init__(
        self,
        ends: PollEndRepository,
        schedule: ScheduleRepository,
        posts: PostRepository,
        events: PostEvents,
        clock: Clock,
    ) -> None:
        self._ends = ends
        self._schedule = schedule
        self._posts = posts
        self._events = events
        self._clock = clock

    async def expect(self, post: Post) -> None:
        """Before a post with a poll is written: its end will be met. Repeating it is harmless."""
        if post.poll is None:
            return
        # A request that is repeated after a crash has its poll's end from the first time: perhaps too soon to be met.
        due_at = max(post.poll.expires_at, self._clock.now() + MIN_LEAD)
        await self._schedule.add(Job(due_at, JobKind.END_POLL, post.post_id, post.author_id))

    async def __call__(self, job: Job) -> None:
        """Raises Unavailable."""
        post = await self._posts.get(job.subject_id)
        poll = post.poll if post else None
        if post is None or poll is None or post.state is not PostState.VISIBLE or poll.expires_at > self._clock.now():
            return
        ballot = Ballot(post.post_id, poll.ballot)
        if await self._ends.is_told(ballot, poll.expires_at):
            return
        event = self._events.poll_ended(post, poll)
        await self._ends.tell(ballot, poll.expires_at, event)
        await self._ends.publish(event)
        metrics.POLLS_ENDED.inc()
        log.info("post.poll_ended", post_id=post.post_id)
