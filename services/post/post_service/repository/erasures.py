"""How far the erasure of an account's posts has come, in CQL."""

from __future__ import annotations

from rookery_common.clients.cassandra import Cql


class ErasureRepository:
    """Notes the newest of the posts that are gone, so that what they have left need not be read again."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def reached(self, account_id: int) -> int:
        """The post; 0 at the beginning."""
        rows = await self._cql.execute("erasure_get", (account_id,))
        return rows[0].post_id if rows else 0

    async def reach(self, account_id: int, post_id: int) -> None:
        """For a month."""
        await self._cql.execute("erasure_put", (account_id, post_id))
