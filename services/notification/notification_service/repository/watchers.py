"""Who wants to hear of each post of whom, in CQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from notification_service.models import Watch
from rookery_common.clients.cassandra import Cql

STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "watcher_put": (
            "INSERT INTO watchers_by_author (author_id, watcher_id, active) VALUES (?, ?, ?) USING TIMESTAMP ?"
        ),
        "watcher_list": (
            "SELECT watcher_id, active FROM watchers_by_author WHERE author_id = ? AND watcher_id > ? LIMIT ?"
        ),
    }
)


class WatcherRepository:
    """Raises Unavailable while CQL is away."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def put(self, watches: Iterable[Watch]) -> None:
        """Once more, or after a newer version, it changes nothing."""
        rows = [(watch.author_id, watch.watcher_id, watch.active, watch.version) for watch in watches]
        await self._cql.many("watcher_put", rows)

    async def page(self, author_id: int, after: int, limit: int) -> tuple[list[int], int]:
        """The next watchers by id, and after whom to go on (0 at the end); few or none here means nothing."""
        rows = await self._cql.execute("watcher_list", (author_id, after, limit))
        found = [row.watcher_id for row in rows if row.active]
        return found, rows[-1].watcher_id if len(rows) == limit else 0
