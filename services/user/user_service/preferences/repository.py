"""Statements of preferences; all on the primary, so that their owner meets each change at once."""

from __future__ import annotations

import json

from rookery_common.clients.postgres import Postgres
from rookery_common.kafka.events import Event
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from user_service.preferences.models import HomePreferences

_GET = """
SELECT ranked, without_reblogs, without_replies, ranking_weights, author_weights
FROM home_preferences WHERE account_id = $1
"""
# Only of accounts that there are.
_SET = """
INSERT INTO home_preferences
  (account_id, ranked, without_reblogs, without_replies, ranking_weights, author_weights)
SELECT a.account_id, $2, $3, $4, $5::jsonb, $6::jsonb FROM accounts a WHERE a.account_id = $1
ON CONFLICT (account_id) DO UPDATE SET
  ranked = excluded.ranked, without_reblogs = excluded.without_reblogs, without_replies = excluded.without_replies,
  ranking_weights = excluded.ranking_weights, author_weights = excluded.author_weights
RETURNING account_id
"""


class PreferenceRepository:
    """Preferences by whose they are."""

    def __init__(self, pg: Postgres, outbox: PostgresOutbox) -> None:
        self._pg = pg
        self._outbox = outbox

    async def get(self, account_id: int) -> HomePreferences | None:
        """None where none were ever set."""
        async with self._pg.read(primary=True) as connection:
            row = await connection.fetchrow("home_preferences_get", _GET, account_id)
        if row is None:
            return None
        authors = {int(author_id): weight for author_id, weight in json.loads(row["author_weights"]).items()}
        features = json.loads(row["ranking_weights"])
        return HomePreferences(row["ranked"], row["without_reblogs"], row["without_replies"], features, authors)

    async def set(self, account_id: int, wanted: HomePreferences, event: Event) -> bool:
        """False where there is no such account; else the event is published after the commit."""
        weights = json.dumps(dict(wanted.ranking_weights)), json.dumps(dict(wanted.author_weights))
        flags = wanted.ranked, wanted.without_reblogs, wanted.without_replies
        async with self._outbox.transaction() as tx:
            row = await tx.fetchrow("home_preferences_set", _SET, account_id, *flags, *weights)
            if row is not None:
                tx.emit(event)
        return row is not None
