"""Favourites, bookmarks and mutes of threads. Of what is asked for several times, the last counts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from post_service import metrics
from post_service.errors import InvalidField, PostNotFound
from post_service.events import PostEvents
from post_service.models import Fact, FactKind, SealedPost
from post_service.repository.engagements import EngagementRepository
from post_service.repository.marks import MarkRepository
from post_service.service.marks import MarkReader
from post_service.service.read_posts import PostReader
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.ids import IdSource
from rookery_common.kafka.events import Event

MAX_AT_ONCE: Final = 100
# Locks that accounts and posts share.
TURNS: Final = 1_024


class Engagement:
    """What accounts do with posts that are not theirs to change. On a reblog it counts for the post that it shows.

    Repeating changes nothing, but counts and marks are read anew each time: so a client that repeats what a crash
    interrupted finds them right. Undoing works also where the post may not be seen any more.
    """

    def __init__(
        self,
        engagements: EngagementRepository,
        marks: MarkRepository,
        mark_reader: MarkReader,
        reader: PostReader,
        events: PostEvents,
        ids: IdSource,
        versions: HybridClock,
        clock: Clock,
    ) -> None:
        self._engagements = engagements
        self._marks = marks
        self._mark_reader = mark_reader
        self._reader = reader
        self._events = events
        self._ids = ids
        self._versions = versions
        self._clock = clock
        self._turns = [asyncio.Lock() for _ in range(TURNS)]

    async def favourite(self, account: Identity, post_id: int, *, active: bool) -> None:
        """Raises PostNotFound."""
        post = await self._reader.original(post_id)
        # One who taps twice changes it once: the second finds what the first has made of it.
        async with self._turns[hash((account.account_id, post.post_id)) % TURNS]:
            held = await self._engagements.find(FactKind.FAVOURITE, post.post_id, account.account_id)
            if active or not held.active:
                await self._reader.require_visible(account, post)
            event = None
            if held.active != active:
                event = await self._change(self._next(held, active), post)
                metrics.ENGAGEMENTS.labels("favourite" if active else "unfavourite").inc()
        await self._count(held, event)
        await self._reader.refresh_counts(post.post_id)
        await self._mark_reader.refresh(account.account_id, post.post_id)

    async def withdraw(self, account_id: int, post_id: int) -> None:
        """The favourite of an account that is being erased, with all that others see of it."""
        held = await self._engagements.find(FactKind.FAVOURITE, post_id, account_id)
        event = None
        if held.active:
            event = await self._change(self._next(held, active=False), await self._reader.original(post_id))
        await self._count(held, event)
        await self._reader.refresh_counts(post_id)

    async def bookmark(self, account: Identity, post_id: int, *, active: bool) -> None:
        """Raises PostNotFound."""
        post = await self._reader.original(post_id)
        held = await self._marks.find_bookmark(account.account_id, post.post_id)
        if active or not held.active:
            await self._reader.require_visible(account, post)
        if held.active != active:
            mark_id = self._ids.mint() if active else held.mark_id
            version = self._versions.next(held.version)
            await self._marks.put_bookmark(replace(held, active=active, version=version, mark_id=mark_id))
            metrics.ENGAGEMENTS.labels("bookmark" if active else "unbookmark").inc()
        await self._mark_reader.refresh(account.account_id, post.post_id)

    async def bookmark_all(self, account: Identity, post_ids: Sequence[int]) -> list[int]:
        """Those of them that are bookmarked now; one after another, so that lists have them in this order.

        Raises InvalidField.
        """
        if len(post_ids) > MAX_AT_ONCE:
            raise InvalidField("post_ids", "ERR_TOO_LONG", f"must be at most {MAX_AT_ONCE}")
        if any(post_id <= 0 for post_id in post_ids):
            raise InvalidField("post_ids", "ERR_INVALID", "must be ids")
        done = []
        for post_id in post_ids:
            with suppress(PostNotFound):
                await self.bookmark(account, post_id, active=True)
                done.append(post_id)
        return done

    async def mute_thread(self, account: Identity, post_id: int, *, active: bool) -> None:
        """The thread of the post. Raises PostNotFound."""
        post = await self._reader.original(post_id)
        held = await self._marks.find_mute(account.account_id, post.thread_id)
        if active or not held.active:
            await self._reader.require_visible(account, post)
        if held.active != active:
            await self._marks.put_mute(held._replace(active=active, version=self._versions.next(held.version)))
            metrics.ENGAGEMENTS.labels("mute" if active else "unmute").inc()
        await self._mark_reader.refresh(account.account_id, post.thread_id)

    def _next(self, held: Fact, active: bool) -> Fact:
        version = self._versions.next(held.version)
        if not active:
            return replace(held, active=False, version=version)
        return replace(held, active=True, version=version, since=self._clock.now(), mark_id=self._ids.mint())

    async def _change(self, fact: Fact, post: SealedPost) -> Event:
        event = self._events.favourite(fact, post)
        await self._engagements.put(fact, event)
        return event

    async def _count(self, fact: Fact, event: Event | None) -> None:
        """Counted before it is told: of what is not, the relay finds the event, and counts it (`count_told`)."""
        await self._engagements.recount(fact)
        if event is not None:
            await self._engagements.publish(event)
