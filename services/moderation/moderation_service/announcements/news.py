"""Statements of what is still to be told of announcements: noted with the change itself, taken with the event."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

from moderation_service.announcements.models import MAX_REACTIONS, Content
from rookery_common.clients.postgres import PgConnection, Postgres
from rookery_common.kafka.events import Event
from rookery_common.kafka.postgres_outbox import OutboxTransaction, PostgresOutbox

# A reaction's count is told of once in so long, however many react.
REACTION_GAP: Final = timedelta(seconds=1)
_NOTE = """
INSERT INTO announcement_news (announcement_id, reaction, due_at) VALUES ($1, '', $2)
ON CONFLICT (announcement_id, reaction) DO UPDATE SET due_at = EXCLUDED.due_at
"""
# What is noted already is locked: it is not taken before this change can be read.
_NOTE_REACTION = """
INSERT INTO announcement_news AS n (announcement_id, reaction, due_at) VALUES ($1, $2, $3)
ON CONFLICT (announcement_id, reaction) DO UPDATE SET due_at = n.due_at
"""
_FORGET = "DELETE FROM announcement_news WHERE announcement_id = $1 AND reaction = ''"
_IS_DUE = "SELECT EXISTS (SELECT FROM announcement_news WHERE due_at <= $1)"
_TAKE = """
WITH due AS (
  SELECT announcement_id, reaction FROM announcement_news WHERE due_at <= $1 ORDER BY due_at LIMIT $2
  FOR UPDATE SKIP LOCKED
)
DELETE FROM announcement_news n USING due
WHERE n.announcement_id = due.announcement_id AND n.reaction = due.reaction
RETURNING n.announcement_id, n.reaction
"""
_CONTENTS = """
SELECT announcement_id, text, starts_at, ends_at, all_day, published, scheduled_at FROM announcements
WHERE announcement_id = ANY($1::bigint[]) AND deleted_at IS NULL LIMIT $2
"""
_COUNTS = """
SELECT name, reactions FROM announcement_reaction_counts WHERE announcement_id = $1 AND name = ANY($2::text[]) LIMIT $3
"""


async def note_change(tx: PgConnection, announcement_id: int, due_at: datetime | None) -> None:
    """What is to be told is whether it is listed by then; None: nothing any more."""
    if due_at is None:
        await tx.execute("news_forget", _FORGET, announcement_id)
    else:
        await tx.execute("news_note", _NOTE, announcement_id, due_at)


async def note_reaction(tx: PgConnection, announcement_id: int, name: str, now: datetime) -> None:
    """Of a change of its count, in a moment, together with what others do until then."""
    await tx.execute("news_note_reaction", _NOTE_REACTION, announcement_id, name, now + REACTION_GAP)


class NewsTransaction:
    """What is taken is told of with the commit, or stays."""

    def __init__(self, tx: OutboxTransaction) -> None:
        self._tx = tx

    async def take(self, now: datetime, limit: int) -> dict[int, set[str]]:
        """By announcement, the reactions that are due, and an empty name for itself; none that another takes."""
        taken: dict[int, set[str]] = {}
        for row in await self._tx.fetch("news_take", _TAKE, now, limit):
            taken.setdefault(row["announcement_id"], set()).add(row["reaction"])
        return taken

    async def contents(self, announcement_ids: Sequence[int]) -> dict[int, Content]:
        """Without those that were withdrawn."""
        rows = await self._tx.fetch("news_contents", _CONTENTS, announcement_ids, len(announcement_ids))
        return {row["announcement_id"]: Content(*list(row.values())[1:]) for row in rows}

    async def counts(self, announcement_id: int, names: Iterable[str]) -> Mapping[str, int]:
        """Of each of these reactions."""
        wanted = sorted(names)
        # With those of whom none are left there may be more than may be at once, but no more than were asked for.
        rows = await self._tx.fetch("news_counts", _COUNTS, announcement_id, wanted, max(MAX_REACTIONS, len(wanted)))
        return dict.fromkeys(wanted, 0) | {row["name"]: row["reactions"] for row in rows}

    async def note_change(self, announcement_id: int, due_at: datetime) -> None:
        await note_change(self._tx, announcement_id, due_at)

    def emit(self, event: Event) -> None:
        self._tx.emit(event)


class AnnouncementNews:
    """What is to be told."""

    def __init__(self, pg: Postgres, outbox: PostgresOutbox) -> None:
        self._pg = pg
        self._outbox = outbox

    async def is_due(self, now: datetime) -> bool:
        """Whether there is something to take: costs less than a transaction that takes nothing."""
        async with self._pg.read(primary=True) as read:
            return bool(await read.fetchval("news_due", _IS_DUE, now))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[NewsTransaction]:
        """Commits when the block ends well, and publishes what was emitted."""
        async with self._outbox.transaction() as tx:
            yield NewsTransaction(tx)
