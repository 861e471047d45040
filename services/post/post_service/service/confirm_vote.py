"""For the outbox: whether a vote that was about to be cast has been."""

from __future__ import annotations

from post_service.events import vote_told
from post_service.repository.polls import PollRepository
from rookery_common.kafka.events import Event


class VoteConfirmer:
    """Says by a serial read whether the vote that an event tells of is the one that holds."""

    def __init__(self, polls: PollRepository) -> None:
        self._polls = polls

    async def __call__(self, event: Event) -> bool:
        ballot, account_id = vote_told(event)
        held = await self._polls.find(ballot, account_id, serial=True)
        return held is not None and held.event_id == event.event_id
