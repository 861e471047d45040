"""Pins: the few posts that an author shows first."""

from __future__ import annotations

from collections.abc import Collection

from post_service import metrics
from post_service.errors import InvalidField, NotPinnable, PostNotFound, TooManyPins
from post_service.models import MAX_PINS, Pinned, Post, PostState, Visibility
from post_service.repository.pins import PinRepository
from post_service.repository.posts import PostRepository
from post_service.service.marks import MarkReader
from post_service.service.read_posts import PostReader
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.errors import Unavailable

TRIES = 8


class Pins:
    """Pins and unpins. There are never more than five, whoever asks at once: each change names what it has read."""

    def __init__(
        self, pins: PinRepository, posts: PostRepository, reader: PostReader, marks: MarkReader, clock: Clock
    ) -> None:
        self._pins = pins
        self._posts = posts
        self._reader = reader
        self._marks = marks
        self._clock = clock

    async def pin(self, account: Identity, post_id: int) -> None:
        """Raises PostNotFound, NotPinnable, TooManyPins, and Unavailable where too many change them at once."""
        await self._require_pinnable(account, post_id)
        for _ in range(TRIES):
            held = await self._pins.of(account.account_id, serial=True)
            gone = await self._gone(held) if len(held.post_ids) >= MAX_PINS else ()
            if post_id not in held.post_ids and len(held.post_ids) - len(gone) >= MAX_PINS:
                raise TooManyPins(f"at most {MAX_PINS} posts can be pinned")
            if post_id in held.post_ids or await self._change(account, held, [post_id], gone):
                await self._marks.refresh_pins(account.account_id)
                return
        raise Unavailable("what is pinned is being changed by others")

    async def unpin(self, account: Identity, post_id: int) -> None:
        """Raises PostNotFound for what is neither pinned nor the account's own, and Unavailable as `pin`."""
        for _ in range(TRIES):
            held = await self._pins.of(account.account_id, serial=True)
            if post_id not in held.post_ids:
                await self._own(account, post_id)
            if post_id not in held.post_ids or await self._change(account, held, [], [post_id]):
                await self._marks.refresh_pins(account.account_id)
                return
        raise Unavailable("what is pinned is being changed by others")

    async def visible(self, identity: Identity | None, account_id: int) -> list[int]:
        """What of it the viewer may see, the latest pinned first. Raises InvalidField."""
        if account_id <= 0:
            raise InvalidField("account_id", "ERR_INVALID", "is not an id")
        return list(await self._reader.visible(identity, (await self._pins.of(account_id)).post_ids))

    async def _change(self, account: Identity, held: Pinned, add: Collection[int], drop: Collection[int]) -> bool:
        changed = await self._pins.change(account.account_id, held, add, drop, self._clock.now())
        if changed:
            metrics.ENGAGEMENTS.labels("pin" if add else "unpin").inc()
        return changed

    async def _own(self, account: Identity, post_id: int) -> Post:
        post = await self._posts.get(post_id)
        if post is None or post.author_id != account.account_id:
            raise PostNotFound
        return post

    async def _require_pinnable(self, account: Identity, post_id: int) -> None:
        if not await self._reader.visible(account, [post_id]):
            raise PostNotFound
        post = await self._posts.get(post_id)
        if post is None or post.author_id != account.account_id:
            raise NotPinnable("is somebody else's")
        if post.reblog_of_id:
            raise NotPinnable("is a reblog")
        if post.visibility == Visibility.DIRECT:
            raise NotPinnable("is for those only whom it mentions")

    async def _gone(self, held: Pinned) -> list[int]:
        """What was deleted after it was pinned gives way to others."""
        posts = await self._posts.get_many(held.post_ids)
        return [number for number in held.post_ids if number not in posts or posts[number].state == PostState.DELETED]
