"""Statements of announcements; all on the primary, so that whoever changes one meets the change at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from moderation_service.announcements.models import (
    MAX_LISTED,
    MAX_REACTIONS,
    MAX_READERS,
    Announcement,
    Content,
    Reaction,
    Reader,
)
from moderation_service.announcements.news import note_change, note_reaction
from moderation_service.models import AuditEntry
from moderation_service.repository import AUDIT
from rookery_common.clients.postgres import PgConnection, Postgres
from rookery_common.ids import MAX_ID

_COLUMNS = """announcement_id, text, starts_at, ends_at, all_day, published, scheduled_at, created_at, updated_at,
  published_at"""
_NOT_OVER = "published AND deleted_at IS NULL AND (listed_until IS NULL OR listed_until > $1)"
_LISTED = f"{_NOT_OVER} AND (scheduled_at IS NULL OR scheduled_at <= $1)"
_DISMISSED = "(SELECT FROM announcement_dismissals d WHERE d.announcement_id = a.announcement_id AND d.account_id = $2)"
_FOR_READER = f"""
SELECT {_COLUMNS}, EXISTS {_DISMISSED} AS read FROM announcements a
WHERE {_LISTED} AND ($3 OR NOT EXISTS {_DISMISSED})
ORDER BY coalesce(starts_at, published_at), announcement_id LIMIT {MAX_LISTED}
"""  # noqa: S608 - our own words
_LISTED_BY_ID = f"SELECT {_COLUMNS} FROM announcements WHERE {_LISTED} AND announcement_id = $2"  # noqa: S608 - our own
_DISMISSED_BY = f"""
SELECT account_id FROM announcement_dismissals WHERE announcement_id = $1 AND account_id = ANY($2::bigint[])
LIMIT {MAX_READERS}
"""  # noqa: S608 - our own words
_REACTIONS_BY = f"""
SELECT account_id, name FROM announcement_reactions WHERE announcement_id = $1 AND account_id = ANY($2::bigint[])
ORDER BY account_id, name LIMIT {MAX_READERS * MAX_REACTIONS}
"""  # noqa: S608 - our own words
_REACTIONS = f"""
SELECT announcement_id, name, reactions, EXISTS (
  SELECT FROM announcement_reactions r
  WHERE r.announcement_id = c.announcement_id AND r.account_id = $2 AND r.name = c.name) AS me
FROM announcement_reaction_counts c WHERE announcement_id = ANY($1::bigint[])
ORDER BY announcement_id, first_at, name LIMIT $3 * {MAX_REACTIONS}
"""  # noqa: S608 - our own words
_FOR_STAFF = f"""
SELECT {_COLUMNS} FROM announcements WHERE deleted_at IS NULL AND announcement_id < $1
ORDER BY announcement_id DESC LIMIT $2
"""  # noqa: S608 - our own words
# Against each other only: reactions and readers take no lock that this one waits for, or keeps waiting.
_LOCK_STAFF = "LOCK TABLE announcements IN SHARE ROW EXCLUSIVE MODE"
_COUNT = f"""
SELECT count(*) AS kept, count(*) FILTER (WHERE {_NOT_OVER} AND announcement_id <> $2) AS listed
FROM announcements WHERE deleted_at IS NULL
"""  # noqa: S608 - our own words
_KEPT = f"SELECT {_COLUMNS} FROM announcements WHERE deleted_at IS NULL"  # noqa: S608 - our own words
_BY_ID = f"{_KEPT} AND announcement_id = $1"
_BY_REQUEST = f"{_KEPT} AND author_id = $1 AND request_id = $2 AND request_id <> ''"
_ADD = """
INSERT INTO announcements (announcement_id, text, starts_at, ends_at, all_day, published, listed_until, updated_at,
                           published_at, scheduled_at, created_at, author_id, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $8, $11, $12)
"""
_SAVE = """
UPDATE announcements SET text = $2, starts_at = $3, ends_at = $4, all_day = $5, published = $6, listed_until = $7,
  updated_at = $8, published_at = $9, scheduled_at = $10
WHERE announcement_id = $1
"""
_DELETE = """
UPDATE announcements SET deleted_at = $2, text = '-', request_id = '' WHERE announcement_id = $1 AND deleted_at IS NULL
"""
# Changes of one announcement's reactions come one after another, so that their limit holds.
_LOCK_LISTED = f"SELECT FROM announcements WHERE {_LISTED} AND announcement_id = $2 FOR NO KEY UPDATE"
_DISMISS = "INSERT INTO announcement_dismissals (announcement_id, account_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_REACT = """
INSERT INTO announcement_reactions (announcement_id, account_id, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""
_COUNT_UP = """
INSERT INTO announcement_reaction_counts AS c (announcement_id, name, reactions, first_at) VALUES ($1, $2, 1, $3)
ON CONFLICT (announcement_id, name) DO UPDATE SET reactions = c.reactions + 1
"""
_COUNT_REACTIONS = "SELECT count(*) FROM announcement_reaction_counts WHERE announcement_id = $1"
_UNREACT = "DELETE FROM announcement_reactions WHERE announcement_id = $1 AND account_id = $2 AND name = $3"
_COUNT_DOWN = """
UPDATE announcement_reaction_counts SET reactions = reactions - 1 WHERE announcement_id = $1 AND name = $2
"""
_FORGET_NONE = "DELETE FROM announcement_reaction_counts WHERE announcement_id = $1 AND name = $2 AND reactions <= 0"
_ERASE_DISMISSALS = """
DELETE FROM announcement_dismissals WHERE account_id = $1 AND announcement_id IN (
  SELECT announcement_id FROM announcement_dismissals WHERE account_id = $1 ORDER BY announcement_id LIMIT $2
)
"""
_REACTIONS_OF = """
SELECT announcement_id, name FROM announcement_reactions WHERE account_id = $1 ORDER BY announcement_id, name LIMIT $2
"""
_LOCK_MANY = """
SELECT FROM announcements WHERE announcement_id = ANY($1::bigint[]) ORDER BY announcement_id FOR NO KEY UPDATE
"""
# By what is left: a row goes once nothing refers to it any more.
_PURGE = """
WITH gone AS (SELECT announcement_id FROM announcements WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT 1)
DELETE FROM {table} t WHERE t.ctid = ANY(ARRAY(
  SELECT c.ctid FROM {table} c WHERE c.announcement_id = (SELECT announcement_id FROM gone) LIMIT $1
))
"""
_CHILDREN = ("announcement_dismissals", "announcement_reactions", "announcement_reaction_counts")
_PURGE_CHILDREN = {table: _PURGE.format(table=table) for table in _CHILDREN}
_PURGE_DELETED = f"""
DELETE FROM announcements a WHERE deleted_at IS NOT NULL
{"".join(f" AND NOT EXISTS (SELECT FROM {table} c WHERE c.announcement_id = a.announcement_id)" for table in _CHILDREN)}
"""  # noqa: S608 - our own words


class StaffTransaction:
    """A change by the staff with its line in the audit log; one at a time."""

    def __init__(self, tx: PgConnection) -> None:
        self._tx = tx

    async def by_request(self, author_id: int, request_id: str) -> Announcement | None:
        row = await self._tx.fetchrow("announcement_by_request", _BY_REQUEST, author_id, request_id)
        return _announcement(row) if row else None

    async def one(self, announcement_id: int) -> Announcement | None:
        row = await self._tx.fetchrow("announcement", _BY_ID, announcement_id)
        return _announcement(row) if row else None

    async def counts(self, now: datetime, without_id: int) -> tuple[int, int]:
        """How many there are, and how many beside that one are listed, or will be."""
        (row,) = await self._tx.fetch("announcements_count", _COUNT, now, without_id)
        return row["kept"], row["listed"]

    async def add(self, new: Announcement, author_id: int, request_id: str) -> None:
        await self._tx.execute("announcement_add", _ADD, *_values(new), author_id, request_id)

    async def save(self, changed: Announcement) -> None:
        await self._tx.execute("announcement_save", _SAVE, *_values(changed))

    async def delete(self, announcement_id: int, now: datetime) -> bool:
        """Whether it was there."""
        return await self._tx.execute("announcement_delete", _DELETE, announcement_id, now) == 1

    async def note_change(self, announcement_id: int, due_at: datetime | None) -> None:
        """When to tell whether it is listed; None for never."""
        await note_change(self._tx, announcement_id, due_at)

    async def audit(self, entry: AuditEntry, now: datetime) -> None:
        """A line of the log, for good."""
        args = (entry.action, entry.actor_id, entry.account_id, entry.post_id, entry.report_id, entry.detail)
        await self._tx.execute("audit", AUDIT, now, *args)


class ReaderTransaction:
    """What one account does with an announcement that is listed."""

    def __init__(self, tx: PgConnection, announcement_id: int, account_id: int) -> None:
        self._tx = tx
        self._announcement_id = announcement_id
        self._account_id = account_id

    async def lock(self, now: datetime) -> bool:
        """Whether it is listed; its reactions are nobody else's to change until the transaction ends."""
        return await self._tx.fetchrow("announcement_lock", _LOCK_LISTED, now, self._announcement_id) is not None

    async def dismiss(self) -> None:
        await self._tx.execute("announcement_dismiss", _DISMISS, self._announcement_id, self._account_id)

    async def react(self, name: str, now: datetime) -> int:
        """How many different reactions there are then."""
        if await self._tx.execute("reaction_add", _REACT, self._announcement_id, self._account_id, name):
            await self._tx.execute("reaction_count_up", _COUNT_UP, self._announcement_id, name, now)
            await note_reaction(self._tx, self._announcement_id, name, now)
        return int(await self._tx.fetchval("reactions_count", _COUNT_REACTIONS, self._announcement_id))

    async def unreact(self, name: str, now: datetime) -> None:
        if await self._tx.execute("reaction_remove", _UNREACT, self._announcement_id, self._account_id, name):
            await _count_down(self._tx, self._announcement_id, name, now)


class AnnouncementRepository:
    """Announcements, and what each account has made of them."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    @asynccontextmanager
    async def staff(self) -> AsyncIterator[StaffTransaction]:
        """A change that no other of the staff's comes between."""
        async with self._pg.transaction() as tx:
            await tx.execute("announcements_lock", _LOCK_STAFF)
            yield StaffTransaction(tx)

    @asynccontextmanager
    async def reader(self, announcement_id: int, account_id: int) -> AsyncIterator[ReaderTransaction]:
        async with self._pg.transaction() as tx:
            yield ReaderTransaction(tx, announcement_id, account_id)

    async def listed(self, account_id: int, now: datetime, *, with_dismissed: bool) -> list[Announcement]:
        """Those that the account is shown, in their order."""
        async with self._pg.read(primary=True) as read:
            rows = await read.fetch("announcements", _FOR_READER, now, account_id, with_dismissed)
            return await _with_reactions(read, [_announcement(row, read=row["read"]) for row in rows], account_id)

    async def listed_for(
        self, announcement_id: int, account_ids: Sequence[int], now: datetime
    ) -> tuple[Announcement, list[Reader]] | None:
        """As it is for nobody in particular, and those of the accounts that have made something of it.

        None where it is not listed.
        """
        async with self._pg.read(primary=True) as read:
            row = await read.fetchrow("announcement_listed", _LISTED_BY_ID, now, announcement_id)
            if row is None:
                return None
            (found,) = await _with_reactions(read, [_announcement(row)], account_id=0)
            dismissals = await read.fetch("dismissed_by", _DISMISSED_BY, announcement_id, account_ids)
            reactions = await read.fetch("reactions_by", _REACTIONS_BY, announcement_id, account_ids)
        dismissed = {row["account_id"] for row in dismissals}
        names = {
            number: tuple(row["name"] for row in rows) for number, rows in groupby(reactions, itemgetter("account_id"))
        }
        return found, [
            Reader(number, number in dismissed, names.get(number, ())) for number in sorted(dismissed | names.keys())
        ]

    async def all(self, account_id: int, max_id: int, limit: int) -> list[Announcement]:
        """A page of all that there are, newest first, with the reactions as that account sees them."""
        async with self._pg.read(primary=True) as read:
            rows = await read.fetch("announcements_all", _FOR_STAFF, max_id or MAX_ID, limit)
            return await _with_reactions(read, [_announcement(row) for row in rows], account_id)

    async def erase_dismissals(self, account_id: int, limit: int) -> int:
        """Forgets at most so many of the account's, how many."""
        async with self._pg.transaction() as tx:
            return await tx.execute("dismissals_erase", _ERASE_DISMISSALS, account_id, limit)

    async def erase_reactions(self, account_id: int, now: datetime, limit: int) -> int:
        """Takes back at most so many of the account's, how many."""
        async with self._pg.transaction() as tx:
            found = await tx.fetch("reactions_of", _REACTIONS_OF, account_id, limit)
            # In the order of their ids, as everybody locks them.
            await tx.fetch("announcements_lock_many", _LOCK_MANY, sorted({row["announcement_id"] for row in found}))
            removed = 0
            for row in found:
                number, name = row["announcement_id"], row["name"]
                if await tx.execute("reaction_remove", _UNREACT, number, account_id, name):
                    await _count_down(tx, number, name, now)
                    removed += 1
        return removed

    async def purge(self, limit: int) -> int:
        """Forgets so many rows of a deleted announcement, and it with its last; how many."""
        async with self._pg.transaction() as tx:
            rows = 0
            for table, statement in _PURGE_CHILDREN.items():
                rows += await tx.execute(f"{table}_purge", statement, limit)
            return rows + await tx.execute("announcements_purge", _PURGE_DELETED)


async def _count_down(tx: PgConnection, announcement_id: int, name: str, now: datetime) -> None:
    await tx.execute("reaction_count_down", _COUNT_DOWN, announcement_id, name)
    await tx.execute("reaction_forget", _FORGET_NONE, announcement_id, name)
    await note_reaction(tx, announcement_id, name, now)


async def _with_reactions(read: PgConnection, found: Sequence[Announcement], account_id: int) -> list[Announcement]:
    numbers = [each.announcement_id for each in found]
    if not numbers:
        return []
    rows = await read.fetch("announcement_reactions", _REACTIONS, numbers, account_id, len(numbers))
    of = {
        number: tuple(Reaction(row["name"], row["reactions"], row["me"]) for row in group)
        for number, group in groupby(rows, itemgetter("announcement_id"))
    }
    return [replace(each, reactions=of.get(each.announcement_id, ())) for each in found]


def _values(announcement: Announcement) -> Sequence[object]:
    content = announcement.content
    return (
        announcement.announcement_id, content.text, content.starts_at, content.ends_at, content.all_day,
        content.published, content.listed_until, announcement.updated_at, announcement.published_at,
        content.scheduled_at,
    )  # fmt: skip


def _announcement(row: Any, *, read: bool = False) -> Announcement:
    content = Content(
        row["text"], row["starts_at"], row["ends_at"], row["all_day"], row["published"], row["scheduled_at"]
    )
    return Announcement(
        row["announcement_id"], content, row["created_at"], row["updated_at"], row["published_at"], read
    )
