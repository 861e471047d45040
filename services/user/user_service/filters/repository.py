"""Statements of filters; all on the primary, so that their owner meets each change at once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from rookery_common.clients.postgres import PgConnection, Postgres
from rookery_common.kafka.events import Event
from rookery_common.kafka.postgres_outbox import OutboxTransaction, PostgresOutbox
from user_service.filters.models import MAX_FILTERS, Action, Context, Filter, FilteredStatus, Keyword

_LOCK_ACCOUNT = "SELECT account_id FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE"
_FILTERS = """
SELECT filter_id, title, contexts, action, expires_at, keywords, statuses FROM filters
WHERE account_id = $1 ORDER BY filter_id LIMIT $2
"""
_SAVE_FILTER = """
INSERT INTO filters (account_id, filter_id, title, contexts, action, expires_at, keywords, statuses)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (account_id, filter_id) DO UPDATE SET title = excluded.title, contexts = excluded.contexts,
  action = excluded.action, expires_at = excluded.expires_at, keywords = excluded.keywords, statuses = excluded.statuses
"""
_NOTE_REQUEST = "UPDATE filters SET request_id = $3, request_digest = $4 WHERE account_id = $1 AND filter_id = $2"
_REQUESTED = "SELECT filter_id, request_digest FROM filters WHERE account_id = $1 AND request_id = $2"
_DELETE_FILTER = "DELETE FROM filters WHERE account_id = $1 AND filter_id = $2"


class FilterTransaction:
    """One change of an account's filters and the event that tells of it; all or nothing."""

    def __init__(self, tx: OutboxTransaction) -> None:
        self._tx = tx

    def emit(self, event: Event) -> None:
        """Published if, and only if, the transaction commits."""
        self._tx.emit(event)

    async def lock_filters(self, account_id: int) -> list[Filter] | None:
        """All of the account's, which nobody else changes until the transaction ends; None if there is no account."""
        if await self._tx.fetchrow("filters_lock", _LOCK_ACCOUNT, account_id) is None:
            return None
        return await _filters(self._tx, account_id)

    async def save_filter(self, account_id: int, filter_: Filter) -> None:
        keywords = [[each.keyword_id, each.keyword, each.whole_word] for each in filter_.keywords]
        statuses = [[each.filter_status_id, each.status_id] for each in filter_.statuses]
        args = (filter_.title, list(filter_.contexts), filter_.action, filter_.expires_at)
        texts = (json.dumps(keywords), json.dumps(statuses))
        await self._tx.execute("filter_save", _SAVE_FILTER, account_id, filter_.filter_id, *args, *texts)

    async def note_request(self, account_id: int, filter_id: int, request_id: str, digest: bytes) -> None:
        """What the filter was asked for with."""
        await self._tx.execute("filter_request_note", _NOTE_REQUEST, account_id, filter_id, request_id, digest)

    async def requested(self, account_id: int, request_id: str) -> tuple[int, bytes] | None:
        """The id of the filter that was asked for with this, and the digest of the request."""
        row = await self._tx.fetchrow("filter_request", _REQUESTED, account_id, request_id)
        return (row["filter_id"], row["request_digest"]) if row else None

    async def delete_filter(self, account_id: int, filter_id: int) -> None:
        await self._tx.execute("filter_delete", _DELETE_FILTER, account_id, filter_id)


class FilterRepository:
    """Filters by their owners."""

    def __init__(self, pg: Postgres, outbox: PostgresOutbox) -> None:
        self._pg = pg
        self._outbox = outbox

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[FilterTransaction]:
        """A change on the primary; its events are published after the commit."""
        async with self._outbox.transaction() as tx:
            yield FilterTransaction(tx)

    async def filters(self, account_id: int) -> list[Filter]:
        """All of the account's, by id."""
        async with self._pg.read(primary=True) as connection:
            return await _filters(connection, account_id)


async def _filters(connection: PgConnection, account_id: int) -> list[Filter]:
    return [_filter(row) for row in await connection.fetch("filters", _FILTERS, account_id, MAX_FILTERS)]


def _filter(row: Any) -> Filter:
    return Filter(
        filter_id=row["filter_id"],
        title=row["title"],
        contexts=tuple(map(Context, row["contexts"])),
        action=Action(row["action"]),
        expires_at=row["expires_at"],
        keywords=tuple(Keyword(*keyword) for keyword in json.loads(row["keywords"])),
        statuses=tuple(FilteredStatus(*status) for status in json.loads(row["statuses"])),
    )
