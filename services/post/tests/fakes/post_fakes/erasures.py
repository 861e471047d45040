"""How far erasures have come, in memory."""

from __future__ import annotations

from post_fakes.store import Store
from post_service.repository.erasures import ErasureRepository


class MemoryErasures(ErasureRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def reached(self, account_id: int) -> int:
        return self._store.erasures.get(account_id, 0)

    async def reach(self, account_id: int, post_id: int) -> None:
        self._store.erasures[account_id] = post_id
