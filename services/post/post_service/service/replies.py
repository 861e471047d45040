"""Replies: who may write them, and what the author of a thread does about those who have."""

from __future__ import annotations

from dataclasses import replace

from post_service import metrics
from post_service.clients import UserClient
from post_service.errors import NotOwnPost, PostNotFound, ReplyNotAllowed, ReplyNotFound
from post_service.events import PostCodec, PostEvents
from post_service.models import Post, PostState, SealedPost
from post_service.reply_models import ReplyPolicy
from post_service.repository.posts import PostRepository
from post_service.repository.replies import ReplyRepository
from post_service.service.read_posts import PostReader
from post_service.service.settle import Settler
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.errors import Unavailable
from rookery_common.logs import get_logger

_THERE = (PostState.VISIBLE, PostState.HELD)
log = get_logger()


class ReplyRule:
    """Decides who may answer a post: the first post of a thread says it for the whole thread."""

    def __init__(self, reader: PostReader, codec: PostCodec, users: UserClient) -> None:
        self._reader = reader
        self._codec = codec
        self._users = users

    async def answerable(self, author: Identity, post_id: int) -> SealedPost | None:
        """The post, or what it reblogs, if the author may answer it; None for id 0.

        Raises ReplyNotFound, ReplyNotAllowed, and Unavailable while that is not known.
        """
        if not post_id:
            return None
        try:
            parent = await self._reader.original(post_id)
            await self._reader.require_visible(author, parent)
        except PostNotFound:
            raise ReplyNotFound("the post that is replied to does not exist") from None
        first = parent
        if parent.thread_id != parent.post_id:
            first = (await self._reader.load_posts([parent.thread_id])).get(parent.thread_id, parent)
        if first.author_id != author.account_id and not await self._is_allowed(author, first):
            raise ReplyNotAllowed
        return parent

    async def _is_allowed(self, author: Identity, first: SealedPost) -> bool:
        policy = self._codec.reply_policy_of(first)
        if policy is ReplyPolicy.EVERYONE:
            return True
        if policy is ReplyPolicy.MENTIONED:
            return author.account_id in first.mentioned
        if policy is ReplyPolicy.NOBODY:
            return False
        relation = (await self._users.relations(author, [first.author_id])).get(first.author_id)
        if relation is None:
            raise Unavailable("it is not known now whether this post may be replied to")
        return relation.following and not relation.apart


class Replies:
    """Lets authors decide about replies in their threads."""

    def __init__(
        self,
        replies: ReplyRepository,
        posts: PostRepository,
        reader: PostReader,
        settler: Settler,
        events: PostEvents,
        versions: HybridClock,
    ) -> None:
        self._replies = replies
        self._posts = posts
        self._reader = reader
        self._settler = settler
        self._events = events
        self._versions = versions

    async def set_policy(self, author: Identity, post_id: int, policy: ReplyPolicy) -> Post:
        """The first post of a thread as it is now. Raises PostNotFound, also for others' posts and for replies."""
        post = await self._posts.get(post_id)
        is_own = post is not None and post.author_id == author.account_id and not post.reblog_of_id
        if post is None or not is_own or post.state not in _THERE or post.in_reply_to_id:
            raise PostNotFound
        if post.reply_policy is not policy:
            post = replace(post, reply_policy=policy, version=self._versions.next(post.version))
            event = self._events.edited(post)
            await self._replies.set_policy(post, event)
            await self._replies.publish(event)
            post = await self._settler.settle(post)
        await self._reader.renew(post)
        return post

    async def remove(self, author: Identity, post_id: int, reply_id: int) -> None:
        """Takes a reply out of the thread that the post begins. Raises PostNotFound, NotOwnPost."""
        first, reply = await self._posts.get(post_id), await self._posts.get(reply_id)
        if first is None or reply is None or reply.state not in _THERE:
            raise PostNotFound
        if first.author_id != author.account_id:
            raise NotOwnPost
        if not reply.in_reply_to_id:  # Done before; a crash may have come between it and the cache.
            await self._reader.renew(reply)
            await self._reader.refresh_counts(post_id)
        elif reply.thread_id == post_id:
            await self._remove(reply)
        else:
            raise PostNotFound

    async def _remove(self, reply: Post) -> None:
        version = self._versions.next(reply.version)
        detached = replace(reply, in_reply_to_id=0, in_reply_to_account_id=0, thread_id=reply.post_id, version=version)
        event = self._events.edited(detached)
        await self._replies.detach(reply, detached, event)
        await self._replies.publish(event)
        metrics.ENGAGEMENTS.labels("remove_reply").inc()
        log.info("post.reply_removed", post_id=reply.thread_id, reply_id=reply.post_id)
        await self._posts.unsettle(reply)
        await self._reader.renew(await self._settler.settle(detached))
        await self._reader.refresh_counts(reply.in_reply_to_id)
