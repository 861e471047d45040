"""Favourites, reblogs and quotes in CQL: a row for each account and post, and per bucket the sum of its rows.

Whoever changes a row sums the bucket again afterwards, and stores that only if nobody else has stored a sum since
before the reading: so the last sum stored has seen every change. A large bucket of favourites is summed once in a
thousand changes, by who reads it when it was quiet for a minute, and where a crash has left it old; between, each
change shifts its amount by what it has changed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import UTC
from typing import NamedTuple

from post_service.models import Engaged, Fact, FactKind
from post_service.repository.coalescing import Coalescing
from post_service.repository.marked import marked_rows
from post_service.repository.marks import mark_row, week_of
from rookery_common.clients.calls import UnknownOutcome
from rookery_common.clients.cassandra import Args, Cql, Row
from rookery_common.clock import Clock
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.events import Event

BUCKETS = 32
BUCKETS_AT_ONCE = 8
STORE_TRIES = 5
SHIFT_TRIES = 3
LARGE_AMOUNT = 1_000
"""From so many on a bucket is large; a post has then some 32 times as many."""
SUMMED_EVERY = 1_024
"""Changes of a large bucket, so that summing costs each a share of a thousandth of the bucket."""
UNDER_WAY_US = 5_000_000
"""So recent a change of a large bucket is taken to be counted soon by whoever makes it; in microseconds."""
QUIET_US = 60_000_000
"""After so long without a change a large bucket is summed, for good until the next; in microseconds."""
HOLDERS_PER_READ = 100
_MULTIPLIER = 0x9E3779B97F4A7C15


class EngagementCounts(NamedTuple):
    """How many hold now."""

    reblogs: int = 0
    favourites: int = 0
    quotes: int = 0


# Amount, and up to which change it is counted and summed.
_Amounts = tuple[int, int | None, int | None]


class _Bucket(NamedTuple):
    post_id: int
    kind: int
    bucket: int


class _Change(NamedTuple):
    """What a new version of a fact adds to its bucket."""

    version: int
    shift: int


class EngagementRepository:
    """Reads, writes and counts facts. A fact's version is its write's timestamp, so that repeating one is harmless."""

    def __init__(self, cql: Cql, outbox: CqlOutbox, clock: Clock) -> None:
        self._cql = cql
        self._outbox = outbox
        self._clock = clock
        self._changes: defaultdict[_Bucket, list[_Change]] = defaultdict(list)
        self._recount = Coalescing(self._settle)

    async def find(self, kind: FactKind, post_id: int, account_id: int) -> Fact:
        """The fact as stored; one of version 0 if there never was any."""
        rows = await self._cql.execute("fact_get", (*_bucket(kind, post_id, account_id), account_id))
        if not rows:
            return Fact(kind, post_id, account_id)
        row = rows[0]
        since = row.since.replace(tzinfo=UTC)
        return Fact(kind, post_id, account_id, bool(row.held), row.version, since, mark_id=row.mark_id or 0)

    async def engaged(self, kind: FactKind, post_id: int, after: int, limit: int) -> tuple[list[Engaged], int]:
        """Up to `limit` accounts whose fact holds, from behind account `after` on, and where to go on; 0 at the end."""
        counts = await self._cql.execute("count_all", (post_id,))
        first = _bucket(kind, post_id, after).bucket if after else 0
        buckets = [row.bucket for row in counts if row.kind == kind and row.bucket >= first]
        found: list[Engaged] = []
        for start in range(0, len(buckets), BUCKETS_AT_ONCE):
            group = [(bucket, after if bucket == first else 0) for bucket in buckets[start : start + BUCKETS_AT_ONCE]]
            pages = await self._cql.many("fact_page", [(post_id, kind, *bounds, limit) for bounds in group])
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
            while rows := await self._cql.execute("fact_page", (post_id, kind, bucket, after, HOLDERS_PER_READ)):
                yield [row.account_id for row in rows if row.held]
                after = rows[-1].account_id

    async def put(self, fact: Fact, event: Event) -> None:
        """The fact, the account's own mark, that the count is old now, and the event, in one logged batch."""
        await self._cql.batch([*fact_rows(fact), *self._outbox.rows(event)])

    async def publish(self, event: Event) -> None:
        """After `put`; returns at once. What a crash keeps from being published, the relay publishes."""
        await self._outbox.publish_soon([event])

    async def recount(self, fact: Fact, before: Fact | None = None) -> None:
        """After a change of the fact: the count that is read from now on includes it. Who says what was `before` need
        not wait for a large bucket's sum."""
        bucket = _bucket(fact.kind, fact.post_id, fact.account_id)
        if before is not None and fact.version != before.version:
            self._changes[bucket].append(_Change(fact.version, int(fact.active) - int(before.active)))
        await self._recount(bucket)

    async def count(self, post_ids: Sequence[int]) -> dict[int, EngagementCounts]:
        """How many hold for each post. Where a crash has left a sum old, it is made again."""
        pages = await self._cql.many("count_all", [(post_id,) for post_id in post_ids])
        buckets = [_Bucket(row.post_id, row.kind, row.bucket) for page in pages for row in page]
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
        is_known = row.changed == row.counted and not self._is_to_be_summed(row)
        if is_known or (_is_large(row) and self._is_under_way(row)):
            return int(row.amount or 0)
        return await self._recount(_Bucket(row.post_id, row.kind, row.bucket))

    async def _settle(self, bucket: _Bucket) -> int:
        """The revision is read before the rows and compared when the amount is stored."""
        changes = self._changes.pop(bucket, [])
        amount, shifts = 0, SHIFT_TRIES
        for _ in range(STORE_TRIES):
            rows = await self._cql.execute("count_get", bucket)
            row = rows[0] if rows else None
            if row is not None and shifts > 0 and self._may_shift(row, changes):
                values = _shifted(row, changes)
                if values == (row.amount, row.counted, row.summed):
                    return values[0]
            else:
                values = await self._summed(bucket, row)
            amount, revision = values[0], row.revision if row else None
            try:
                applied, _row = await self._cql.execute_conditional(
                    "count_set", (*values, (revision or 0) + 1, *bucket, revision)
                )
            except UnknownOutcome:
                shifts = 0  # Perhaps it was stored: only a sum is right then whether or not.
                continue
            if applied:
                break
            shifts -= 1
        return amount  # If it could not be stored, `changed` tells the next reader.

    async def _summed(self, bucket: _Bucket, row: Row | None) -> _Amounts:
        amount = (await self._cql.execute("fact_sum", bucket))[0].amount or 0
        changed = summed = row.changed if row else None
        if amount >= LARGE_AMOUNT:
            # Of what has come while so many rows were read, nobody knows whether it is among them.
            rows = await self._cql.execute("count_get", bucket)
            summed = changed if rows and rows[0].changed == changed else None
        return amount, changed, summed

    def _may_shift(self, row: Row, changes: Sequence[_Change]) -> bool:
        """Whether the amount is right but for these changes, and for such as others are just counting."""
        if not _is_large(row) or row.summed is None or row.revision % SUMMED_EVERY == 0:
            return False
        if self._is_to_be_summed(row):
            return False
        return _is_settled_by(row, changes) or self._is_under_way(row)

    def _is_to_be_summed(self, row: Row) -> bool:
        """Two processes may have changed the same row at once, and have both taken its shift for theirs."""
        return _is_large(row) and row.changed != row.summed and self._age_us(row) > QUIET_US

    def _is_under_way(self, row: Row) -> bool:
        return self._age_us(row) < UNDER_WAY_US

    def _age_us(self, row: Row) -> int:
        """Since its last change."""
        return int(self._clock.unix_ms() * 1000 - row.changed)


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


def _is_large(row: Row) -> bool:
    return row.kind == FactKind.FAVOURITE and (row.amount or 0) >= LARGE_AMOUNT


def _is_settled_by(row: Row, changes: Sequence[_Change]) -> bool:
    """Whether nothing is left to count once these are."""
    return row.changed == row.counted or any(row.changed == change.version for change in changes)


def _shifted(row: Row, changes: Sequence[_Change]) -> _Amounts:
    """What a sum has seen since is in the amount already."""
    shift = sum(change.shift for change in changes if change.version > row.summed)
    counted = row.changed if _is_settled_by(row, changes) else row.counted
    return row.amount + shift, counted, row.summed


def bucket_of_fact(fact: Fact) -> tuple[int, int, int]:
    """The partition that the fact is in, and is summed with."""
    return _bucket(fact.kind, fact.post_id, fact.account_id)


def _bucket(kind: FactKind, post_id: int, account_id: int) -> _Bucket:
    # Ids made in a row differ in few bits: multiplied, they spread.
    return _Bucket(post_id, kind, (account_id * _MULTIPLIER & 0xFFFFFFFFFFFFFFFF) * BUCKETS >> 64)
