"""The rules of suggestions: friends of friends before what is popular, and nobody who is not to be suggested."""

from __future__ import annotations

import asyncio

from rookery_common.clock import Clock
from user_service.errors import AccountNotFound, FieldInvalid
from user_service.suggestions.models import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Source, Suggestion
from user_service.suggestions.repository import SuggestionRepository


class Suggestions:
    """Whom an account may want to follow."""

    def __init__(self, repository: SuggestionRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def list(self, account_id: int, page_size: int) -> list[Suggestion]:
        """The best first. Raises FieldInvalid."""
        if not 0 <= page_size <= MAX_PAGE_SIZE:
            raise FieldInvalid("page_size", f"must be between 1 and {MAX_PAGE_SIZE}")
        friends, popular = await asyncio.gather(
            self._repository.friends_of_friends(account_id), self._repository.most_followed()
        )
        sources: dict[int, tuple[Source, ...]] = dict.fromkeys(friends, (Source.FRIENDS_OF_FRIENDS,))
        for each in popular:
            sources[each] = (*sources.get(each, ()), Source.MOST_FOLLOWED)
        limit, now = page_size or DEFAULT_PAGE_SIZE, self._clock.now()
        suitable = await self._repository.suitable(account_id, list(sources), limit, now)
        return [Suggestion(each, sources[each]) for each in suitable]

    async def dismiss(self, account_id: int, dismissed_id: int) -> None:
        """The account is not suggested to this one again. Raises AccountNotFound."""
        if not await self._repository.dismiss(account_id, dismissed_id):
            raise AccountNotFound("there is no such account")
