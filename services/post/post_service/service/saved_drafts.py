"""Drafts that accounts keep: made, changed, listed, published and deleted, on any of their devices."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, NamedTuple

from post_service.errors import DraftChanged, DraftNotFound, IdempotencyConflict, TooManyDrafts
from post_service.models import Draft, KeyClaim, ListBounds, Media, Post
from post_service.repository.media import MediaRepository
from post_service.repository.posts import PostRepository
from post_service.repository.saved_drafts import SavedDraftRepository
from post_service.saved_draft_models import MAX_SAVED_DRAFTS, SavedDraft, holder_of
from post_service.service.bounds import check_bounds
from post_service.service.create_post import PostWriter
from post_service.service.drafts import body_hash, check_kept, check_request_id
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from rookery_common.ids import MAX_ID, IdSource, time_of
from rookery_common.logs import get_logger

REFUSED: Final = (InvalidArgument, NotFound, PermissionDenied, FailedPrecondition)
LONGEST_PUBLISHING: Final = timedelta(minutes=10)
"""Nobody is still at it: an id that was claimed longer ago would date the post back."""
log = get_logger()


class DraftView(NamedTuple):
    """A draft with its media."""

    saved: SavedDraft
    media: Sequence[Media]


class DraftPage(NamedTuple):
    """The latest begun first; `reached_id` is where to go on, in the direction of the page, 0 at the end."""

    views: list[DraftView]
    reached_id: int


class SavedDrafts:
    """What accounts have begun to write, each its own. Media are kept for drafts as for posts."""

    def __init__(
        self,
        drafts: SavedDraftRepository,
        posts: PostRepository,
        media: MediaRepository,
        writer: PostWriter,
        ids: IdSource,
        versions: HybridClock,
        clock: Clock,
    ) -> None:
        self._drafts = drafts
        self._posts = posts
        self._media = media
        self._writer = writer
        self._ids = ids
        self._versions = versions
        self._clock = clock

    async def create(self, author: Identity, draft: Draft) -> DraftView:
        """The same request gives the same draft. Raises InvalidField, MediaNotFound, TooManyDrafts,
        IdempotencyConflict."""
        claim = await self._claim(author, draft.request_id, hashlib.sha256(b"draft" + body_hash(draft)).digest())
        draft = check_kept(draft)
        made = await self._drafts.find(author.account_id, claim.post_id)
        if made is not None:
            return await self._view(made)
        media = await self._writer.free_media(author, draft, held_by=holder_of(claim.post_id))
        if len(await self._drafts.of(author.account_id)) >= MAX_SAVED_DRAFTS:
            raise TooManyDrafts(f"at most {MAX_SAVED_DRAFTS} drafts can be kept")
        saved = SavedDraft(claim.post_id, author.account_id, self._versions.next(), self._clock.now(), draft)
        media = await self._hold(media, saved)
        await self._drafts.create(saved)
        return DraftView(saved, media)

    async def page(self, account: Identity, bounds: ListBounds) -> DraftPage:
        """Raises InvalidField."""
        size, newest = check_bounds(bounds), not bounds.min_id
        above, below = max(bounds.min_id, bounds.since_id), bounds.max_id or MAX_ID
        own = await self._drafts.of(account.account_id)
        fitting = [each for each in own if above < each.draft_id < below]
        page = fitting[:size] if newest else fitting[-size:]
        reached = (page[-1] if newest else page[0]).draft_id if len(fitting) > len(page) else 0
        media = await self._media_of(page)
        return DraftPage([_view(each, media) for each in page], reached)

    async def get(self, account: Identity, draft_id: int) -> DraftView:
        """Raises DraftNotFound."""
        return await self._view(await self._own(account, draft_id))

    async def update(self, author: Identity, draft_id: int, version: int, draft: Draft) -> DraftView:
        """Raises InvalidField, DraftNotFound, DraftChanged, MediaNotFound."""
        draft = check_kept(draft)
        before = await self._at(author, draft_id, version)
        media = await self._writer.free_media(author, draft, held_by=holder_of(draft_id))
        now, later = self._clock.now(), self._versions.next(before.version)
        saved = replace(before, draft=draft, version=later, updated_at=now, post_id=0)
        media = await self._hold(media, saved)
        await self._drafts.replace(before, saved)
        stored = await self._drafts.find(author.account_id, draft_id)
        kept = set(stored.draft.media_ids) if stored else set()
        await self._free(saved, {*before.draft.media_ids, *draft.media_ids} - kept)
        if stored is None:
            raise DraftNotFound
        if stored.version != saved.version:
            raise DraftChanged
        return DraftView(saved, media)

    async def delete(self, account: Identity, draft_id: int, version: int) -> None:
        """Raises DraftNotFound, DraftChanged."""
        held = await self._at(account, draft_id, version)
        await self._drafts.delete(held)
        if await self._drafts.find(account.account_id, draft_id) is not None:
            raise DraftChanged
        await self._free(held, held.draft.media_ids)

    async def publish(self, author: Identity, draft_id: int, version: int, request: Draft) -> Post:
        """Of `request` the key and the application count. Raises as PostWriter.create, and DraftNotFound, DraftChanged.

        The post's id is claimed first: whoever repeats the request after a crash finds it, and writes the same post.
        """
        digest = hashlib.sha256(f"publish draft {draft_id}".encode()).digest()
        claim = await self._claim(author, request.request_id, digest)
        made = await self._posts.get(claim.post_id) if request.request_id else None
        held = await self._drafts.find(author.account_id, draft_id) if draft_id > 0 else None
        if made is not None:  # by the same request, which may have died before it deleted the draft
            await self._forget(held, made)
            return made
        if held is None:
            raise DraftNotFound
        made = await self._posts.get(held.post_id) if held.post_id else None
        if made is None:
            made = await self._publish(author, self._at_version(held, version), request, claim.post_id)
            held = replace(held, post_id=made.post_id)
        await self._forget(held, made)
        log.info("post.draft_published", draft_id=draft_id, post_id=made.post_id)
        return made

    async def _forget(self, held: SavedDraft | None, made: Post) -> None:
        """A draft that was changed after it was posted stays."""
        if held is not None and held.post_id == made.post_id:
            await self._drafts.delete(held)

    async def _publish(self, author: Identity, held: SavedDraft, request: Draft, post_id: int) -> Post:
        name, website = request.application_name, request.application_website
        draft = self._writer.checked(replace(held.draft, application_name=name, application_website=website))
        if held.post_id and self._clock.now() - time_of(held.post_id) < LONGEST_PUBLISHING:
            post_id = held.post_id
        await self._drafts.claim(held, post_id)
        claimed = await self._own(author, held.draft_id)
        if (claimed.version, claimed.post_id) != (held.version, post_id):
            raise DraftChanged
        try:
            return await self._writer.publish(author, draft, post_id, holder_of(held.draft_id))
        except REFUSED:
            await self._drafts.release(claimed)
            raise

    async def _own(self, account: Identity, draft_id: int) -> SavedDraft:
        found = await self._drafts.find(account.account_id, draft_id) if draft_id > 0 else None
        if found is None:
            raise DraftNotFound
        return found

    async def _at(self, account: Identity, draft_id: int, version: int) -> SavedDraft:
        return self._at_version(await self._own(account, draft_id), version)

    def _at_version(self, found: SavedDraft, version: int) -> SavedDraft:
        if version not in (0, found.version):
            raise DraftChanged
        return found

    async def _claim(self, author: Identity, request_id: str, digest: bytes) -> KeyClaim:
        check_request_id(request_id)
        minted = KeyClaim(digest, self._ids.mint())
        if not request_id:
            return minted
        held = await self._posts.claim(author.account_id, request_id, minted)
        if held.body_hash != digest:
            raise IdempotencyConflict("this Idempotency-Key was used with another body")
        return held

    async def _hold(self, media: Sequence[Media], saved: SavedDraft) -> list[Media]:
        holder = holder_of(saved.draft_id)
        version = self._versions.next(max((item.version for item in media), default=0))
        held = [item if item.post_id else replace(item, post_id=holder, version=version) for item in media]
        await self._media.hold([after for before, after in zip(media, held, strict=True) if after is not before])
        return held

    async def _free(self, saved: SavedDraft, media_ids: Collection[int]) -> None:
        """Uploads again, unless a post has taken them meanwhile."""
        found = (await self._media.get_many(list(media_ids))).values()
        version = self._versions.next(max((item.version for item in found), default=0))
        holder = holder_of(saved.draft_id)
        freed = [replace(item, post_id=0, version=version) for item in found if item.post_id == holder]
        await self._media.free(freed, self._clock.now().date())

    async def _view(self, saved: SavedDraft) -> DraftView:
        return _view(saved, await self._media_of([saved]))

    async def _media_of(self, drafts: Sequence[SavedDraft]) -> Mapping[int, Media]:
        return await self._media.get_many([media_id for each in drafts for media_id in each.draft.media_ids])


def _view(saved: SavedDraft, media: Mapping[int, Media]) -> DraftView:
    return DraftView(saved, [media[each] for each in saved.draft.media_ids if each in media])
