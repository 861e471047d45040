"""Two changes of a post at once: each event has told of one of them, so that another must tell of both."""

from __future__ import annotations

from dataclasses import replace

from post_service.events import PostEvents
from post_service.models import Post, PostState
from post_service.repository.posts import PostRepository
from post_service.repository.revisions import RevisionRepository
from post_service.versions import HybridClock
from rookery_common.logs import get_logger

log = get_logger()


class Settler:
    """Reads a post again after a change of it: whoever is later finds what the other has written meanwhile."""

    def __init__(
        self, posts: PostRepository, revisions: RevisionRepository, events: PostEvents, versions: HybridClock
    ) -> None:
        self._posts = posts
        self._revisions = revisions
        self._events = events
        self._versions = versions

    async def settle(self, told: Post) -> Post:
        """The post as stored. If it is not what has been told, that is told too; a tombstone tells of itself."""
        stored = await self._posts.get(told.post_id)
        if stored is None or stored.state == PostState.DELETED or _says(stored) == _says(told):
            return stored or told
        stored = replace(stored, version=self._versions.next(max(stored.version, told.version)))
        event = self._events.decided(stored)
        await self._revisions.restate(stored, event)
        await self._revisions.publish(event)
        log.info("post.restated", post_id=stored.post_id)
        return stored


def _says(post: Post) -> tuple[object, ...]:
    """What events tell and what may change; media as far as an edit changes them."""
    media = tuple((each.media_id, each.description, each.focus) for each in post.media)
    written = post.text, post.spoiler_text, post.sensitive, post.language, post.poll, media
    decided = post.quote, post.quote_policy, post.reply_policy, post.in_reply_to_id
    return post.version, post.state, *decided, *written
