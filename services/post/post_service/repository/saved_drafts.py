"""Drafts in CQL. Every change is conditional on the revision that it replaces: no device overwrites another unseen."""

from __future__ import annotations

from datetime import UTC

from post_service.repository.draft_json import decode_draft, encode_draft
from post_service.saved_draft_models import MAX_SAVED_DRAFTS, SavedDraft
from rookery_common.clients.calls import UnknownOutcome
from rookery_common.clients.cassandra import Args, Cql, Row
from rookery_common.errors import Unavailable

TRIES = 3


class SavedDraftRepository:
    """Reads and changes accounts' drafts."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def of(self, account_id: int) -> list[SavedDraft]:
        """All of an account's, the latest begun first; there are few."""
        rows = await self._cql.execute("drafts_of", (account_id, MAX_SAVED_DRAFTS * 2))
        return [_saved(account_id, row) for row in rows]

    async def find(self, account_id: int, draft_id: int) -> SavedDraft | None:
        """As the last change has left it."""
        rows = await self._cql.execute("draft_get", (account_id, draft_id), serial=True)
        return _saved(account_id, rows[0]) if rows else None

    async def create(self, saved: SavedDraft) -> None:
        """Repeating it is harmless."""
        values = (saved.account_id, saved.draft_id, saved.version, saved.updated_at, encode_draft(saved.draft))
        await self._change("draft_create", values)

    async def replace(self, before: SavedDraft, saved: SavedDraft) -> None:
        """What it says from now on, unless it was changed or deleted meanwhile: `find` tells."""
        values = (saved.version, saved.updated_at, encode_draft(saved.draft))
        await self._change("draft_replace", (*values, *_key(before), before.version))

    async def claim(self, saved: SavedDraft, post_id: int) -> None:
        """It is published as this post, unless it was changed, deleted or claimed meanwhile: `find` tells."""
        await self._change("draft_claim", (post_id, *_key(saved), saved.version, saved.post_id or None))

    async def release(self, saved: SavedDraft) -> None:
        """It was refused, and waits for its author."""
        await self._change("draft_release", (*_key(saved), saved.post_id))

    async def delete(self, saved: SavedDraft) -> None:
        """It is gone, unless it was changed meanwhile: `find` tells."""
        await self._change("draft_delete", (*_key(saved), saved.version))

    async def _change(self, name: str, values: Args) -> None:
        """Where its outcome is not known it is tried again: none of them does anything twice. Raises Unavailable."""
        for _ in range(TRIES):
            try:
                await self._cql.execute_conditional(name, values)
            except UnknownOutcome:
                continue
            return
        raise Unavailable("it did not become known whether this is done")


def _key(saved: SavedDraft) -> tuple[int, int]:
    return saved.account_id, saved.draft_id


def _saved(account_id: int, row: Row) -> SavedDraft:
    updated_at = row.updated_at.replace(tzinfo=UTC)
    return SavedDraft(row.draft_id, account_id, row.revision, updated_at, decode_draft(row.draft), row.post_id or 0)
