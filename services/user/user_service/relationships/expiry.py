"""Mutes whose time has come are ended, so that it is told of; what is read knows the time by itself."""

from __future__ import annotations

from rookery_common.clock import Clock
from rookery_common.rounds import Rounds
from user_service.relationships.service import Relationships

INTERVAL_SECONDS = 15.0
MUTES = 200


class MuteExpiry(Rounds):
    """A bounded number at a time; any number of processes may run it."""

    def __init__(self, relationships: Relationships, clock: Clock) -> None:
        super().__init__("user.mute_expiry", clock, every=INTERVAL_SECONDS)
        self._relationships = relationships

    async def round(self) -> bool:
        """Ends some; whether there may be more."""
        return await self._relationships.end_expired_mutes(MUTES) == MUTES
