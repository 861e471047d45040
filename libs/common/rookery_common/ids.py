"""Ids: 64-bit Snowflakes (time, worker, sequence) by a leased worker number, and UUIDv7 for events."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import uuid_utils

from rookery_common.clock import Clock
from rookery_common.errors import Unavailable

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
EPOCH_MS = int(EPOCH.timestamp() * 1000)
WORKER_BITS = 10
SEQUENCE_BITS = 12
TIME_SHIFT = WORKER_BITS + SEQUENCE_BITS
MAX_WORKER = (1 << WORKER_BITS) - 1
MAX_ID = (1 << 63) - 1
MAX_DRIFT_MS = 50
# The upper half of the sequence is for times that the caller names, so that these never meet the ordinary ids.
_HALF = 1 << (SEQUENCE_BITS - 1)
_REMEMBERED_TIMES = 4096


class IdSource(Protocol):
    """Where a service takes ids from."""

    def mint(self) -> int:
        """An id of now, greater than all that this source minted before."""
        ...

    def mint_at(self, unix_ms: int) -> int:
        """An id of a time in the past, for what is imported or scheduled; unique within this source's life only, so
        that it must be stored by an insert-if-absent."""
        ...


class ClockWentBackwards(Unavailable):
    """Ids can't be minted until the clock has caught up with the ids that are out."""

    reason = "CLOCK_WENT_BACKWARDS"


class Snowflake:
    """Mints 41 bits of milliseconds since 2020, 10 bits of worker, 12 bits of sequence.

    It follows its own time where the clock stands still, is stepped back or a millisecond's sequence is used up, by at
    most 50 ms; beyond that it raises ClockWentBackwards. `worker` is asked each time, and raises without a valid lease.
    """

    def __init__(self, clock: Clock, worker: Callable[[], int]) -> None:
        self._clock = clock
        self._worker = worker
        self._last_ms = 0
        self._sequence = 0
        self._past: OrderedDict[int, int] = OrderedDict()

    def mint(self) -> int:
        worker = self._worker()
        now = self._clock.unix_ms()
        if now > self._last_ms:
            self._last_ms, self._sequence = now, 0
        else:
            self._advance(now)
        return _compose(self._last_ms, worker, self._sequence)

    def _advance(self, now: int) -> None:
        full = self._sequence + 1 == _HALF
        if self._last_ms + full - now > MAX_DRIFT_MS:
            raise ClockWentBackwards("ids can't be minted right now", retry_after=(self._last_ms - now) / 1000)
        if full:
            self._last_ms, self._sequence = self._last_ms + 1, 0
        else:
            self._sequence += 1

    def mint_at(self, unix_ms: int) -> int:
        if not EPOCH_MS <= unix_ms <= self._clock.unix_ms():
            raise ValueError("mint_at is for times between 2020 and now")
        used = self._past.get(unix_ms)
        step = secrets.randbelow(_HALF) if used is None else (used + 1) % _HALF
        self._past[unix_ms] = step
        self._past.move_to_end(unix_ms)
        if len(self._past) > _REMEMBERED_TIMES:
            self._past.popitem(last=False)
        return _compose(unix_ms, self._worker(), _HALF + step)


def _compose(unix_ms: int, worker: int, sequence: int) -> int:
    return (unix_ms - EPOCH_MS) << TIME_SHIFT | worker << SEQUENCE_BITS | sequence


def ms_of(snowflake: int) -> int:
    """When the id was minted, in milliseconds since 1970."""
    return (snowflake >> TIME_SHIFT) + EPOCH_MS


def time_of(snowflake: int) -> datetime:
    """When the id was minted, in UTC."""
    return EPOCH + timedelta(milliseconds=snowflake >> TIME_SHIFT)


def lowest_id_at(unix_ms: int) -> int:
    """The smallest id that can be of this millisecond; 0 for times before 2020."""
    return max(0, unix_ms - EPOCH_MS) << TIME_SHIFT


def uuid7() -> str:
    """A UUIDv7: unique, and ordered by time."""
    return str(uuid_utils.uuid7())
