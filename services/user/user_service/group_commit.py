"""Changes that come while others are being committed share the next transaction, as databases commit.

A transaction's round trips cost more than what is done in them; shared, they are paid once for all of a group.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from typing import Final, Generic, TypeVar

from rookery_common.clients.calls import UnknownOutcome
from rookery_common.clients.postgres import PostgresUnavailable
from rookery_common.errors import AppError, DeadlineExceeded
from rookery_common.rpc.deadline import DEFAULT_SECONDS, start_deadline, within

MAX_CHANGES: Final = 32
MAX_GROUPS: Final = 4
# Nobody waits longer than this for a group that is under way, as long as fewer than MAX_GROUPS are.
PATIENCE_SECONDS: Final = 0.01
# After these another try helps nobody, or may do twice what is done.
_FINAL = (UnknownOutcome, PostgresUnavailable, DeadlineExceeded)
K = TypeVar("K", bound=Hashable)
A = TypeVar("A")
R = TypeVar("R")


class _Waiting(Generic[K, A, R]):
    """A change, and who waits for what becomes of it."""

    __slots__ = ("answer", "change", "deadline", "key")

    def __init__(self, key: K, change: A) -> None:
        self.key, self.change = key, change
        self.deadline = time.monotonic() + within(DEFAULT_SECONDS)
        self.answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()

    def settle(self, result: R | Exception) -> None:
        """Says so, unless nobody waits any more."""
        if self.answer.done():
            return
        if isinstance(result, Exception):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)


class GroupCommit(Generic[K, A, R]):
    """Alone, a change goes at once; what comes while a group is under way shares the next. Of a key, one at a time.

    `commit` makes all of a group's changes or none, and has a result for each, or the error that refuses it alone.
    Where it fails as a whole, each change is tried once more by itself, so that none suffers from another.
    """

    def __init__(self, commit: Callable[[Sequence[A]], Awaitable[Sequence[R | AppError]]]) -> None:
        self._commit = commit
        self._queue: list[_Waiting[K, A, R]] = []
        self._busy: set[K] = set()
        self._groups: set[asyncio.Task[None]] = set()
        self._impatience: asyncio.TimerHandle | None = None

    async def __call__(self, key: K, change: A) -> R:
        """What becomes of the change. Raises what refuses it, or DeadlineExceeded before it has begun."""
        waiting: _Waiting[K, A, R] = _Waiting(key, change)
        self._queue.append(waiting)
        if not self._groups or len(self._queue) >= MAX_CHANGES:
            self._start()
        elif self._impatience is None:
            self._impatience = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._start)
        return await waiting.answer

    def _start(self) -> None:
        """Groups of those that wait and may go now: behind a full one the next goes at once."""
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None
        size = MAX_CHANGES
        while size == MAX_CHANGES and len(self._groups) < MAX_GROUPS and (group := self._take()):
            # In a context of its own: it acts for many, and must not inherit one's identity, deadline or trace.
            task = asyncio.get_running_loop().create_task(self._run(group), context=Context())
            self._groups.add(task)
            task.add_done_callback(self._end)
            size = len(group)

    def _take(self) -> list[_Waiting[K, A, R]]:
        taken: dict[K, _Waiting[K, A, R]] = {}
        kept = []
        for waiting in self._queue:
            if waiting.answer.done():
                continue  # Who asked has given up.
            if len(taken) < MAX_CHANGES and waiting.key not in taken and waiting.key not in self._busy:
                taken[waiting.key] = waiting
            else:
                kept.append(waiting)
        self._queue = kept
        self._busy |= taken.keys()
        return list(taken.values())

    def _end(self, task: asyncio.Task[None]) -> None:
        self._groups.discard(task)
        self._start()

    async def _run(self, group: Sequence[_Waiting[K, A, R]]) -> None:
        try:
            if failure := await self._try(group):
                again = len(group) > 1 and isinstance(failure, AppError) and not isinstance(failure, _FINAL)
                await asyncio.gather(*(self._alone(waiting, failure, again=again) for waiting in group))
        finally:
            self._busy.difference_update(waiting.key for waiting in group)

    async def _alone(self, waiting: _Waiting[K, A, R], failure: Exception, *, again: bool) -> None:
        last = await self._try([waiting]) if again else failure
        if last is not None:
            waiting.settle(copy.copy(last))

    async def _try(self, group: Sequence[_Waiting[K, A, R]]) -> Exception | None:
        """Settles all of the group, or none and says why."""
        start_deadline(max(waiting.deadline for waiting in group) - time.monotonic())
        try:
            results = await self._commit([waiting.change for waiting in group])
            ends = list(zip(group, results, strict=True))
        except Exception as error:  # a defect too: each is told, and the next goes on
            return error
        for waiting, result in ends:
            waiting.settle(result)
        return None
