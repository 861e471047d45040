"""Preferences of recipients, in CQL."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from notification_service.models import Kind
from notification_service.preference_models import Changes, Channel, Preferences, QuietHours
from rookery_common.clients.cassandra import Args, Cql, Row

# Members are added and taken away one by one, so that two clients that change two of them at once both have their way.
STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "preferences_get": (
            "SELECT not_streamed, not_pushed, not_mailed, quiet_from, quiet_to, time_zone FROM notification_preferences"
            " WHERE recipient_id = ?"
        ),
        "preferences_not_stream": (
            "UPDATE notification_preferences SET not_streamed = not_streamed + ? WHERE recipient_id = ?"
        ),
        "preferences_stream": (
            "UPDATE notification_preferences SET not_streamed = not_streamed - ? WHERE recipient_id = ?"
        ),
        "preferences_not_push": (
            "UPDATE notification_preferences SET not_pushed = not_pushed + ? WHERE recipient_id = ?"
        ),
        "preferences_push": "UPDATE notification_preferences SET not_pushed = not_pushed - ? WHERE recipient_id = ?",
        "preferences_not_mail": (
            "UPDATE notification_preferences SET not_mailed = not_mailed + ? WHERE recipient_id = ?"
        ),
        "preferences_mail": "UPDATE notification_preferences SET not_mailed = not_mailed - ? WHERE recipient_id = ?",
        "preferences_quiet": (
            "UPDATE notification_preferences SET quiet_from = ?, quiet_to = ?, time_zone = ? WHERE recipient_id = ?"
        ),
    }
)
_CHANGE: Final = {
    (Channel.STREAM, False): "preferences_not_stream",
    (Channel.STREAM, True): "preferences_stream",
    (Channel.PUSH, False): "preferences_not_push",
    (Channel.PUSH, True): "preferences_push",
    (Channel.MAIL, False): "preferences_not_mail",
    (Channel.MAIL, True): "preferences_mail",
}


class PreferenceRepository:
    """Raises Unavailable while CQL is away."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def get(self, recipient_id: int) -> Preferences:
        """Those without any limits where the recipient has chosen none."""
        rows = await self._cql.execute("preferences_get", (recipient_id,))
        return _preferences(rows[0]) if rows else Preferences()

    async def change(self, recipient_id: int, changes: Changes) -> None:
        """What is wanted by which way, all of it or nothing."""
        rows: list[tuple[str, Args]] = [
            (_CHANGE[channel, wanted], ({int(kind)}, recipient_id)) for (kind, channel), wanted in changes.items()
        ]
        if rows:
            await self._cql.batch(rows, logged=False)

    async def set_quiet(self, recipient_id: int, quiet: QuietHours | None) -> None:
        """In the place of those before; None for no quiet hours."""
        values = (quiet.from_minute, quiet.to_minute, quiet.time_zone) if quiet else (None, None, None)
        await self._cql.execute("preferences_quiet", (*values, recipient_id))


def _preferences(row: Row) -> Preferences:
    quiet = QuietHours(row.quiet_from, row.quiet_to, row.time_zone) if row.time_zone else None
    return Preferences(_kinds(row.not_streamed), _kinds(row.not_pushed), quiet, _kinds(row.not_mailed))


def _kinds(numbers: set[int] | None) -> frozenset[Kind]:
    return frozenset(map(Kind, numbers or ()))
