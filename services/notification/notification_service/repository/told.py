"""Whom posts, and what else has a notification that stands for it, were told to; in CQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from notification_service.models import Kind, TellingKey, Told
from notification_service.placement import seconds_to_live
from rookery_common.clients.cassandra import Cql
from rookery_common.clock import Clock

STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "told_insert": (
            "INSERT INTO told_posts (source_id, kind, recipient_id, notification_id) VALUES (?, ?, ?, ?) USING TTL ?"
        ),
        # A post tells those whom it names, whose number post limits; a reblog tells one.
        "told_get": (
            "SELECT source_id, kind, recipient_id, notification_id FROM told_posts"
            " WHERE source_id = ? AND kind = ? AND recipient_id = ?"
        ),
        "told_list": (
            "SELECT source_id, kind, recipient_id, notification_id FROM told_posts WHERE source_id = ? LIMIT 1000"
        ),
    }
)


class ToldRepository:
    """One writer at a time: a source's events are on one partition of their topic. Raises Unavailable without CQL."""

    def __init__(self, cql: Cql, clock: Clock) -> None:
        self._cql = cql
        self._clock = clock

    async def of_posts(self, source_ids: Iterable[int]) -> list[Told]:
        """What each of the posts was told as."""
        found = await self._cql.many("told_list", [(source_id,) for source_id in source_ids])
        return [
            Told(row.source_id, Kind(row.kind), row.recipient_id, row.notification_id) for rows in found for row in rows
        ]

    async def standing(self, keys: Iterable[TellingKey]) -> dict[TellingKey, int]:
        """The notification's id by each of the keys that was told."""
        found = await self._cql.many("told_get", [(source, int(kind), recipient) for source, kind, recipient in keys])
        return {
            (row.source_id, Kind(row.kind), row.recipient_id): row.notification_id for rows in found for row in rows
        }

    async def add(self, told: Iterable[Told]) -> None:
        """Before the notification itself is written, so that after a crash it is written under the same id."""
        now_ms = self._clock.unix_ms()
        rows = [
            (each.source_id, int(each.kind), each.recipient_id, each.notification_id, ttl)
            for each in told
            if (ttl := seconds_to_live(each.notification_id, now_ms)) > 0
        ]
        await self._cql.many("told_insert", rows)
