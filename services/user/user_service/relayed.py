"""What a process has committed, and did not live to tell: the relay tells it, the cache first."""

from __future__ import annotations

from collections.abc import Sequence

from rookery_common.kafka.events import Event
from rookery_common.kafka.publisher import Sender
from user_service.service import Caches


class EpochsFirst:
    """Raises the epochs of the accounts that events are about before they are sent.

    Whoever makes a change raises them before it answers; where it died in between, nobody was answered, and what is
    cached would stay as it was until it ends.
    """

    def __init__(self, sender: Sender, caches: Caches) -> None:
        self._sender = sender
        self._caches = caches

    async def send_all(self, events: Sequence[Event]) -> None:
        await self._caches.changed({account_id for event in events for account_id in _accounts(event)})
        await self._sender.send_all(events)


def _accounts(event: Event) -> list[int]:
    """Keys are ids of accounts: one, or of a pair both."""
    return [int(part) for part in event.key.split(":") if part.isdigit()]
