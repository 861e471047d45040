"""What a post has said: for whoever may see what it says now."""

from __future__ import annotations

from post_service.errors import PostNotFound
from post_service.models import MAX_EDITS, Post, PostState, Revision
from post_service.repository.posts import PostRepository
from post_service.repository.revisions import RevisionRepository
from post_service.service.read_posts import PostReader
from rookery_common.auth import Identity


class Revisions:
    """Reads the versions of posts."""

    def __init__(self, posts: PostRepository, revisions: RevisionRepository, reader: PostReader) -> None:
        self._posts = posts
        self._revisions = revisions
        self._reader = reader

    async def of(self, identity: Identity | None, post_id: int) -> list[Revision]:
        """Oldest first; of a post that was never edited, what it says. Raises PostNotFound."""
        shown = (await self._reader.visible(identity, [post_id])).get(post_id)
        post = await self._posts.get(shown.reblog_of_id or post_id) if shown else None
        if post is None or post.state == PostState.DELETED:
            raise PostNotFound
        return await self._revisions.of(post.post_id, MAX_EDITS + 1) or [revision_of(post)]


def revision_of(post: Post) -> Revision:
    """What the post says now."""
    return Revision(
        text=post.text,
        spoiler_text=post.spoiler_text,
        sensitive=post.sensitive,
        create_time=post.edit_time or post.create_time,
        media=post.media,
        mentions=post.mentions,
        tags=post.tags,
        poll_options=post.poll.options if post.poll else (),
    )
