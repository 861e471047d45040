"""Loading likes in bulk: the rows of many facts by their partitions, and no events."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from post_service.models import Fact
from post_service.repository.engagements import EngagementRepository, bucket_of_fact, fact_rows
from rookery_common.clients.cassandra import Args, Cql

ROWS_AT_ONCE: Final = 100
WRITES_AT_ONCE: Final = 64
SUMS_AT_ONCE: Final = 8
Bucket = tuple[int, int, int]


class LikeRepository:
    """Each fact under its version, so that what somebody has done since stays, and doing it again is harmless."""

    def __init__(self, cql: Cql, engagements: EngagementRepository) -> None:
        self._cql = cql
        self._engagements = engagements

    async def put(self, facts: Iterable[Fact]) -> None:
        """The facts, that the counts of their buckets are old, and the accounts' own marks and lists."""
        rows: defaultdict[str, list[Args]] = defaultdict(list)
        buckets: defaultdict[Bucket, list[Args]] = defaultdict(list)
        touched: dict[Bucket, Args] = {}
        for fact in facts:
            bucket = bucket_of_fact(fact)
            for name, args in fact_rows(fact):
                if name == "fact_put":
                    buckets[bucket].append(args)
                elif name == "count_touch":
                    touched[bucket] = args  # One a bucket: the newest is what all of them together come to.
                else:
                    rows[name].append(args)
        rows["count_touch"] = [*touched.values()]
        await asyncio.gather(self._put_buckets(buckets.values()), *(self._put_each(*each) for each in rows.items()))

    async def count(self, facts: Sequence[Fact]) -> None:
        """Sums the buckets of these, so that no reader has to."""
        slots = asyncio.Semaphore(SUMS_AT_ONCE)

        async def recount(fact: Fact) -> None:
            async with slots:
                await self._engagements.recount(fact)

        await asyncio.gather(*map(recount, {bucket_of_fact(fact): fact for fact in facts}.values()))

    async def _put_buckets(self, buckets: Iterable[Sequence[Args]]) -> None:
        slots = asyncio.Semaphore(WRITES_AT_ONCE)

        async def put(rows: Sequence[Args]) -> None:
            async with slots:
                await self._cql.batch((("fact_put", args) for args in rows), logged=False)

        parts = (rows[at : at + ROWS_AT_ONCE] for rows in buckets for at in range(0, len(rows), ROWS_AT_ONCE))
        await asyncio.gather(*map(put, parts))

    async def _put_each(self, name: str, args: Sequence[Args]) -> None:
        await self._cql.many(name, args, concurrency=WRITES_AT_ONCE)
