"""What a consumer has handled, recorded in the same transaction as the effect."""

from __future__ import annotations

from uuid import UUID

from rookery_common.clients.postgres import PgConnection
from rookery_common.kafka.events import Event

POSTGRES_INBOX_DDL = """
CREATE TABLE inbox (
  consumer   text NOT NULL,
  event_id   uuid NOT NULL,
  handled_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_handled ON inbox (handled_at);
"""
# Longer than Kafka keeps an event, so that none comes again after its row is gone.
KEEP_DAYS = 14
PURGE_ROWS = 2_000

_INSERT = "INSERT INTO inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_PURGE = """
DELETE FROM inbox WHERE (consumer, event_id) IN (
  SELECT consumer, event_id FROM inbox WHERE handled_at < now() - make_interval(days => $1) ORDER BY handled_at LIMIT $2
)
"""


class PostgresInbox:
    """Makes a handler's effect happen once, however often the event is delivered."""

    async def seen(self, tx: PgConnection, consumer: str, event_id: str) -> bool:
        """True if the event was handled already; else records it, for good only if `tx` commits."""
        return await tx.execute("inbox_insert", _INSERT, consumer, UUID(event_id)) == 0

    async def first(self, tx: PgConnection, consumer: str, event: Event) -> bool:
        """The opposite of `seen`, for handlers that read better that way."""
        return not await self.seen(tx, consumer, event.event_id)

    async def purge(self, tx: PgConnection) -> int:
        """Forgets a bounded number of rows that are older than anything Kafka still holds; returns how many."""
        return await tx.execute("inbox_purge", _PURGE, KEEP_DAYS, PURGE_ROWS)
