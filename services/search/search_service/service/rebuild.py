"""Makes the indices again from those who own what is in them, while live events go on into the old and the new."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from rookery_common.clock import Clock
from rookery_common.errors import DeadlineExceeded, ResourceExhausted, Unavailable
from rookery_common.logs import get_logger
from search_service.clients import PostClient, UserClient
from search_service.models import Document, Kind
from search_service.repository.documents import Documents
from search_service.repository.indices import Indices

AUTHORS_AT_ONCE: Final = 4
WAITS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between tries while somebody is away: a rebuild of hours does not end for a minute's outage."""
GRACE_SECONDS: Final = 5.0
"""Longer than any search takes: one that began before the swap reads an old index to its end."""
OUTAGES: Final = (Unavailable, DeadlineExceeded, ResourceExhausted)
T = TypeVar("T")
log = get_logger()


@dataclass(slots=True)
class Progress:
    """How much has been read and written so far."""

    accounts: int = 0
    posts: int = 0


class Rebuild:
    """One rebuild of all indices; `report` is told of progress after each page of accounts."""

    def __init__(
        self,
        indices: Indices,
        documents: Documents,
        users: UserClient,
        posts: PostClient,
        clock: Clock,
        report: Callable[[Progress], None],
        *,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._indices = indices
        self._documents = documents
        self._users = users
        self._posts = posts
        self._clock = clock
        self._report = report
        self._grace = grace

    async def run(self, *, restart: bool = False) -> Progress:
        """Returns once searches read the new indices, and the old ones are gone. Raises RebuildRunning unless it is to
        begin anew.

        Whatever fails before that leaves the old indices as they were, and the new ones dropped.
        """
        if restart:
            for kind in Kind:
                await self._indices.discard_unread(kind)
        fresh: dict[Kind, str] = {}
        try:
            for kind in Kind:
                fresh[kind] = await self._indices.create_next(kind)
            progress = await self._fill(fresh)
            await self._indices.refresh(fresh.values())
            before = await self._indices.swap(fresh)
        except BaseException:
            await self._indices.drop(fresh.values())
            raise
        log.info("search.rebuilt", accounts=progress.accounts, posts=progress.posts)
        await self._clock.sleep(self._grace)
        await self._indices.drop(before)
        return progress

    async def _fill(self, fresh: dict[Kind, str]) -> Progress:
        progress = Progress()
        token, more = "", True
        while more:
            accounts, token = await self._patiently(partial(self._users.accounts, token))
            await self._write(accounts, fresh[Kind.ACCOUNTS])
            progress.accounts += len(accounts)
            authors = [account.id for account in accounts]
            async with asyncio.TaskGroup() as group:
                for _ in range(AUTHORS_AT_ONCE):
                    group.create_task(self._copy_posts(authors, fresh[Kind.POSTS], progress))
            self._report(progress)
            more = token != ""
        return progress

    async def _copy_posts(self, authors: list[int], index: str, progress: Progress) -> None:
        while authors:
            author, below, more = authors.pop(), 0, True
            while more:
                posts, below = await self._patiently(partial(self._posts.posts_of, author, below))
                await self._write(posts, index)
                progress.posts += len(posts)
                more = below != 0

    async def _write(self, documents: list[Document], index: str) -> None:
        if documents:
            await self._patiently(partial(self._documents.write, documents, [index]))

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        for seconds in WAITS:
            try:
                return await call()
            except OUTAGES as error:
                log.warning("search.rebuild_waits", reason=error.reason, seconds=seconds)
                await self._clock.sleep(seconds)
        return await call()
