"""Loading likes in bulk: the rows of many facts by their partitions, and no events."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from post_service.models import Fact
from post_service.repository.engagements import EngagementRepository, bucket_of_fact, fact_rows
from rookery_common.clients.cassandra import Args, Cql
from rookery_common.side_by_side import side_by_side

# Of one partition, or of as many as there are accounts: whoever coordinates spreads those, at a tenth of the cost of
# statements of their own.
ROWS_AT_ONCE: Final = 100
WRITES_AT_ONCE: Final = 32
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
        parts = [("fact_put", part) for bucket in buckets.values() for part in _parts(bucket)]
        parts += [(name, part) for name, args in rows.items() for part in _parts(args)]
        await self._put_parts(parts)

    async def count(self, facts: Sequence[Fact]) -> None:
        """Sums the buckets of these, so that no reader has to."""
        slots = asyncio.Semaphore(SUMS_AT_ONCE)

        async def recount(fact: Fact) -> None:
            async with slots:
                await self._engagements.recount_all(fact)

        await asyncio.gather(*map(recount, {bucket_of_fact(fact): fact for fact in facts}.values()))

    async def _put_parts(self, parts: Sequence[tuple[str, Sequence[Args]]]) -> None:
        todo = iter(parts)

        async def work() -> None:
            for name, rows in todo:
                await self._cql.batch(((name, args) for args in rows), logged=False)

        await side_by_side(work, WRITES_AT_ONCE)


def _parts(rows: Sequence[Args]) -> Iterator[Sequence[Args]]:
    return (rows[at : at + ROWS_AT_ONCE] for at in range(0, len(rows), ROWS_AT_ONCE))
