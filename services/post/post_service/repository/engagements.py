"""Favourites, reblogs and quotes in CQL: a row for each account and post, and per bucket the sum of its rows.

Whoever changes a row sums the bucket again afterwards, and stores that only if nobody else has stored a sum since
before the reading: so the last sum stored has seen every change. A large bucket of favourites is counted row by row
instead (`large_buckets`), and stays so.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import UTC
from typing import NamedTuple

from post_service.models import Engaged, Fact, FactKind
from post_service.repository.coalescing import Coalescing
from post_service.repository.large_buckets import Bucket, LargeBuckets
from post_service.repository.marked import marked_rows
from post_service.repository.marks import mark_row, week_of
from rookery_common.clients.calls import UnknownOutcome
from rookery_common.clients.cassandra import Args, Cql, Row
from rookery_common.clock import Clock
from rookery_common.ids import MAX_ID
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.events import Event

BUCKETS = 32
BUCKETS_AT_ONCE = 8
STORE_TRIES = 5
LARGE_AMOUNT = 1_000
"""From so many favourites on a bucket is large; a post has then some 32 times as many."""
GROWING_US = 5_000_000
"""So soon after its last change a bucket that becomes large is left to whoever is at it; in microseconds."""
LARGE_KNOWN = 100_000
"""Buckets; some 20 MB."""
EVERYBODY = 0
"""In place of an account: all of the bucket."""
HOLDERS_PER_READ = 100
_MULTIPLIER = 0x9E3779B97F4A7C15


class Place(NamedTuple):
    """Facts of a post are read in the order of their places."""

    bucket: int
    account_id: int


class EngagementCounts(NamedTuple):
    """How many hold now."""

    reblogs: int = 0
    favourites: int = 0
    quotes: int = 0


class EngagementRepository:
    """Reads, writes and counts facts. A fact's version is its write's timestamp, so that repeating one is harmless."""

    def __init__(self, cql: Cql, outbox: CqlOutbox, clock: Clock) -> None:
        self._cql = cql
        self._outbox = outbox
        self._clock = clock
        self._changed: defaultdict[Bucket, set[int]] = defaultdict(set)
        self._large_buckets = LargeBuckets(cql)
        # Of which it is known that all of their rows are counted. They stay large.
        self._large: set[Bucket] = set()
        self._recount = Coalescing(self._settle)

    async def find(self, kind: FactKind, post_id: int, account_id: int) -> Fact:
        """The fact as stored; one of version 0 if there never was any."""
        rows = await self._cql.execute("fact_get", (*_bucket(kind, post_id, account_id), account_id))
        if not rows:
            return Fact(kind, post_id, account_id)
        row = rows[0]
        since = row.since.replace(tzinfo=UTC)
        return Fact(kind, post_id, account_id, bool(row.held), row.version, since, mark_id=row.mark_id or 0)

    async def engaged(
        self, kind: FactKind, post_id: int, after: int, limit: int, *, before: int = 0, backwards: bool = False
    ) -> tuple[list[Engaged], int]:
        """Up to `limit` accounts whose fact holds, and where to go on, 0 at the end: by their places from `after` on
        up to `before` (0 for none; both are left out), or from there backwards."""
        counts = await self._cql.execute("count_all", (post_id,))
        first = place_of(after).bucket if after else 0
        last = place_of(before).bucket if before else BUCKETS - 1
        buckets = sorted((r.bucket for r in counts if r.kind == kind and first <= r.bucket <= last), reverse=backwards)
        name = "fact_page_back" if backwards else "fact_page"
        found: list[Engaged] = []
        for start in range(0, len(buckets), BUCKETS_AT_ONCE):
            group = [
                (number, after if number == first else 0, before if before and number == last else MAX_ID)
                for number in buckets[start : start + BUCKETS_AT_ONCE]
            ]
            pages = await self._cql.many(name, [(post_id, kind, *bounds, limit) for bounds in group])
            for rows in pages:
                held = [Engaged(row.account_id, row.since) for row in rows if row.held][: limit - len(found)]
                found += held
                if len(found) == limit:
                    return found, held[-1].account_id
                if len(rows) == limit:  # The bucket has more, behind favourites that were taken back.
                    return found, rows[-1].account_id
        return found, 0

    async def holders(self, kind: FactKind, post_id: int) -> AsyncIterator[list[int]]:
        """The accounts whose fact holds, some at a time."""
        for bucket in range(BUCKETS):
            after = 0
            place = (post_id, kind, bucket)
            while rows := await self._cql.execute("fact_page", (*place, after, MAX_ID, HOLDERS_PER_READ)):
                yield [row.account_id for row in rows if row.held]
                after = rows[-1].account_id

    async def put(self, fact: Fact, event: Event) -> None:
        """The fact, the account's own mark, that the count is old now, and the event, in one logged batch."""
        await self._cql.batch([*fact_rows(fact), *self._outbox.rows(event)])

    async def publish(self, event: Event) -> None:
        """After `put`; returns at once. What a crash keeps from being published, the relay publishes."""
        await self._outbox.publish_soon([event])

    async def recount(self, fact: Fact) -> None:
        """After a change of the fact: the count that is read from now on includes it. Raises Unavailable."""
        bucket = bucket_of_fact(fact)
        self._changed[bucket].add(fact.account_id)
        await self._recount(bucket)

    async def recount_all(self, fact: Fact) -> None:
        """After changes of many facts of the bucket that this one is in. Raises Unavailable."""
        bucket = bucket_of_fact(fact)
        self._changed[bucket].add(EVERYBODY)
        await self._recount(bucket)

    async def count(self, post_ids: Sequence[int]) -> dict[int, EngagementCounts]:
        """How many hold for each post. Where a crash has left a sum old, it is made again."""
        pages = await self._cql.many("count_all", [(post_id,) for post_id in post_ids])
        buckets = [Bucket(row.post_id, row.kind, row.bucket) for page in pages for row in page]
        amounts = await asyncio.gather(*(self._amount(row) for page in pages for row in page))
        totals = {(post_id, kind): 0 for post_id in post_ids for kind in FactKind}
        for (post_id, kind, _), amount in zip(buckets, amounts, strict=True):
            totals[post_id, FactKind(kind)] += amount
        return {
            post_id: EngagementCounts(
                totals[post_id, FactKind.REBLOG], totals[post_id, FactKind.FAVOURITE], totals[post_id, FactKind.QUOTE]
            )
            for post_id in post_ids
        }

    async def claim_reblog(self, account_id: int, post_id: int, reblog_id: int, held: int) -> int:
        """The id that the account's reblog of the post has: the one given, unless another replaced `held` meanwhile."""
        if held:
            args: Args = (reblog_id, account_id, post_id, held)
            applied, row = await self._cql.execute_conditional("reblog_reclaim", args)
        else:
            args = (account_id, post_id, reblog_id)
            applied, row = await self._cql.execute_conditional("reblog_claim", args)
        return reblog_id if applied or row is None else row.reblog_id

    async def claimed_reblog(self, account_id: int, post_id: int) -> int:
        """The id that the account's reblog of the post has or had; 0 for none."""
        rows = await self._cql.execute("reblog_claim_get", (account_id, post_id))
        return rows[0].reblog_id if rows else 0

    async def _amount(self, row: Row) -> int:
        bucket = Bucket(row.post_id, row.kind, row.bucket)
        if row.told is not None:
            self._note_large(bucket)
            return int(row.told)
        is_growing = row.large and self._clock.unix_ms() * 1000 - row.changed < GROWING_US
        if is_growing or (row.changed == row.counted and not row.large):
            return int(row.amount or 0)
        return await self._recount(bucket)

    async def _settle(self, bucket: Bucket) -> int:
        changed = self._changed.pop(bucket, set())
        if bucket not in self._large and (amount := await self._sum(bucket)) is not None:
            return amount
        if changed and EVERYBODY not in changed and bucket in self._large:
            return await self._large_buckets.settle(bucket, [*changed])
        amount = await self._large_buckets.look_through(bucket)
        self._note_large(bucket)
        return amount

    async def _sum(self, bucket: Bucket) -> int | None:
        """None for a bucket that is large, also from now on. The revision is read before the rows and compared when the
        amount is stored: whoever changes a row of what has become large meanwhile is told so."""
        amount = 0
        for _ in range(STORE_TRIES):
            rows = await self._cql.execute("count_get", bucket)
            changed, revision, is_large = (rows[0].changed, rows[0].revision, rows[0].large) if rows else (None,) * 3
            if is_large:
                if rows[0].told is not None:
                    self._note_large(bucket)
                return None
            amount = (await self._cql.execute("fact_sum", bucket))[0].amount or 0
            is_large = bucket.kind == FactKind.FAVOURITE and amount >= LARGE_AMOUNT
            try:
                applied, _row = await self._cql.execute_conditional(
                    "count_set", (amount, changed, is_large, (revision or 0) + 1, *bucket, revision)
                )
            except UnknownOutcome:
                continue
            if applied:
                return None if is_large else amount
        return amount  # If it could not be stored, `changed` tells the next reader.

    def _note_large(self, bucket: Bucket) -> None:
        if len(self._large) >= LARGE_KNOWN:
            self._large.clear()
        self._large.add(bucket)


def fact_rows(fact: Fact) -> list[tuple[str, Args]]:
    """The rows of a change of a fact, for the batch that it belongs to."""
    bucket = _bucket(fact.kind, fact.post_id, fact.account_id)
    values = (int(fact.active), fact.version, fact.since, fact.mark_id, fact.version)
    rows: list[tuple[str, Args]] = [
        ("fact_put", (*bucket, fact.account_id, *values)),
        ("count_touch", (*bucket, fact.version, fact.version)),
    ]
    if fact.kind is FactKind.QUOTE:
        return rows
    if fact.kind is FactKind.REBLOG:
        return [*rows, ("mark_reblog", mark_row(fact.account_id, fact.post_id, fact.active, fact.version))]
    week = week_of(fact.account_id, fact.post_id)
    mark = (*week, fact.post_id, fact.active, fact.mark_id, fact.version)
    return [*rows, ("mark_favourite", mark), *marked_rows(fact)]


def place_of(account_id: int) -> Place:
    """Where the account is in the list of those who favour or reblog a post, or would be."""
    # Ids made in a row differ in few bits: multiplied, they spread.
    return Place((account_id * _MULTIPLIER & 0xFFFFFFFFFFFFFFFF) * BUCKETS >> 64, account_id)


def bucket_of_fact(fact: Fact) -> Bucket:
    """The partition that the fact is in, and is summed with."""
    return _bucket(fact.kind, fact.post_id, fact.account_id)


def _bucket(kind: FactKind, post_id: int, account_id: int) -> Bucket:
    return Bucket(post_id, kind, place_of(account_id).bucket)
