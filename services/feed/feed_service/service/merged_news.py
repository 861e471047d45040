"""News of posts that are merged into homes: tells open streams, and what is kept of the posts' authors."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from feed_service.follow_models import Follower
from feed_service.models import LiveUpdate, MergedUpdate
from feed_service.repository.follows import FollowRepository
from feed_service.repository.live import MERGED_CHANNEL
from feed_service.repository.windows import WindowRepository
from feed_service.service.merged import AuthorTails
from rookery_common.errors import AppError
from rookery_common.live.hub import LiveHub
from rookery_common.live.streams import News
from rookery_common.logs import get_logger

WAIT_SECONDS: Final = 5.0
# Of so many of whom Redis does not know whom they follow, CQL is asked; others are told of a gap.
MOST_ASKED: Final = 500
log = get_logger()


class MergedNews:
    """Component: one post of an author with very many followers is one message, whose readers are found among those
    who are connected here and now."""

    def __init__(
        self,
        source: LiveHub[MergedUpdate, MergedUpdate],
        target: LiveHub[LiveUpdate, LiveUpdate],
        windows: WindowRepository,
        follows: FollowRepository,
        tails: AuthorTails,
    ) -> None:
        self._source = source
        self._target = target
        self._windows = windows
        self._follows = follows
        self._tails = tails
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._listen(), name="merged news")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _listen(self) -> None:
        subscription = self._source.open()
        subscription.add([MERGED_CHANNEL])
        try:
            while True:
                for news in await subscription.take(WAIT_SECONDS):
                    await self._heed(news)
        finally:
            self._source.close(subscription)

    async def _heed(self, news: News[MergedUpdate]) -> None:
        if news.item is None:
            self._tails.forget_all()
            self._target.offer(self._target.accounts(), None)
            return
        update = news.item.update
        self._tails.forget(update.author_id)
        connected = sorted(self._target.accounts() - {update.author_id})
        if not connected:
            return
        try:
            followers, unsure = await self._followers(update.author_id, connected)
        except AppError as error:
            log.warning("merged_news.followers_unknown", reason=error.reason)
            followers, unsure = [], connected
        told = [each.reader_id for each in followers if each.reblogs or not news.item.is_reblog]
        self._target.offer(told, update)
        self._target.offer(unsure, None)

    async def _followers(self, author_id: int, connected: Sequence[int]) -> tuple[list[Follower], Sequence[int]]:
        """Who of them follows the author, and of whom it cannot be said. Raises Unavailable."""
        followers, unknown = await self._windows.who_follows(author_id, connected)
        followers += await self._follows.who_follows(author_id, unknown[:MOST_ASKED])
        return followers, unknown[MOST_ASKED:]
