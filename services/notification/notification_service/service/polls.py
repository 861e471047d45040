"""Polls that are over: whoever asked, and whoever voted, is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from notification_service.models import Act, Kind, PollEnd
from notification_service.service.tell import Teller


class Voters(Protocol):
    """Where it is asked who has voted."""

    async def voters(self, post_id: int, ballot: int, after_id: int) -> tuple[Sequence[int], int]:
        """Some of them, and after whom to go on (0 at the end)."""
        ...


class PollTeller:
    """Tells under the time of the end, so that the same end is told once."""

    def __init__(self, teller: Teller, voters: Voters) -> None:
        self._teller = teller
        self._voters = voters

    async def tell(self, ends: Sequence[PollEnd]) -> None:
        """Raises Unavailable: then it is to be done again."""
        for end in ends:
            await self._teller.tell_acts(_acts(end, [end.author_id]))
            after, more = 0, True
            while more:
                found, after = await self._voters.voters(end.post_id, end.ballot, after)
                await self._teller.tell_acts(_acts(end, found))
                more = after != 0


def _acts(end: PollEnd, recipient_ids: Sequence[int]) -> Iterator[Act]:
    for recipient_id in recipient_ids:
        yield Act(recipient_id, Kind.POLL, end.author_id, end.post_id, end.post_id, end.at_ms)
