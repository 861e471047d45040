"""The calling end of a batched call: what arrives while a call is in flight shares the next one.

An entry is a message with a `context` (rookery.common.v1.EntryContext): its own caller, time left and trace. A result
is a message with a `status` (google.rpc.Status): each entry succeeds or fails alone.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any, Generic, Protocol, TypeVar

from google.rpc.status_pb2 import Status as StatusMessage

from rookery.common.v1.entry_context_pb2 import EntryContext
from rookery_common.auth import Identity, current_identity
from rookery_common.errors import AppError, DeadlineExceeded, Status, from_status
from rookery_common.rpc.client import CURRENT, Current
from rookery_common.rpc.deadline import within
from rookery_common.rpc.metadata import is_sampled
from rookery_common.rpc.metrics import BATCH_ENTRIES, BATCH_EXPIRED
from rookery_common.rpc.retry import MAX_TRIES, RetryBudget, backoff
from rookery_common.rpc.status import mark_remote, may_retry, may_retry_entry
from rookery_common.telemetry import current_traceparent

MAX_ENTRIES = 64
PATIENCE_SECONDS = 0.01


class Entry(Protocol):
    """One request of a batch."""

    @property
    def context(self) -> EntryContext: ...


class Result(Protocol):
    """One answer of a batch."""

    @property
    def status(self) -> StatusMessage: ...

    def HasField(self, field_name: Any, /) -> bool: ...


Q = TypeVar("Q", bound=Entry)
R = TypeVar("R", bound=Result)
R_contra = TypeVar("R_contra", bound=Result, contravariant=True)
Send = Callable[[list[Q], float], Awaitable[Sequence[R]]]


class _Answer(Protocol[R_contra]):
    """Where the result of an entry is wanted: a future, or a place among others."""

    def done(self) -> bool: ...

    def set_result(self, result: R_contra, /) -> None: ...

    def set_exception(self, exception: Exception, /) -> None: ...


class _Pending(Generic[Q, R]):
    """An entry that waits for its answer."""

    __slots__ = ("answer", "deadline", "entry", "tries")

    def __init__(self, entry: Q, deadline: float, answer: _Answer[R]) -> None:
        self.entry, self.deadline, self.answer = entry, deadline, answer
        self.tries = 0


class _Group(Generic[R]):
    """Results of entries that one caller waits for together."""

    def __init__(self, size: int) -> None:
        self.results: list[R | Exception | None] = [None] * size
        self.whole: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left = size

    def settle(self, place: int, result: R | Exception) -> None:
        self.results[place] = result
        self._left -= 1
        if not self._left and not self.whole.done():
            self.whole.set_result(None)

    def expire(self) -> None:
        """What has not come by now will not."""
        for place, result in enumerate(self.results):
            if result is None:
                self.settle(place, _expired())


class _Place(Generic[R]):
    """One of a group's."""

    __slots__ = ("_group", "_place")

    def __init__(self, group: _Group[R], place: int) -> None:
        self._group, self._place = group, place

    def done(self) -> bool:
        return self._group.results[self._place] is not None or self._group.whole.done()

    def set_result(self, result: R, /) -> None:
        self._group.settle(self._place, result)

    def set_exception(self, exception: Exception, /) -> None:
        self._group.settle(self._place, exception)


def fill_context(context: EntryContext, identity: Identity | None, traceparent: str) -> None:
    """Whom an entry is of, and the trace that it belongs to if that is recorded."""
    if identity is not None:
        context.token = identity.token
    if is_sampled(traceparent):
        context.traceparent = traceparent


class Batcher(Generic[Q, R]):
    """The calling end: alone, an entry goes at once; what arrives while a call is in flight shares the next.

    The next goes when that call returns, or when there are as many entries as it may have, or when one has waited for
    `patience` seconds, so that a slow entry holds nobody up; at most `max_in_flight` run at once. `send` makes one call
    with the entries and the time of the latest of them; it must not retry: entries are retried here, and only those
    that failed. All entries of a batcher have one priority.
    """

    def __init__(
        self,
        send: Send[Q, R],
        *,
        max_entries: int = MAX_ENTRIES,
        max_in_flight: int = 4,
        patience: float = PATIENCE_SECONDS,
        name: str,
    ) -> None:
        self._send = send
        self._max_entries = max_entries
        self._max_in_flight = max_in_flight
        self._patience = patience
        self._impatience: asyncio.TimerHandle | None = None
        self._queue: deque[_Pending[Q, R]] = deque()
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._budget = RetryBudget()
        self._sizes = BATCH_ENTRIES.labels(name)
        self._expired = BATCH_EXPIRED.labels(name)
        self._name = name

    async def __call__(self, entry: Q, *, timeout: float, identity: Identity | Current | None = CURRENT) -> R:
        """The entry's own result. Raises AppError: its own status, or that of the whole call."""
        who = current_identity() if isinstance(identity, Current) else identity
        fill_context(entry.context, who, current_traceparent())
        left = within(timeout)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()
        timer = loop.call_later(left, _expire, answer)
        self._budget.earn()
        self._enqueue(_Pending(entry, time.monotonic() + left, answer))
        try:
            return await answer
        finally:
            timer.cancel()

    async def together(self, entries: Sequence[Q], *, timeout: float) -> list[R | Exception]:
        """The own result of each entry, in order, or what it failed with. Their contexts have been filled.

        They cost one future and one timer, where each alone would cost its own.
        """
        if not entries:
            return []
        left, group = within(timeout), _Group[R](len(entries))
        deadline = time.monotonic() + left
        timer = asyncio.get_running_loop().call_later(left, group.expire)
        for place, entry in enumerate(entries):
            self._budget.earn()
            self._enqueue(_Pending(entry, deadline, _Place(group, place)))
        try:
            await group.whole
        finally:
            timer.cancel()
        return [result for result in group.results if result is not None]

    def _enqueue(self, pending: _Pending[Q, R]) -> None:
        self._queue.append(pending)
        if not self._running or len(self._queue) >= self._max_entries:
            self._start_call()
        elif self._impatience is None and self._running < self._max_in_flight:
            self._impatience = asyncio.get_running_loop().call_later(self._patience, self._lose_patience)

    def _lose_patience(self) -> None:
        self._impatience = None
        if self._queue:
            self._start_call()

    def _start_call(self) -> None:
        if self._running >= self._max_in_flight:
            return
        self._running += 1
        # In a context of its own: the call acts for many, and must not inherit one's identity, deadline or trace.
        task = asyncio.get_running_loop().create_task(self._run(), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        try:
            while batch := self._take():
                await self._call(batch)
        finally:
            # Here, not when the task is seen to be done: what arrives in between would wait for another arrival.
            self._running -= 1

    def _take(self) -> list[_Pending[Q, R]]:
        """The next entries whose callers still wait."""
        batch: list[_Pending[Q, R]] = []
        now = time.monotonic()
        while self._queue and len(batch) < self._max_entries:
            pending = self._queue.popleft()
            if pending.deadline <= now or pending.answer.done():
                self._expired.inc()
                _expire(pending.answer)
                continue
            pending.entry.context.timeout_ms = max(1, int((pending.deadline - now) * 1000))
            batch.append(pending)
        return batch

    async def _call(self, batch: list[_Pending[Q, R]]) -> None:
        self._sizes.observe(len(batch))
        latest = max(pending.deadline for pending in batch)
        try:
            results = await self._send([pending.entry for pending in batch], latest - time.monotonic())
            if len(results) != len(batch):
                raise ValueError(f"{self._name} answered {len(results)} of {len(batch)} entries")
        except AppError as error:
            for pending in batch:
                self._fail(pending, copy.copy(error), retriable=may_retry(error))
        except Exception as error:  # a defect: each caller is told, and the batcher goes on
            for pending in batch:
                if not pending.answer.done():
                    pending.answer.set_exception(copy.copy(error))
        else:
            for pending, result in zip(batch, results, strict=True):
                self._settle(pending, result)

    def _settle(self, pending: _Pending[Q, R], result: R) -> None:
        if result.HasField("status") and result.status.code:
            self._fail(pending, from_status(result.status), retriable=may_retry_entry(result.status))
        elif not pending.answer.done():
            pending.answer.set_result(result)

    def _fail(self, pending: _Pending[Q, R], error: AppError, *, retriable: bool) -> None:
        if pending.answer.done():
            return
        pending.tries += 1
        wait = backoff(pending.tries)
        again = retriable and error.status is Status.UNAVAILABLE and pending.tries < MAX_TRIES
        if again and time.monotonic() + wait < pending.deadline and self._budget.spend():
            asyncio.get_running_loop().call_later(wait, self._enqueue, pending)
        else:
            pending.answer.set_exception(mark_remote(error, retriable=False))


def _expired() -> DeadlineExceeded:
    return DeadlineExceeded("The time for this request is up.")


def _expire(answer: _Answer[Any]) -> None:
    if not answer.done():
        answer.set_exception(_expired())
