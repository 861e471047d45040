"""Tells of announcements by events, when there is something to tell."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from moderation_service.announcements.models import Content
from moderation_service.announcements.news import AnnouncementNews, NewsTransaction
from moderation_service.events import Events
from rookery_common.clock import Clock
from rookery_common.rounds import Rounds

EVERY_SECONDS: Final = 1.0
# More wait for the next round: however much happens, those who listen are told of no more at once.
AT_ONCE: Final = 40


class AnnouncementTelling(Rounds):
    """Once a second, of what is due; replicas take what no other has taken.

    It is told what holds now, not what was done: an announcement is listed or is not, so many have put an emoji beside
    it.
    """

    def __init__(self, news: AnnouncementNews, events: Events, clock: Clock) -> None:
        super().__init__("moderation.announcement_telling", clock, every=EVERY_SECONDS)
        self._news = news
        self._events = events

    async def round(self) -> bool:
        """One pass."""
        now = self._clock.now()
        if not await self._news.is_due(now):
            return False
        async with self._news.transaction() as tx:
            due = await tx.take(now, AT_ONCE)
            contents = await tx.contents(list(due))
            for announcement_id, reactions in due.items():
                await self._tell(tx, announcement_id, contents.get(announcement_id), reactions, now)
        return False

    async def _tell(
        self, tx: NewsTransaction, announcement_id: int, content: Content | None, due: set[str], now: datetime
    ) -> None:
        is_listed = content is not None and content.is_listed(now)
        if "" in due:
            listed, unlisted = self._events.announcement_listed, self._events.announcement_unlisted
            tx.emit(listed(announcement_id) if is_listed else unlisted(announcement_id))
            next_at = content.next_change(now) if content is not None else None
            if next_at is not None:
                await tx.note_change(announcement_id, next_at)
        reactions = due - {""}
        if reactions and is_listed:
            counts = await tx.counts(announcement_id, reactions)
            tx.emit(self._events.announcement_reactions_changed(announcement_id, counts))
