"""For the relay: a like that nobody has told of may not be counted either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from post_service.events import fact_told
from post_service.repository.engagements import EngagementRepository
from rookery_common.kafka.events import Event
from rookery_common.kafka.publisher import Sender
from rookery_common.side_by_side import side_by_side

COUNTED_AT_ONCE: Final = 8


class CountingSender:
    """Counts what the events tell of, again perhaps, and sends them then. Raises Unavailable before anything is sent:
    the relay tries again, so that once all is told all is counted."""

    def __init__(self, sender: Sender, engagements: EngagementRepository) -> None:
        self._sender = sender
        self._engagements = engagements

    async def send_all(self, events: Sequence[Event]) -> None:
        facts = iter([fact for event in events if (fact := fact_told(event)) is not None])

        async def count() -> None:
            for fact in facts:
                await self._engagements.recount(fact)

        await side_by_side(count, COUNTED_AT_ONCE)
        await self._sender.send_all(events)
