"""The key by which push services know the platform: made once, the same for all replicas and for good."""

from __future__ import annotations

from typing import Final

from notification_service.push_encryption import Vapid, new_key, parse_key
from notification_service.repository.push import PushRepository


class PushKey:
    """Asked for where it is first needed. Subscriptions are bound to it: with another one they would all end."""

    def __init__(self, repository: PushRepository, subject: str) -> None:
        self._repository: Final = repository
        self._subject: Final = subject
        self._vapid: Vapid | None = None

    async def vapid(self) -> Vapid:
        """Raises Unavailable while CQL is away and it is not known yet."""
        if self._vapid is None:
            self._vapid = Vapid(parse_key(await self._repository.key(new_key())), self._subject)
        return self._vapid
