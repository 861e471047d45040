"""Threads: what a post answers and what answers it, as far as the viewer may see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from post_service.errors import PostNotFound
from post_service.events import PostCodec
from post_service.models import MAX_THREAD_POSTS, MAX_THREAD_POSTS_UNSIGNED, CountedPost, SealedPost, Thread
from post_service.repository.posts import PostRepository
from post_service.service.read_posts import PostReader, viewer_of
from rookery_common.auth import Identity

MAX_ANCESTORS = 200
MAX_ANCESTORS_UNSIGNED = 40
MAX_DEPTH = 200
MAX_DEPTH_UNSIGNED = 20
POSTS_AT_ONCE = 200


class ThreadReader:
    """Climbs up and down the replies, from one post on."""

    def __init__(self, posts: PostRepository, reader: PostReader, codec: PostCodec) -> None:
        self._posts = posts
        self._reader = reader
        self._codec = codec

    async def thread(self, identity: Identity | None, post_id: int, most: int) -> Thread:
        """At most `most` replies (0 for as many as there may be) are given. Raises PostNotFound."""
        signed_in = viewer_of(identity) != 0
        limit = MAX_THREAD_POSTS if signed_in else MAX_THREAD_POSTS_UNSIGNED
        post = (await self._reader.visible(identity, [post_id])).get(post_id)
        if post is None:
            raise PostNotFound
        ancestors = await self._ancestors(identity, post, MAX_ANCESTORS if signed_in else MAX_ANCESTORS_UNSIGNED)
        depth = MAX_DEPTH if signed_in else MAX_DEPTH_UNSIGNED
        replies = await self._replies(identity, post_id, min(most, limit) if most > 0 else limit, depth)
        return Thread(ancestors, list(_in_reading_order(post_id, replies)))

    async def _ancestors(self, identity: Identity | None, post: SealedPost, most: int) -> list[int]:
        """From the first down; what may not be seen ends the climb."""
        found: list[int] = []
        while len(found) < most:
            parent_id = self._codec.parent_of(post)
            parent = (await self._reader.visible(identity, [parent_id])).get(parent_id) if parent_id else None
            if parent is None:
                break
            found.append(parent_id)
            post = parent
        return found[::-1]

    async def _replies(self, identity: Identity | None, root_id: int, most: int, depth: int) -> dict[int, list[int]]:
        """Replies by what they answer, a level at a time; under what may not be seen nothing is looked for."""
        replies: dict[int, list[int]] = {}
        level, left = [root_id], most
        for _ in range(depth):
            found = await self._posts.replies_of(level, left)
            visible = await self._visible(identity, [reply for some in found.values() for reply in some])
            level = []
            for parent_id, some in found.items():
                shown = replies[parent_id] = [reply for reply in some if reply in visible][:left]
                left -= len(shown)
                level += [reply for reply in shown if visible[reply].counts.replies]
            if not level or left <= 0:
                break
        return replies

    async def _visible(self, identity: Identity | None, post_ids: Sequence[int]) -> dict[int, CountedPost]:
        visible: dict[int, CountedPost] = {}
        for start in range(0, len(post_ids), POSTS_AT_ONCE):
            visible |= await self._reader.visible_counted(identity, post_ids[start : start + POSTS_AT_ONCE])
        return visible


def _in_reading_order(root_id: int, replies: Mapping[int, Iterable[int]]) -> Iterator[int]:
    """Each reply after what it answers, followed by all that answers it."""
    waiting = [iter(replies.get(root_id, ()))]
    while waiting:
        reply_id = next(waiting[-1], None)
        if reply_id is None:
            waiting.pop()
            continue
        yield reply_id
        waiting.append(iter(replies.get(reply_id, ())))
