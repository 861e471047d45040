"""Lists ordered by ids, in partitions of 180 days by the time in the id: small, however long the list grows."""

from __future__ import annotations

from rookery_common.clients.cassandra import Cql, Row
from rookery_common.clock import Clock
from rookery_common.ids import EPOCH_MS, lowest_id_at, ms_of

BUCKET_MS = 180 * 24 * 3600 * 1000
BUCKETS_AT_ONCE = 8
# By how much the clocks of two machines that mint ids may differ, many times over.
CLOCKS_MS = 3600 * 1000


class BucketedList:
    """Reads such a list by two statements that take its key, the bucket, two exclusive bounds and a limit.

    The key begins with the id of what the list belongs to, and nothing in it is older than that: an account's posts and
    marks, a post's quotes. So no bucket is asked from before there was anything.
    """

    def __init__(self, cql: Cql, clock: Clock, *, newest: str, oldest: str) -> None:
        self._cql = cql
        self._clock = clock
        self._newest = newest
        self._oldest = oldest

    async def rows(self, key: tuple[int, ...], above: int, below: int, limit: int, *, newest: bool = True) -> list[Row]:
        """Up to `limit` rows between the ids, from the newest or the oldest on; fewer mean the end."""
        found: list[Row] = []
        buckets = buckets_between(key[0], above, below, self._clock, newest=newest)
        name = self._newest if newest else self._oldest
        at_once = 1  # The first bucket often has a page; behind an idle account, several are asked together.
        while buckets and len(found) < limit:
            group, buckets = buckets[:at_once], buckets[at_once:]
            pages = await self._cql.many(name, [(*key, bucket, above, below, limit) for bucket in group])
            found += [row for page in pages for row in page]
            at_once = BUCKETS_AT_ONCE
        return found[:limit]


def bucket_of(number: int) -> int:
    """The part of its list that an id is in."""
    return (ms_of(number) - EPOCH_MS) // BUCKET_MS


def first_bucket(owner_id: int) -> int:
    """Where the list of what has this id begins."""
    return bucket_of(lowest_id_at(ms_of(owner_id) - CLOCKS_MS))


def buckets_between(owner_id: int, above: int, below: int, clock: Clock, *, newest: bool) -> list[int]:
    """The parts of a list that have ids between these, in the order in which they are read: none of the future, nor of
    before there was what the list belongs to."""
    highest = min(below, lowest_id_at(clock.unix_ms() + BUCKET_MS))
    buckets = list(range(max(bucket_of(above), first_bucket(owner_id)), bucket_of(highest) + 1))
    return buckets[::-1] if newest else buckets
