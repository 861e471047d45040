"""What is kept of a recipient, erased in CQL: notifications some at a time, the rest by whole partitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from notification_service.models import Kind, Notification
from notification_service.placement import BUCKET_MS, group_key, oldest_bucket, time_bucket
from rookery_common.clients.cassandra import Cql
from rookery_common.clock import Clock

# Tables with one partition for each account, and how that is named there.
_PARTITIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "push_subscriptions": "account_id",
        "markers": "account_id",
        "cleared_notifications": "recipient_id",
        "notification_policies": "recipient_id",
        "notification_preferences": "recipient_id",
        "request_answers": "recipient_id",
        "digests": "recipient_id",
        "watchers_by_author": "author_id",
    }
)
STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "erase_some": (
            "SELECT notification_id, kind, account_id, post_id FROM notifications"
            " WHERE recipient_id = ? AND time_bucket IN ? LIMIT ?"
        ),
        "erase_notifications": (
            "DELETE FROM notifications WHERE recipient_id = ? AND time_bucket = ? AND notification_id >= ?"
        ),
        "erase_members": (
            "DELETE FROM group_members WHERE recipient_id = ? AND kind = ? AND post_id = ? AND half_day = ?"
        ),
        "erase_heads": "DELETE FROM group_heads WHERE recipient_id = ? AND time_bucket = ?",
        **{f"erase_{table}": f"DELETE FROM {table} WHERE {key} = ?" for table, key in _PARTITIONS.items()},  # noqa: S608
    }
)


class ErasureRepository:
    """Raises Unavailable while CQL is away."""

    def __init__(self, cql: Cql, clock: Clock) -> None:
        self._cql = cql
        self._clock = clock

    async def notifications(self, recipient_id: int, limit: int) -> int:
        """At most so many, with the groups that they are of; how many it were. What was put away goes, too."""
        rows = await self._cql.execute("erase_some", (recipient_id, self._weeks(), limit))
        told = [
            Notification(row.notification_id, recipient_id, Kind(row.kind), row.account_id, row.post_id)
            for row in rows
            if row.kind is not None
        ]
        groups = {key for each in told if (key := group_key(each)) is not None}
        await self._cql.many(
            "erase_members", [(recipient_id, int(key.kind), key.subject_id, key.window) for key in groups]
        )
        # Each week's come newest first, so that the last read is its oldest.
        oldest = {time_bucket(row.notification_id): row.notification_id for row in rows}
        await self._cql.many("erase_notifications", [(recipient_id, *each) for each in oldest.items()])
        return len(rows)

    async def heads(self, recipient_id: int) -> None:
        """What stands in the list of groups."""
        await self._cql.many("erase_heads", [(recipient_id, week) for week in self._weeks()])

    async def choices(self, account_id: int) -> None:
        """Push subscriptions, markers, policy, preferences, digests, answers to strangers; and who wants to hear of the
        account's posts."""
        for table in _PARTITIONS:
            await self._cql.execute(f"erase_{table}", (account_id,))

    def _weeks(self) -> Sequence[int]:
        """All that may have rows. Another clock may already be in the next one."""
        now_ms = self._clock.unix_ms()
        return list(range(oldest_bucket(now_ms), now_ms // BUCKET_MS + 2))
