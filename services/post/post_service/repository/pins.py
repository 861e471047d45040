"""Pinned posts in CQL: a partition for each account, whose every change is conditional on what was read."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from post_service.models import Pinned
from rookery_common.clients.calls import UnknownOutcome
from rookery_common.clients.cassandra import Args, Cql


class PinRepository:
    """Reads and changes what accounts have pinned."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def of(self, account_id: int, *, serial: bool = False) -> Pinned:
        """The posts, the latest pinned first; `serial` before a change."""
        rows = await self._cql.execute("pins_of", (account_id,), serial=serial)
        pinned = sorted((row for row in rows if row.post_id is not None), key=lambda row: row.pinned_at, reverse=True)
        return Pinned(tuple(row.post_id for row in pinned), rows[0].revision or 0 if rows else 0)

    async def change(
        self, account_id: int, before: Pinned, add: Collection[int], drop: Collection[int], now: datetime
    ) -> bool:
        """Whether it was done: not if another change came first. What is not known is found by reading again."""
        rows: list[tuple[str, Args]] = [("pins_move", (before.revision + 1, account_id, before.revision or None))]
        rows += [("pin_put", (account_id, post_id, now)) for post_id in add]
        rows += [("pin_remove", (account_id, post_id)) for post_id in drop]
        try:
            applied, _ = await self._cql.batch_conditional(rows)
        except UnknownOutcome:
            return False
        return applied
