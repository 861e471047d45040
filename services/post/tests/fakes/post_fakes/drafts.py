"""Drafts in memory."""

from __future__ import annotations

from dataclasses import replace

from post_fakes.store import Store
from post_service.repository.saved_drafts import SavedDraftRepository
from post_service.saved_draft_models import SavedDraft


class MemoryDrafts(SavedDraftRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, account_id: int) -> list[SavedDraft]:
        self._store.require("cql")
        own = [each for (owner, _), each in self._store.drafts.items() if owner == account_id]
        return sorted(own, key=lambda each: -each.draft_id)

    async def find(self, account_id: int, draft_id: int) -> SavedDraft | None:
        self._store.require("cql")
        return self._store.drafts.get((account_id, draft_id))

    async def create(self, saved: SavedDraft) -> None:
        self._store.require("cql")
        self._store.drafts.setdefault((saved.account_id, saved.draft_id), saved)

    async def replace(self, before: SavedDraft, saved: SavedDraft) -> None:
        held = self._held(before)
        if held and held.version == before.version:
            self._put(replace(saved, post_id=0))

    async def claim(self, saved: SavedDraft, post_id: int) -> None:
        held = self._held(saved)
        if held and (held.version, held.post_id) == (saved.version, saved.post_id):
            self._put(replace(held, post_id=post_id))

    async def release(self, saved: SavedDraft) -> None:
        held = self._held(saved)
        if held and held.post_id == saved.post_id:
            self._put(replace(held, post_id=0))

    async def delete(self, saved: SavedDraft) -> None:
        held = self._held(saved)
        if held and held.version == saved.version:
            del self._store.drafts[saved.account_id, saved.draft_id]

    def _held(self, saved: SavedDraft) -> SavedDraft | None:
        self._store.require("cql")
        return self._store.drafts.get((saved.account_id, saved.draft_id))

    def _put(self, saved: SavedDraft) -> None:
        self._store.drafts[saved.account_id, saved.draft_id] = saved
