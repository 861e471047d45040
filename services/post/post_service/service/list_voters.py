"""Lists who has voted in a poll, for those who tell them that it is over."""

from __future__ import annotations

from typing import NamedTuple

from post_service.errors import InvalidField
from post_service.poll_models import MAX_VOTERS_PAGE, Ballot
from post_service.repository.polls import PollRepository
from post_service.service.bounds import check_id


class VotersPage(NamedTuple):
    """Accounts; `reached_id` is where to go on, 0 at the end."""

    account_ids: list[int]
    reached_id: int


class Voters:
    """Reads voters by keyset: a poll of 100,000 is a hundred pages, whoever has voted for what."""

    def __init__(self, polls: PollRepository) -> None:
        self._polls = polls

    async def page(self, ballot: Ballot, after: int, page_size: int) -> VotersPage:
        """Raises InvalidField."""
        if not 0 <= page_size <= MAX_VOTERS_PAGE:
            raise InvalidField("page_size", "ERR_INVALID", f"must be between 1 and {MAX_VOTERS_PAGE}")
        check_id("after_account_id", after)
        return VotersPage(*await self._polls.voters(ballot, after, page_size or MAX_VOTERS_PAGE))
