"""The rules of lists: of followed accounts only, one change at a time for each owner, within its limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from rookery_common.ids import MAX_ID, IdSource
from rookery_common.paging import CursorCodec
from user_service.errors import (
    AccountNotFound,
    FieldInvalid,
    IdempotencyConflict,
    ListFull,
    ListNotFound,
    MemberNotFollowed,
    TooManyLists,
)
from user_service.events import Events
from user_service.lists.models import (
    DEFAULT_PAGE_SIZE,
    MAX_LISTS,
    MAX_MEMBERS,
    MAX_NAMED,
    MAX_TITLE_CHARS,
    AccountList,
    ListChange,
    RepliesPolicy,
)
from user_service.lists.repository import ListRepository, ListTransaction
from user_service.pages import position
from user_service.request_keys import RequestKey
from user_service.service import Caches

Change = tuple[ListTransaction, Sequence[AccountList]]


class Lists:
    """Each account's lists of those whom it follows."""

    def __init__(
        self,
        repository: ListRepository,
        caches: Caches,
        events: Events,
        ids: IdSource,
        cursors: CursorCodec,
    ) -> None:
        self._repository = repository
        self._caches = caches
        self._events = events
        self._ids = ids
        self._cursors = cursors

    async def all(self, account_id: int) -> list[AccountList]:
        """The account's, by id."""
        return await self._repository.lists(account_id)

    async def holding(self, account_id: int, member_id: int) -> list[AccountList]:
        """Those of the account's that the other is on, by id."""
        return await self._repository.lists_with(account_id, member_id)

    async def named(self, account_id: int, list_id: int) -> AccountList:
        """Raises ListNotFound."""
        return _named(await self._repository.lists(account_id), list_id)

    async def create(self, account_id: int, change: ListChange, key: RequestKey | None = None) -> AccountList:
        """The list, or the one that an earlier try with this key made.

        Raises FieldInvalid, TooManyLists, IdempotencyConflict.
        """
        if key:
            key.check()
        policy = change.replies_policy or RepliesPolicy.LIST
        made = AccountList(self._ids.mint(), _title(change.title or ""), policy, bool(change.exclusive))
        async with self._changing(account_id) as (tx, lists):
            known = await tx.requested(key.request_id) if key else None
            if key and known:
                if known[1] != key.digest:
                    raise IdempotencyConflict("request_id was used with another list")
                return _named(lists, known[0])
            if len(lists) >= MAX_LISTS:
                raise TooManyLists(f"an account may have {MAX_LISTS} lists")
            await tx.save(made)
            if key:
                await tx.note_request(made.list_id, key.request_id, key.digest)
        return made

    async def update(self, account_id: int, list_id: int, change: ListChange) -> AccountList:
        """Changes what is named. Raises ListNotFound, FieldInvalid."""
        title = None if change.title is None else _title(change.title)
        async with self._changing(account_id) as (tx, lists):
            before = _named(lists, list_id)
            after = replace(
                before,
                title=before.title if title is None else title,
                replies_policy=change.replies_policy or before.replies_policy,
                exclusive=before.exclusive if change.exclusive is None else change.exclusive,
            )
            await tx.save(after)
            await tx.mark_members(after)
        return after

    async def delete(self, account_id: int, list_id: int) -> None:
        """Raises ListNotFound."""
        async with self._changing(account_id) as (tx, lists):
            await tx.delete(_named(lists, list_id).list_id)

    async def members(self, account_id: int, list_id: int, page_size: int, token: str) -> tuple[list[int], str]:
        """A page of who is on it, the newest accounts first, and the next page's token (empty on the last).

        Raises ListNotFound, FieldInvalid.
        """
        if not 0 <= page_size <= MAX_MEMBERS:
            raise FieldInvalid("page_size", f"must be between 1 and {MAX_MEMBERS}")
        limit, route = page_size or DEFAULT_PAGE_SIZE, f"list/{list_id}"
        below = position(self._cursors, route, account_id, token, "below") if token else MAX_ID
        await self.named(account_id, list_id)
        found = await self._repository.members(account_id, list_id, below, limit + 1)
        page = found[:limit]
        return page, self._cursors.encode(route, account_id, {"below": page[-1]}) if len(found) > limit else ""

    async def add(self, account_id: int, list_id: int, members: Collection[int]) -> None:
        """Raises ListNotFound, MemberNotFollowed (and adds nobody), ListFull, FieldInvalid."""
        wanted = _members(members)
        async with self._changing(account_id) as (tx, lists):
            to = _named(lists, list_id)
            if await tx.followed(wanted) != wanted:
                raise MemberNotFollowed("only those whom you follow can be on a list of yours")
            if await tx.add_members(to, wanted) > MAX_MEMBERS:
                raise ListFull(f"a list may have {MAX_MEMBERS} accounts")

    async def remove(self, account_id: int, list_id: int, members: Collection[int]) -> None:
        """Raises ListNotFound, FieldInvalid."""
        wanted = _members(members)
        async with self._changing(account_id) as (tx, lists):
            await tx.remove_members(_named(lists, list_id).list_id, wanted)

    @asynccontextmanager
    async def _changing(self, account_id: int) -> AsyncIterator[Change]:
        """The account's lists, which only the block changes; told of once it has ended well."""
        async with self._repository.transaction(account_id) as tx:
            lists = await tx.lock()
            if lists is None:
                raise AccountNotFound("there is no such account")
            yield tx, lists
            tx.emit(self._events.lists_changed(account_id, self._ids.mint()))
        # Whose posts its home leaves out has changed.
        await self._caches.relationships.raise_epochs([account_id])


def _named(lists: Sequence[AccountList], list_id: int) -> AccountList:
    for each in lists:
        if each.list_id == list_id:
            return each
    raise ListNotFound("there is no such list of yours")


def _title(text: str) -> str:
    text = text.strip()
    if not text:
        raise FieldInvalid("title", "can't be blank", "ERR_BLANK")
    if len(text) > MAX_TITLE_CHARS:
        raise FieldInvalid("title", f"must have at most {MAX_TITLE_CHARS} characters", "ERR_TOO_LONG")
    if not text.isprintable():
        raise FieldInvalid("title", "must be printable")
    return text


def _members(account_ids: Collection[int]) -> set[int]:
    if not 0 < len(account_ids) <= MAX_NAMED:
        raise FieldInvalid(
            "account_ids", f"must be from 1 to {MAX_NAMED}", "ERR_TOO_LONG" if account_ids else "ERR_BLANK"
        )
    return set(account_ids)
