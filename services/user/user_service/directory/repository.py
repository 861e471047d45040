"""Statements of the directory; on the primary, so that nobody is listed who has just chosen not to be."""

from __future__ import annotations

from rookery_common.clients.postgres import Postgres
from user_service.directory.models import CommunityCounts, Order

LISTS = {
    Order.ACTIVE: """
SELECT account_id FROM accounts WHERE discoverable ORDER BY last_status_on DESC NULLS LAST, account_id DESC LIMIT $1
""",
    Order.NEW: "SELECT account_id FROM accounts WHERE discoverable ORDER BY account_id DESC LIMIT $1",
}
_COUNTS = """
SELECT coalesce(sum(accounts), 0)::bigint AS accounts, coalesce(sum(statuses), 0)::bigint AS statuses
FROM community_counts
"""


class DirectoryRepository:
    """Reads what other changes leave in their own transactions."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    async def first(self, order: Order, limit: int) -> list[int]:
        """The first accounts that wish to be found."""
        async with self._pg.read(primary=True) as connection:
            return [row["account_id"] for row in await connection.fetch(f"directory_{order}", LISTS[order], limit)]

    async def counts(self) -> CommunityCounts:
        async with self._pg.read() as connection:
            row = await connection.fetchrow("community_counts", _COUNTS)
        assert row is not None  # noqa: S101 - a sum has a row
        return CommunityCounts(row["accounts"], row["statuses"])
