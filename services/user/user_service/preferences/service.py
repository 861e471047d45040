"""The rules of preferences."""

from __future__ import annotations

from rookery_common.ids import MAX_ID, IdSource
from user_service.errors import AccountNotFound, FieldInvalid
from user_service.events import Events
from user_service.preferences.models import (
    FEATURES,
    MAX_AUTHOR_WEIGHT,
    MAX_AUTHORS,
    MAX_RANKING_WEIGHT,
    HomePreferences,
)
from user_service.preferences.repository import PreferenceRepository


class Preferences:
    """How each account wants its home."""

    def __init__(self, repository: PreferenceRepository, events: Events, ids: IdSource) -> None:
        self._repository = repository
        self._events = events
        self._ids = ids

    async def get(self, account_id: int) -> HomePreferences:
        """Those of the platform, where none were ever set."""
        return await self._repository.get(account_id) or HomePreferences()

    async def set(self, account_id: int, wanted: HomePreferences) -> None:
        """All of them. Raises FieldInvalid, AccountNotFound."""
        for name, weight in wanted.ranking_weights.items():
            if name not in FEATURES:
                raise FieldInvalid("ranking_weights", f"must be of {', '.join(sorted(FEATURES))}")
            if not 0 <= weight <= MAX_RANKING_WEIGHT:
                raise FieldInvalid("ranking_weights", f"must be from 0 to {MAX_RANKING_WEIGHT:g}")
        if len(wanted.author_weights) > MAX_AUTHORS:
            raise FieldInvalid("author_weights", f"must be of at most {MAX_AUTHORS} authors")
        for author_id, weight in wanted.author_weights.items():
            if not 0 < author_id <= MAX_ID:
                raise FieldInvalid("author_weights", "must be by ids of accounts")
            if not 0 <= weight <= MAX_AUTHOR_WEIGHT:
                raise FieldInvalid("author_weights", f"must be from 0 to {MAX_AUTHOR_WEIGHT:g}")
        changed = self._events.home_preferences_changed(account_id, self._ids.mint())
        if not await self._repository.set(account_id, wanted, changed):
            raise AccountNotFound("there is no such account")
