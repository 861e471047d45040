"""Cached answers that hold only as long as the accounts that they rest on have not changed.

Each account has an epoch in Redis, a value that was never used before. An entry keeps the epochs that were seen before
what it holds was read from the database; it counts only while they are still the same. Whoever changes an account
raises its epoch after the commit and before the answer, so the next read, at any replica, sees the change. Redis may
forget anything at any time: an epoch that is gone is replaced by a new one, and what rested on the old counts no more.

What is not cached is read once, however many miss it at the same time, if they have seen the same epochs: whoever asks
after a change never waits for what was read before it.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from rookery_common.clients.redis import RedisClient, Value
from rookery_common.clock import Clock
from rookery_common.errors import AppError, Unavailable
from rookery_common.logs import get_logger
from user_service.metrics import CACHE_READS, EPOCHS_OWED

KEY_PREFIX = "user:"
ENTRY_SECONDS = 300
# What is not there may be asked for by anybody with any id.
ABSENT_SECONDS = 30
# So much more or less: entries that were made together do not end together.
JITTER = 0.2
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
    """What the cache knew: values, what there is none of, and the epochs that were there when it was asked."""

    hits: dict[K, V] = field(default_factory=dict)
    # What the database does not have.
    absent: set[K] = field(default_factory=set)
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


Read = Callable[[Collection[K]], Awaitable[Mapping[K, V]]]


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
        # What is being read, by key and stamp.
        self._flights: dict[tuple[K, bytes], asyncio.Future[Mapping[K, V]]] = {}
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
            if entry is None or stamp is None or not entry.startswith(stamp):
                continue
            if len(entry) == len(stamp):
                lookup.absent.add(key)
            else:
                lookup.hits[key] = self._kind.decode(key, entry[len(stamp) :])
        known = len(lookup.hits) + len(lookup.absent)
        CACHE_READS.labels(self._kind.name, "hit").inc(len(lookup.hits))
        CACHE_READS.labels(self._kind.name, "absent").inc(len(lookup.absent))
        CACHE_READS.labels(self._kind.name, "miss").inc(len(ordered) - known)
        return lookup

    async def fill(self, lookup: Lookup[K, V], keys: Collection[K], read: Read[K, V]) -> dict[K, V]:
        """What there is of those of the keys that the lookup does not know, read from the database and kept.

        What somebody else reads already, under the same epochs, is waited for; what fails there is read here.
        """
        missing = [key for key in keys if key not in lookup.hits and key not in lookup.absent]
        stamps = {key: stamp for key in missing if (stamp := self._stamp(lookup, key)) is not None}
        flights = {key: flight for key, stamp in stamps.items() if (flight := self._flights.get((key, stamp)))}
        found = await self._lead(lookup, [key for key in missing if key not in flights], read)
        if flights:
            await asyncio.wait(set(flights.values()))  # As long as a statement of theirs may take.
            CACHE_READS.labels(self._kind.name, "shared").inc(len(flights))
            failed = [key for key, flight in flights.items() if flight.cancelled()]
            found |= await self._lead(lookup, failed, read)
            for key in flights.keys() - set(failed):
                if key in (theirs := flights[key].result()):
                    found[key] = theirs[key]
        return found

    async def _lead(self, lookup: Lookup[K, V], keys: Collection[K], read: Read[K, V]) -> dict[K, V]:
        """Reads the keys for all who miss them meanwhile."""
        if not keys:
            return {}
        flight: asyncio.Future[Mapping[K, V]] = asyncio.get_running_loop().create_future()
        places = [(key, stamp) for key in keys if (stamp := self._stamp(lookup, key)) is not None]
        self._flights |= dict.fromkeys(places, flight)
        try:
            found = await read(keys)
            await self.put(lookup, found, [key for key in keys if key not in found])
            flight.set_result(found)
        finally:
            flight.cancel()  # Where it failed: whoever waits tries by itself.
            for place in places:
                self._flights.pop(place, None)
        return dict(found)

    def changed_lately(self, lookup: Lookup[K, V], key: K) -> bool:
        """Whether a replica of the database may not have the account's last change yet; so too if that is not known."""
        newest_trusted = self._clock.unix_ms() - REPLICA_LAG_MS
        for owner in self._kind.owners(key):
            epoch = lookup.epochs.get(owner)
            if epoch is None or int.from_bytes(epoch[:_TIME_BYTES], "big") > newest_trusted:
                return True
        return False

    async def put(self, lookup: Lookup[K, V], values: Mapping[K, V], absent: Collection[K] = ()) -> None:
        """Keeps what was read after `lookup`, and what was not found; makes the epochs that were missing, for the next
        time."""
        if not lookup.available or not (values or absent):
            return
        entries = [(key, self._kind.encode(value), ENTRY_SECONDS) for key, value in values.items()]
        entries += [(key, b"", ABSENT_SECONDS) for key in absent]
        missing = {o for key, *_ in entries for o in self._kind.owners(key) if lookup.epochs.get(o) is None}
        # As if those accounts had changed just now: Redis may have forgotten that they did.
        commands = [(*self._new_epoch(owner), "NX") for owner in missing - self._owed.keys()]
        for key, entry, seconds in entries:
            stamp = self._stamp(lookup, key)
            if stamp is not None:
                commands.append(("SET", self._entry_key(key), stamp + entry, "EX", _jittered(seconds)))
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


def _jittered(seconds: int) -> int:
    return round(seconds * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - nothing is to be kept secret by it
