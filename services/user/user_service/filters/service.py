"""The rules of filters: whole aggregates, changed one at a time for each account, within its limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from rookery_common.clock import Clock
from rookery_common.ids import MAX_ID, IdSource
from user_service.errors import AccountNotFound, FieldInvalid, FilterNotFound, IdempotencyConflict, TooManyFilters
from user_service.events import Events
from user_service.filters.changes import changed
from user_service.filters.models import (
    MAX_FILTERS,
    MAX_KEYWORDS,
    MAX_STATUSES,
    Action,
    Filter,
    FilterChange,
    FilteredStatus,
)
from user_service.filters.repository import FilterRepository, FilterTransaction
from user_service.request_keys import RequestKey


class Filters:
    """What accounts do not want to meet."""

    def __init__(self, repository: FilterRepository, events: Events, ids: IdSource, clock: Clock) -> None:
        self._repository = repository
        self._events = events
        self._ids = ids
        self._clock = clock

    async def list(self, account_id: int) -> list[Filter]:
        """All of the account's, by id, expired ones too."""
        return await self._repository.filters(account_id)

    async def create(self, account_id: int, change: FilterChange, key: RequestKey | None = None) -> Filter:
        """The filter, or the one that an earlier try with this key made.

        Raises FieldInvalid, TooManyFilters, IdempotencyConflict.
        """
        if key:
            key.check()
        whole = replace(change, title=change.title or "", contexts=change.contexts or ())
        empty = Filter(self._ids.mint(), "", (), Action.WARN)
        made = changed(empty, whole, self._clock.now(), self._ids.mint)
        async with self._changing(account_id) as (tx, filters):
            known = await tx.requested(account_id, key.request_id) if key else None
            if key and known:
                if known[1] != key.digest:
                    raise IdempotencyConflict("request_id was used with another filter")
                return _named(filters, known[0])
            await self._save(tx, account_id, [*filters, made], made)
            if key:
                await tx.note_request(account_id, made.filter_id, key.request_id, key.digest)
        return made

    async def update(self, account_id: int, filter_id: int, change: FilterChange) -> Filter:
        """Changes what is named. Raises FilterNotFound, FieldInvalid, TooManyFilters."""
        async with self._changing(account_id) as (tx, filters):
            before = _named(filters, filter_id)
            after = changed(before, change, self._clock.now(), self._ids.mint)
            await self._save(tx, account_id, [after if each is before else each for each in filters], after)
        return after

    async def delete(self, account_id: int, filter_id: int) -> None:
        """Raises FilterNotFound."""
        async with self._changing(account_id) as (tx, filters):
            await tx.delete_filter(account_id, _named(filters, filter_id).filter_id)

    async def add_status(self, account_id: int, filter_id: int, status_id: int) -> Filter:
        """Whatever the post says. Raises FilterNotFound, FieldInvalid, TooManyFilters."""
        if not 0 < status_id <= MAX_ID:
            raise FieldInvalid("status_id", "is not an id")
        async with self._changing(account_id) as (tx, filters):
            before = _named(filters, filter_id)
            if any(each.status_id == status_id for each in before.statuses):
                return before
            after = replace(before, statuses=(*before.statuses, FilteredStatus(self._ids.mint(), status_id)))
            await self._save(tx, account_id, [after if each is before else each for each in filters], after)
        return after

    async def remove_status(self, account_id: int, filter_status_id: int) -> None:
        """Raises FilterNotFound."""
        async with self._changing(account_id) as (tx, filters):
            for before in filters:
                kept = tuple(each for each in before.statuses if each.filter_status_id != filter_status_id)
                if len(kept) < len(before.statuses):
                    await tx.save_filter(account_id, replace(before, statuses=kept))
                    return
            raise FilterNotFound("there is no such status in a filter of yours")

    @asynccontextmanager
    async def _changing(self, account_id: int) -> AsyncIterator[tuple[FilterTransaction, Sequence[Filter]]]:
        """The account's filters, which only the block changes; told of once it has ended well."""
        async with self._repository.transaction() as tx:
            filters = await tx.lock_filters(account_id)
            if filters is None:
                raise AccountNotFound("there is no such account")
            yield tx, filters
            tx.emit(self._events.filters_changed(account_id, self._ids.mint()))

    async def _save(self, tx: FilterTransaction, account_id: int, filters: Sequence[Filter], after: Filter) -> None:
        if len(filters) > MAX_FILTERS:
            raise TooManyFilters(f"an account may have {MAX_FILTERS} filters")
        if sum(len(each.keywords) for each in filters) > MAX_KEYWORDS:
            raise TooManyFilters(f"an account's filters may have {MAX_KEYWORDS} keywords in all")
        if sum(len(each.statuses) for each in filters) > MAX_STATUSES:
            raise TooManyFilters(f"an account's filters may have {MAX_STATUSES} statuses in all")
        await tx.save_filter(account_id, after)


def _named(filters: Sequence[Filter], filter_id: int) -> Filter:
    for filter_ in filters:
        if filter_.filter_id == filter_id:
            return filter_
    raise FilterNotFound("there is no such filter of yours")
