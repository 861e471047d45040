"""Notifications in CQL: all of them for as long as they are kept, what of them was put away; and heads of groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from notification_service.models import Kind, Notification, Slot
from notification_service.placement import BUCKET_MS, oldest_bucket, seconds_to_live, time_bucket
from rookery_common.clients.cassandra import Cql, Row
from rookery_common.clients.cql_partitions import Write, put_together
from rookery_common.clock import Clock
from rookery_common.ids import ms_of

LIST: Final = "notifications"
HEADS: Final = "group_heads"


_ROWS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "notifications_insert": (
            "INSERT INTO notifications (recipient_id, time_bucket, notification_id, kind, account_id, post_id)"
            " VALUES (?, ?, ?, ?, ?, ?) USING TTL ?"
        ),
        "notifications_put_away": (
            "INSERT INTO notifications (recipient_id, time_bucket, notification_id, put_away)"
            " VALUES (?, ?, ?, true) USING TTL ?"
        ),
        "notifications_get": (
            "SELECT notification_id, kind, account_id, post_id, put_away FROM notifications"
            " WHERE recipient_id = ? AND time_bucket = ? AND notification_id = ?"
        ),
        "notifications_older": (
            "SELECT notification_id, kind, account_id, post_id, put_away FROM notifications"
            " WHERE recipient_id = ? AND time_bucket = ? AND notification_id < ? AND notification_id > ? LIMIT ?"
        ),
        "notifications_newer": (
            "SELECT notification_id, kind, account_id, post_id, put_away FROM notifications"
            " WHERE recipient_id = ? AND time_bucket = ? AND notification_id < ? AND notification_id > ?"
            " ORDER BY notification_id ASC LIMIT ?"
        ),
    }
)
# Of two tables with the same columns.
STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **_ROWS,
        **{name.replace(LIST, HEADS): text.replace(LIST, HEADS) for name, text in _ROWS.items()},
        "cleared_set": "INSERT INTO cleared_notifications (recipient_id, up_to_id) VALUES (?, ?) USING TIMESTAMP ?",
        "cleared_get": "SELECT up_to_id FROM cleared_notifications WHERE recipient_id = ?",
    }
)


class NotificationRepository:
    """Writes what is one recipient's together; reads slices of one recipient. Raises Unavailable while CQL is away."""

    def __init__(self, cql: Cql, clock: Clock, table: str = LIST) -> None:
        self._cql = cql
        self._clock = clock
        self._table = table

    async def add(self, notifications: Iterable[Notification]) -> None:
        """All of them, in any order; once more changes nothing. What is older than the history is left out."""
        await put_together(self._cql, self.to_add(notifications))

    async def put_away(self, ids: Iterable[tuple[int, int]]) -> None:
        """For good: (recipient, notification) each, whether or not they are there yet."""
        await put_together(self._cql, self.to_put_away(ids))

    def to_add(self, notifications: Iterable[Notification]) -> Iterator[tuple[int, Write]]:
        """What `add` writes, by the recipient."""
        for each in notifications:
            number = each.notification_id
            ttl = self._ttl(number)
            if ttl > 0:
                place = (each.recipient_id, time_bucket(number), number)
                row = (*place, int(each.kind), each.account_id, each.subject_id, ttl)
                yield each.recipient_id, (f"{self._table}_insert", row)

    def to_put_away(self, ids: Iterable[tuple[int, int]]) -> Iterator[tuple[int, Write]]:
        """What `put_away` writes, by the recipient."""
        for recipient_id, number in ids:
            ttl = self._ttl(number)
            if ttl > 0:
                yield recipient_id, (f"{self._table}_put_away", (recipient_id, time_bucket(number), number, ttl))

    async def clear(self, recipient_id: int, up_to_id: int) -> None:
        """Puts everything up to the id away; a lower one changes nothing."""
        await self._cql.execute("cleared_set", (recipient_id, up_to_id, ms_of(up_to_id) * 1000))

    async def cleared(self, recipient_id: int) -> int:
        """Up to where the recipient's list was cleared; 0 if never."""
        rows = await self._cql.execute("cleared_get", (recipient_id,))
        return int(rows[0].up_to_id) if rows else 0

    async def get(self, recipient_id: int, number: int) -> Slot | None:
        """None where nothing was ever written, or it has expired."""
        rows = await self._cql.execute(f"{self._table}_get", (recipient_id, time_bucket(number), number))
        return _slot(recipient_id, rows[0]) if rows else None

    async def older(self, recipient_id: int, below: int, above: int, limit: int) -> list[Slot]:
        """Newest first, between the exclusive bounds. Fewer than `limit` means that there are no more."""
        buckets = self._buckets(below, above)
        return await self._walk(f"{self._table}_older", buckets[::-1], recipient_id, (below, above), limit)

    async def newer(self, recipient_id: int, below: int, above: int, limit: int) -> list[Slot]:
        """The same from the lower bound: those just above it, oldest first."""
        return await self._walk(
            f"{self._table}_newer", self._buckets(below, above), recipient_id, (below, above), limit
        )

    def _ttl(self, number: int) -> int:
        return seconds_to_live(number, self._clock.unix_ms())

    def _buckets(self, below: int, above: int) -> range:
        """The weeks between the bounds, oldest first. Another clock may already be in the next one."""
        now_ms = self._clock.unix_ms()
        first = max(oldest_bucket(now_ms), time_bucket(above))
        return range(first, min(now_ms // BUCKET_MS + 1, time_bucket(below)) + 1)

    async def _walk(
        self, statement: str, buckets: Sequence[int], recipient_id: int, bounds: tuple[int, int], limit: int
    ) -> list[Slot]:
        """Week after week, twice as many at each step: an active reader's page costs one read, a quiet one's few."""
        found: list[Slot] = []
        start, width = 0, 2
        while start < len(buckets) and len(found) < limit:
            step = buckets[start : start + width]
            keys = [(recipient_id, bucket, *bounds, limit - len(found)) for bucket in step]
            for rows in await self._cql.many(statement, keys):
                found += [_slot(recipient_id, row) for row in rows]
            start, width = start + width, width * 2
        return found[:limit]


def _slot(recipient_id: int, row: Row) -> Slot:
    """A row that nothing but `put_away` was written to tells nothing either."""
    if row.put_away or row.kind is None:
        return Slot(row.notification_id, None)
    told = Notification(row.notification_id, recipient_id, Kind(row.kind), row.account_id, row.post_id)
    return Slot(row.notification_id, told)
