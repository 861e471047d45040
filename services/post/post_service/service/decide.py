"""Obeys moderation: a decision says what a post may be from now on."""

from __future__ import annotations

from dataclasses import replace

from post_service import metrics
from post_service.errors import PostNotFound
from post_service.events import PostEvents
from post_service.models import Decision, Post, PostState
from post_service.repository.posts import PostRepository
from post_service.service.read_posts import PostReader
from post_service.service.settle import Settler
from post_service.versions import HybridClock
from rookery_common.kafka.events import Event
from rookery_common.logs import get_logger

log = get_logger()


class Decisions:
    """Applies each decision once, by its version; a tombstone stays one.

    What is cached is overwritten each time, so that a decision whose effect a crash cut short is complete when it comes
    again.
    """

    def __init__(
        self,
        posts: PostRepository,
        reader: PostReader,
        settler: Settler,
        events: PostEvents,
        versions: HybridClock,
    ) -> None:
        self._posts = posts
        self._reader = reader
        self._settler = settler
        self._events = events
        self._versions = versions

    async def apply(self, decision: Decision) -> None:
        """Raises PostNotFound where the post is not stored (yet), and Unavailable."""
        post = await self._posts.get(decision.post_id)
        if post is None:
            raise PostNotFound
        told: Event | None = None
        if _is_news(post, decision):
            post, told = await self._decide(post, decision)
        else:
            metrics.DECISIONS.labels("nothing_new").inc()
        await self._posts.unsettle(post)
        await self._reader.overwrite(post)
        if told is not None:  # After the cache: whoever is told finds the post there as it is now.
            await self._posts.publish(told)
        if post.in_reply_to_id:
            await self._reader.refresh_counts(post.in_reply_to_id)
        await self._reader.refresh_quoted(post)

    async def _decide(self, post: Post, decision: Decision) -> tuple[Post, Event]:
        """The post as it is now, and what is to be told of the decision."""
        version = self._versions.next(post.version)
        decided = replace(post, state=decision.state, decision_version=decision.version, version=version)
        event = self._events.decided(decided)
        await self._posts.decide(decided, event)
        metrics.DECISIONS.labels(decision.state.name.lower()).inc()
        log.info("post.decided", post_id=post.post_id, state=decision.state.name.lower(), decision=decision.version)
        # Its author may have edited or deleted it meanwhile: then that is what is cached.
        return await self._settler.settle(decided), event


def _is_news(post: Post, decision: Decision) -> bool:
    is_newer = decision.version > post.decision_version
    return is_newer and post.state not in (PostState.DELETED, decision.state)
