"""The notifications of each group, in CQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from notification_service.models import GroupKey, Notification, Slot
from notification_service.placement import group_key, seconds_to_live
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_partitions import Write, put_together
from rookery_common.clock import Clock

STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "member_insert": (
            "INSERT INTO group_members (recipient_id, kind, post_id, half_day, notification_id, account_id)"
            " VALUES (?, ?, ?, ?, ?, ?) USING TTL ?"
        ),
        "member_put_away": (
            "INSERT INTO group_members (recipient_id, kind, post_id, half_day, notification_id, account_id, put_away)"
            " VALUES (?, ?, ?, ?, ?, ?, true) USING TTL ?"
        ),
        "member_older": (
            "SELECT notification_id, account_id, put_away FROM group_members WHERE recipient_id = ? AND kind = ?"
            " AND post_id = ? AND half_day = ? AND notification_id < ? AND notification_id > ? LIMIT ?"
        ),
        "member_newer": (
            "SELECT notification_id, account_id, put_away FROM group_members WHERE recipient_id = ? AND kind = ?"
            " AND post_id = ? AND half_day = ? AND notification_id < ? AND notification_id > ?"
            " ORDER BY notification_id ASC LIMIT ?"
        ),
        "member_count": (
            "SELECT count(account_id) AS told, count(put_away) AS gone FROM group_members"
            " WHERE recipient_id = ? AND kind = ? AND post_id = ? AND half_day = ? AND notification_id > ?"
        ),
    }
)


class MemberRepository:
    """Writes what is one recipient's together; what has no group is left out. Raises Unavailable while CQL is away."""

    def __init__(self, cql: Cql, clock: Clock) -> None:
        self._cql = cql
        self._clock = clock

    async def add(self, notifications: Iterable[Notification]) -> None:
        """All of them, in any order; once more changes nothing."""
        await put_together(self._cql, self.to_add(notifications))

    async def put_away(self, notifications: Iterable[Notification]) -> None:
        """For good, whether or not they are there yet."""
        await put_together(self._cql, self.to_put_away(notifications))

    def to_add(self, notifications: Iterable[Notification]) -> Iterator[tuple[int, Write]]:
        """What `add` writes, by the recipient."""
        return self._rows("member_insert", notifications)

    def to_put_away(self, notifications: Iterable[Notification]) -> Iterator[tuple[int, Write]]:
        """What `put_away` writes, by the recipient."""
        return self._rows("member_put_away", notifications)

    async def older(self, recipient_id: int, key: GroupKey, below: int, above: int, limit: int) -> list[Slot]:
        """Newest first, between the exclusive bounds. Fewer than `limit` means that there are no more."""
        return await self._between("member_older", recipient_id, key, below, above, limit)

    async def newer(self, recipient_id: int, key: GroupKey, below: int, above: int, limit: int) -> list[Slot]:
        """The same from the lower bound: those just above it, oldest first."""
        return await self._between("member_newer", recipient_id, key, below, above, limit)

    async def count(self, recipient_id: int, key: GroupKey, above: int) -> int:
        """How many there are above an id; the engine counts them."""
        rows = await self._cql.execute("member_count", (*_place(recipient_id, key), above))
        return int(rows[0].told - rows[0].gone)

    async def _between(
        self, statement: str, recipient_id: int, key: GroupKey, below: int, above: int, limit: int
    ) -> list[Slot]:
        rows = await self._cql.execute(statement, (*_place(recipient_id, key), below, above, limit))
        return [
            Slot(
                row.notification_id,
                None
                if row.put_away
                else Notification(row.notification_id, recipient_id, key.kind, row.account_id, key.subject_id),
            )
            for row in rows
        ]

    def _rows(self, statement: str, notifications: Iterable[Notification]) -> Iterator[tuple[int, Write]]:
        now_ms = self._clock.unix_ms()
        for each in notifications:
            key, ttl = group_key(each), seconds_to_live(each.notification_id, now_ms)
            if key is not None and ttl > 0:
                row = (*_place(each.recipient_id, key), each.notification_id, each.account_id, ttl)
                yield each.recipient_id, (statement, row)


def _place(recipient_id: int, key: GroupKey) -> tuple[int, int, int, int]:
    return recipient_id, int(key.kind), key.subject_id, key.window
