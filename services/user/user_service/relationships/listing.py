"""Lists of accounts by what they are to one, newest first, by tokens that are bound to the list and its viewer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from rookery_common.clock import Clock
from rookery_common.ids import MAX_ID
from rookery_common.paging import CursorCodec
from user_service.errors import AccountNotFound, FieldInvalid
from user_service.pages import position
from user_service.relationships.models import DEFAULT_PAGE_SIZE, MAX_FAMILIAR_OF, MAX_PAGE_SIZE, Listed, MutedAccount
from user_service.relationships.repository import RelationshipRepository
from user_service.service import Caches

T = TypeVar("T")


class RelationshipLists:
    """Pages of lists, each with the next page's token (empty on the last)."""

    def __init__(self, repository: RelationshipRepository, caches: Caches, cursors: CursorCodec, clock: Clock) -> None:
        self._repository = repository
        self._caches = caches
        self._cursors = cursors
        self._clock = clock

    async def followers(self, viewer: int, account_id: int, page_size: int, token: str) -> tuple[list[int], str]:
        """Who follows the account; nobody, for others where it hides that or blocks them. Raises AccountNotFound."""
        route = f"followers/{account_id}"
        limit, before = self._page(route, viewer, page_size, token)
        primary = await self._must_exist(account_id)
        if await self._is_kept_away(viewer, account_id):
            return [], ""
        page = await self._repository.followers(account_id, before, limit, primary=primary)
        return self._answer(route, viewer, page)

    async def following(self, viewer: int, account_id: int, page_size: int, token: str) -> tuple[list[int], str]:
        """Whom the account follows, in the same way."""
        route = f"following/{account_id}"
        limit, before = self._page(route, viewer, page_size, token)
        primary = await self._must_exist(account_id)
        if await self._is_kept_away(viewer, account_id):
            return [], ""
        page = await self._repository.following(account_id, before, limit, primary=primary)
        return self._answer(route, viewer, page)

    async def requests(self, account_id: int, page_size: int, token: str) -> tuple[list[int], str]:
        """Who asks to follow the account."""
        limit, before = self._page("requests", account_id, page_size, token)
        return self._answer("requests", account_id, await self._repository.requests(account_id, before, limit))

    async def blocks(self, account_id: int, page_size: int, token: str) -> tuple[list[int], str]:
        """Whom the account blocks."""
        limit, before = self._page("blocks", account_id, page_size, token)
        return self._answer("blocks", account_id, await self._repository.blocks(account_id, before, limit))

    async def mutes(self, account_id: int, page_size: int, token: str) -> tuple[list[MutedAccount], str]:
        """Whom the account mutes now."""
        limit, before = self._page("mutes", account_id, page_size, token)
        page = await self._repository.mutes(account_id, before, limit, self._clock.now())
        return self._answer("mutes", account_id, page)

    async def endorsements(self, viewer: int, account_id: int, page_size: int, token: str) -> tuple[list[int], str]:
        """Whom the account endorses; nobody, for whom it blocks. Raises AccountNotFound."""
        route = f"endorsements/{account_id}"
        limit, before = self._page(route, viewer, page_size, token)
        await self._must_exist(account_id)
        if viewer not in (0, account_id) and await self._repository.is_blocked(viewer, by=account_id):
            return [], ""
        return self._answer(route, viewer, await self._repository.endorsements(account_id, before, limit))

    async def familiar(self, account_id: int, others: Sequence[int]) -> list[tuple[int, list[int]]]:
        """For each of the others, whom of its followers the account follows; nobody where that is not to be told."""
        wanted = list(dict.fromkeys(others))
        if not 0 < len(wanted) <= MAX_FAMILIAR_OF:
            raise FieldInvalid("account_ids", f"must be from 1 to {MAX_FAMILIAR_OF}")
        found = await self._repository.familiar_followers(account_id, wanted)
        return [(each, found.get(each, [])) for each in wanted]

    async def _must_exist(self, account_id: int) -> bool:
        """Raises AccountNotFound; tells whether the primary is to be read, for what has changed just now."""
        lookup = await self._caches.views.get([account_id])
        primary = self._caches.views.changed_lately(lookup, account_id)
        if not lookup.hits and not await self._repository.account_exists(account_id, primary=primary):
            raise AccountNotFound("there is no such account")
        return primary

    async def _is_kept_away(self, viewer: int, account_id: int) -> bool:
        if viewer == account_id:
            return False
        if await self._repository.hides_collections(account_id):
            return True
        return viewer != 0 and await self._repository.is_blocked(viewer, by=account_id)

    def _page(self, route: str, viewer: int, page_size: int, token: str) -> tuple[int, int]:
        """How many, and before which."""
        if not 0 <= page_size <= MAX_PAGE_SIZE:
            raise FieldInvalid("page_size", f"must be between 1 and {MAX_PAGE_SIZE}")
        before = position(self._cursors, route, viewer, token, "before") if token else MAX_ID
        return page_size or DEFAULT_PAGE_SIZE, before

    def _answer(self, route: str, viewer: int, page: Listed[T]) -> tuple[list[T], str]:
        token = "" if page.before is None else self._cursors.encode(route, viewer, {"before": page.before})
        return page.items, token
