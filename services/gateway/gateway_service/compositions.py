"""What is composed for open streams: once for all of an account's that are shown the same, and for a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from gateway_service import degradation
from gateway_service.metrics import LIVE_COMPOSITIONS
from rookery_common.auth import Identity
from rookery_common.errors import Unavailable

# Each may wait for user by three calls at once: together half of the fewest that may wait for one service.
AT_ONCE: Final = 16
ITEMS_AT_ONCE: Final = 40
# An event's other streams that are a moment late are given what was made of it; an edit is another event.
REMEMBERED_SECONDS: Final = 1.0
# Without these a page goes without what they are of.
_LEAVING_OUT: Final = frozenset({degradation.NAMES.part, degradation.REPORTS.part})
T = TypeVar("T")
Compose = Callable[[list[Any]], Awaitable[Mapping[int, bytes]]]


@dataclass(frozen=True, slots=True)
class Audience:
    """An account, by those of its tokens that may read the same."""

    account_id: int
    scopes: frozenset[str]
    permissions: frozenset[str]


def audience_of(viewer: Identity) -> Audience:
    return Audience(viewer.account_id, viewer.scopes, viewer.permissions)


@dataclass(slots=True)
class _Event:
    """Something that has arrived, held so that no other takes its identity, and what is made of it."""

    item: Any
    made: asyncio.Future[Mapping[int, bytes]]


@dataclass(slots=True)
class _Group:
    """Whoever is shown the same: what waits for them, and what was made just now, by the identity of the item."""

    compose: Compose
    events: dict[int, _Event] = field(default_factory=dict)
    waiting: list[_Event] = field(default_factory=list)
    running: asyncio.Task[None] | None = None


class Compositions:
    """What many streams ask for at once waits here in turn, instead of being refused where too many wait for a service.

    A turn takes all that waits for the same group. What fails, fails for all who wait for it, and is not remembered.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._groups: dict[Hashable, _Group] = {}
        self._reads: dict[Hashable, asyncio.Task[Any]] = {}

    async def of(self, key: Hashable, items: Sequence[Any], compose: Compose) -> dict[int, bytes]:
        """What is shown of these items, and maybe of others, by id. `compose` says so for any items of the group with
        this key; an item is told from others by its identity. Raises AppError.
        """
        if not items:
            return {}
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(compose)
        group.compose = compose  # The latest: its token lasts longest.
        events = [group.events.get(id(item)) or _enqueued(group, item) for item in items]
        if group.waiting and group.running is None:
            group.running = asyncio.create_task(self._run(key, group), context=Context())
        await asyncio.wait({event.made for event in events})
        parts = {id(made): made for made in (event.made.result() for event in events)}
        return {number: body for made in parts.values() for number, body in made.items()}

    async def read(self, key: Hashable, read: Callable[[], Awaitable[Any]]) -> Any:
        """What `read` answers in its turn, shared by all who ask for the same before it has begun. Raises AppError."""
        task = self._reads.get(key)
        if task is None:
            task = self._reads[key] = asyncio.create_task(self._read(key, read), context=Context())
            task.add_done_callback(_look_at)
        return await asyncio.shield(task)

    async def _read(self, key: Hashable, read: Callable[[], Awaitable[Any]]) -> Any:
        async with self._turns:
            del self._reads[key]
            return await _whole(read)

    async def _run(self, key: Hashable, group: _Group) -> None:
        while group.waiting:
            async with self._turns:
                batch, group.waiting = group.waiting[:ITEMS_AT_ONCE], group.waiting[ITEMS_AT_ONCE:]
                await self._compose(key, group, batch)
        group.running = None
        self._drop_if_empty(key, group)

    async def _compose(self, key: Hashable, group: _Group, batch: Sequence[_Event]) -> None:
        LIVE_COMPOSITIONS.inc()
        try:
            made = await _whole(partial(group.compose, [event.item for event in batch]))
        except Exception as error:  # Also a defect: each who waits is told of it, and the group goes on.
            self._forget(key, group, batch)
            for event in batch:
                event.made.set_exception(error)
                event.made.exception()  # Looked at here, in case that all who waited have gone.
            return
        for event in batch:
            event.made.set_result(made)
        asyncio.get_running_loop().call_later(REMEMBERED_SECONDS, self._forget, key, group, batch)

    def _forget(self, key: Hashable, group: _Group, batch: Sequence[_Event]) -> None:
        for event in batch:
            del group.events[id(event.item)]
        self._drop_if_empty(key, group)

    def _drop_if_empty(self, key: Hashable, group: _Group) -> None:
        if not group.events and group.running is None:
            self._groups.pop(key, None)


async def _whole(compose: Callable[[], Awaitable[T]]) -> T:
    """Raises Unavailable where something had to be left out: a page is read again, a frame is not."""
    missing = degradation.begin()
    made = await compose()
    if not _LEAVING_OUT.isdisjoint(missing):
        raise Unavailable("Something can't be composed whole now.")
    return made


def _enqueued(group: _Group, item: Any) -> _Event:
    event = group.events[id(item)] = _Event(item, asyncio.get_running_loop().create_future())
    group.waiting.append(event)
    return event


def _look_at(task: asyncio.Task[Any]) -> None:
    """In case that all who waited have gone."""
    if not task.cancelled():
        task.exception()
