"""Reblogs: posts that show another post. An account has one of each post at most."""

from __future__ import annotations

from post_service import metrics
from post_service.errors import InvalidField, NotRebloggable
from post_service.events import PostCodec, PostEvents
from post_service.models import CountedPost, FactKind, Post, PostCounts, PostState, SealedPost, Visibility
from post_service.service.delete_post import PostRemover, PostStores, reblog_fact
from post_service.service.marks import MarkReader
from post_service.service.read_posts import PostReader
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.ids import IdSource, time_of
from rookery_common.logs import get_logger

log = get_logger()


class Reblogger:
    """Makes and undoes reblogs.

    The id of an account's reblog of a post is claimed first, by a conditional write: whoever asks for the same at the
    same time, or after a crash, writes the same post. Once that is deleted, for good, the next reblog claims another.
    """

    def __init__(
        self,
        stores: PostStores,
        reader: PostReader,
        marks: MarkReader,
        remover: PostRemover,
        codec: PostCodec,
        events: PostEvents,
        ids: IdSource,
        versions: HybridClock,
    ) -> None:
        self._posts = stores.posts
        self._engagements = stores.engagements
        self._cache = stores.cache
        self._reader = reader
        self._marks = marks
        self._remover = remover
        self._codec = codec
        self._events = events
        self._ids = ids
        self._versions = versions

    async def reblog(self, account: Identity, post_id: int, visibility: Visibility) -> Post:
        """The reblog, which may be there already. Raises PostNotFound, NotRebloggable, InvalidField."""
        if visibility is Visibility.DIRECT:
            raise InvalidField("visibility", "ERR_INVALID", "must be public, unlisted or private")
        original = await self._reader.original(post_id)
        await self._reader.require_visible(account, original)
        _check_rebloggable(account, original)
        made = await self._find(account.account_id, original.post_id)
        if made is None or made.state == PostState.DELETED:
            made = await self._make(account, original, visibility, made)
        await self._engagements.recount(reblog_fact(made))
        await self._reader.refresh_counts(original.post_id)
        await self._marks.refresh(account.account_id, original.post_id)
        return made

    async def unreblog(self, account: Identity, post_id: int) -> None:
        """Raises PostNotFound."""
        original = await self._reader.original(post_id)
        made = await self._find(account.account_id, original.post_id)
        if made is None:
            await self._reader.require_visible(account, original)
            return
        await self._remover.remove(made)

    async def _find(self, account_id: int, post_id: int) -> Post | None:
        claimed = await self._engagements.claimed_reblog(account_id, post_id)
        return await self._posts.get(claimed) if claimed else None

    async def _make(self, account: Identity, original: SealedPost, visibility: Visibility, before: Post | None) -> Post:
        account_id, post_id = account.account_id, original.post_id
        claimed = await self._engagements.claimed_reblog(account_id, post_id)
        if claimed == (before.post_id if before else 0):
            claimed = await self._engagements.claim_reblog(account_id, post_id, self._ids.mint(), claimed)
        made = await self._posts.get(claimed)
        if made is not None:  # The same request, served by another process meanwhile.
            return made
        held = await self._engagements.find(FactKind.REBLOG, post_id, account_id)
        reblog = self._compose(account, original, visibility, claimed, self._versions.next(held.version))
        event = self._events.created(reblog)
        await self._posts.create(reblog, event, reblog_fact(reblog))
        await self._posts.publish(event)
        metrics.ENGAGEMENTS.labels("reblog").inc()
        log.info("post.reblogged", post_id=reblog.post_id, author_id=account_id, reblog_of_id=post_id)
        await self._cache.put(CountedPost(self._codec.seal(reblog), PostCounts()), stamp=0)
        return reblog

    def _compose(
        self, account: Identity, original: SealedPost, visibility: Visibility, reblog_id: int, version: int
    ) -> Post:
        # What is unlisted anybody may see, and so may be shown in public; what is for followers stays theirs.
        is_private = original.visibility == Visibility.PRIVATE
        return Post(
            post_id=reblog_id,
            author_id=account.account_id,
            text="",
            spoiler_text="",
            sensitive=False,
            visibility=Visibility.PRIVATE if is_private else visibility,
            language="",
            in_reply_to_id=0,
            in_reply_to_account_id=0,
            thread_id=reblog_id,
            create_time=time_of(reblog_id),
            media=(),
            mentions=(),
            tags=(),
            application_name="",
            application_website="",
            version=version,
            reblog_of_id=original.post_id,
        )


def _check_rebloggable(account: Identity, post: SealedPost) -> None:
    """Public and unlisted posts are for everyone to show, a private one for its author alone."""
    is_open = post.visibility in (Visibility.PUBLIC, Visibility.UNLISTED)
    is_own = post.visibility == Visibility.PRIVATE and post.author_id == account.account_id
    if post.state != PostState.VISIBLE or not (is_open or is_own):
        raise NotRebloggable("this post is not for others to show")
