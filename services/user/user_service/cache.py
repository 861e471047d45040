"""Cached answers that hold only as long as the accounts that they rest on have not changed.

Each account has an epoch in Redis, a value that was never used before. An entry keeps the epochs that were seen before
what it holds was read from the database; it counts only while they are still the same. Whoever changes an account
raises its epoch after the commit and before the answer, so the next read, at any replica, sees the change. Redis may
forget anything at any time: an epoch that is gone is replaced by a new one, and what rested on the old counts no more.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from rookery_common.clients.redis import RedisClient, Value
from rookery_common.clock import Clock
from rookery_common.errors import AppError, Unavailable
from rookery_common.logs import get_logger
from user_service.metrics import CACHE_READS, EPOCHS_OWED

KEY_PREFIX = "user:"
ENTRY_SECONDS = 60
EPOCH_SECONDS = 3600
# What changed since is read from the primary: as much as the client lets a replica be behind, and as much again for the
# clocks of those who raise epochs.
REPLICA_LAG_MS = 10_000
RETRY_SECONDS = 0.2
MAX_RETRY_SECONDS = 5.0
_TIME_BYTES = 8
_EPOCH_BYTES = _TIME_BYTES + 4

K = TypeVar("K")
V = TypeVar("V")
log = get_logger()


@dataclass(slots=True)
class Lookup(Generic[K, V]):
    """What the cache knew: values, and the epochs that were there when it was asked."""

    hits: dict[K, V] = field(default_factory=dict)
    epochs: dict[int, bytes | None] = field(default_factory=dict)
    available: bool = True


@dataclass(frozen=True, slots=True)
class Kind(Generic[K, V]):
    """What is cached: its name in keys, how keys and values are written, and which accounts a key rests on."""

    name: str
    key: Callable[[K], str]
    owners: Callable[[K], tuple[int, ...]]
    encode: Callable[[V], bytes]
    decode: Callable[[K, bytes], V]


class EpochCache(Generic[K, V]):
    """The cache of one kind of answer."""

    def __init__(self, redis: RedisClient, kind: Kind[K, V], clock: Clock, prefix: str = KEY_PREFIX) -> None:
        self._redis = redis
        self._kind = kind
        self._clock = clock
        self._prefix = f"{prefix}{kind.name}"
        # Accounts whose epoch is still to be raised, with a number that tells one change from the next.
        self._owed: dict[int, int] = {}
        self._changes = 0
        self._payer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Nothing to do: epochs are made as they are needed."""

    async def stop(self) -> None:
        if self._payer is not None:
            self._payer.cancel()

    async def get(self, keys: Collection[K], others: Collection[int] = ()) -> Lookup[K, V]:
        """All that is cached and still holds, with the epochs of its owners and of others, in one call; nothing if
        Redis is away."""
        ordered = list(keys)
        owners = sorted({*others, *(owner for key in ordered for owner in self._kind.owners(key))})
        names = [*map(self._epoch_key, owners), *map(self._entry_key, ordered)]
        try:
            values = await self._redis.mget(f"{self._kind.name}_get", names)
        except Unavailable:
            CACHE_READS.labels(self._kind.name, "away").inc(len(ordered))
            return Lookup(epochs=dict.fromkeys(owners), available=False)
        found = zip(owners, values, strict=False)
        epochs = {owner: None if owner in self._owed else epoch for owner, epoch in found}
        lookup: Lookup[K, V] = Lookup(epochs=epochs)
        for key, entry in zip(ordered, values[len(owners) :], strict=True):
            stamp = self._stamp(lookup, key)
            if entry is not None and stamp is not None and entry.startswith(stamp):
                lookup.hits[key] = self._kind.decode(key, entry[len(stamp) :])
        CACHE_READS.labels(self._kind.name, "hit").inc(len(lookup.hits))
        CACHE_READS.labels(self._kind.name, "miss").inc(len(ordered) - len(lookup.hits))
        return lookup

    def changed_lately(self, lookup: Lookup[K, V], key: K) -> bool:
        """Whether a replica of the database may not have the account's last change yet; so too if that is not known."""
        newest_trusted = self._clock.unix_ms() - REPLICA_LAG_MS
        for owner in self._kind.owners(key):
            epoch = lookup.epochs.get(owner)
            if epoch is None or int.from_bytes(epoch[:_TIME_BYTES], "big") > newest_trusted:
                return True
        return False

    async def put(self, lookup: Lookup[K, V], values: Mapping[K, V]) -> None:
        """Keeps what was read after `lookup`; makes the epochs that were missing, for the next time."""
        if not lookup.available or not values:
            return
        missing = {o for key in values for o in self._kind.owners(key) if lookup.epochs.get(o) is None}
        # As if those accounts had changed just now: Redis may have forgotten that they did.
        commands = [(*self._new_epoch(owner), "NX") for owner in missing - self._owed.keys()]
        for key, value in values.items():
            stamp = self._stamp(lookup, key)
            if stamp is not None:
                entry = stamp + self._kind.encode(value)
                commands.append(("SET", self._entry_key(key), entry, "EX", ENTRY_SECONDS))
        try:
            await self._redis.send(f"{self._kind.name}_put", commands)
        except Unavailable:
            CACHE_READS.labels(self._kind.name, "put_failed").inc()

    async def raise_epochs(self, owners: Iterable[int], *others: EpochCache[Any, Any]) -> None:
        """Makes all entries that rest on these accounts count no more, in other caches of this Redis too. To be awaited
        after a commit, before the answer.

        While Redis is away nobody reads entries; the epochs are then raised as soon as it is back, and this process
        reads from the database until it has done so.
        """
        wanted, caches = set(owners), (self, *others)
        commands = [cache._new_epoch(owner) for cache in caches for owner in wanted]
        try:
            await self._redis.send("epochs_raise", commands)
        except AppError as error:
            log.warning("cache.epochs_owed", kind=self._kind.name, accounts=len(wanted), reason=error.reason)
            for cache in caches:
                cache._owe(wanted)

    def _owe(self, owners: set[int]) -> None:
        self._changes += 1
        self._owed |= dict.fromkeys(owners, self._changes)
        EPOCHS_OWED.labels(self._kind.name).set(len(self._owed))
        if self._payer is None or self._payer.done():
            # In a context of its own: it outlives the request and its deadline.
            self._payer = asyncio.get_running_loop().create_task(self._pay(), context=Context())

    async def _pay(self) -> None:
        wait = RETRY_SECONDS
        while self._owed:
            await self._clock.sleep(wait)
            wait = min(wait * 2, MAX_RETRY_SECONDS)
            owed = dict(self._owed)
            try:
                await self._redis.send("epochs_raise", list(map(self._new_epoch, owed)))
            except AppError as error:
                log.warning("cache.epochs_still_owed", kind=self._kind.name, reason=error.reason)
                continue
            # What changed again meanwhile stays owed.
            self._owed = {owner: change for owner, change in self._owed.items() if owed.get(owner) != change}
            EPOCHS_OWED.labels(self._kind.name).set(len(self._owed))

    def _stamp(self, lookup: Lookup[K, V], key: K) -> bytes | None:
        """The epochs that an entry must carry; None if one is not known."""
        stamp = b""
        for owner in self._kind.owners(key):
            epoch = lookup.epochs.get(owner)
            if epoch is None:
                return None
            stamp += epoch
        return stamp

    def _new_epoch(self, owner: int) -> tuple[Value, ...]:
        """The command that sets it."""
        epoch = self._clock.unix_ms().to_bytes(_TIME_BYTES, "big") + secrets.token_bytes(_EPOCH_BYTES - _TIME_BYTES)
        return ("SET", self._epoch_key(owner), epoch, "EX", EPOCH_SECONDS)

    def _epoch_key(self, owner: int) -> str:
        return f"{self._prefix}:epoch:{owner}"

    def _entry_key(self, key: K) -> str:
        return f"{self._prefix}:{self._kind.key(key)}"
