"""Where accounts have read to, in CQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from types import MappingProxyType
from typing import Final

from notification_service.models import MarkedTimeline, Marker
from rookery_common.clients.cassandra import Cql

STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "marker_list": "SELECT timeline, last_read_id, version, update_time FROM markers WHERE account_id = ? LIMIT 10",
        "marker_make": (
            "INSERT INTO markers (account_id, timeline, last_read_id, version, update_time) VALUES (?, ?, ?, ?, ?)"
            " IF NOT EXISTS"
        ),
        "marker_move": (
            "UPDATE markers SET last_read_id = ?, version = ?, update_time = ? WHERE account_id = ? AND timeline = ?"
            " IF version = ?"
        ),
    }
)


class MarkerRepository:
    """Raises Unavailable while CQL is away."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def of_account(self, account_id: int) -> dict[MarkedTimeline, Marker]:
        """All that the account has ever marked."""
        rows = await self._cql.execute("marker_list", (account_id,), serial=True)
        markers = [
            Marker(MarkedTimeline(row.timeline), row.last_read_id, row.version, row.update_time.replace(tzinfo=UTC))
            for row in rows
        ]
        return {marker.timeline: marker for marker in markers}

    async def put(self, account_id: int, marker: Marker) -> bool:
        """Whether it was still the version before this one that was there."""
        place = (account_id, int(marker.timeline))
        if marker.version == 1:
            values = (*place, marker.last_read_id, marker.version, marker.update_time)
            applied, _ = await self._cql.execute_conditional("marker_make", values)
        else:
            state = (marker.last_read_id, marker.version, marker.update_time)
            applied, _ = await self._cql.execute_conditional("marker_move", (*state, *place, marker.version - 1))
        return applied
