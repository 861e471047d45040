"""The counts of large buckets: kept beside the facts, and exact whoever changes what at the same time.

Each fact says whether it is in the bucket's amount, and both change by one conditional batch of their partition. So
whoever has changed a fact counts it as it is by now: of two who changed the same one, the second finds it counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from post_service.models import FactKind
from rookery_common.clients.calls import UnknownOutcome
from rookery_common.clients.cassandra import Args, Cql, Row
from rookery_common.errors import Unavailable

TRIES: Final = 20
FACTS_AT_ONCE: Final = 500
# So what a release has changed that does not count row by row is found, at a few rows more a change.
LOOKED_THROUGH_EVERY: Final = 8_192


class Bucket(NamedTuple):
    """A 32nd of the facts of a post that are of one kind."""

    post_id: int
    kind: FactKind
    number: int


class Total(NamedTuple):
    """How many facts of a bucket hold, after so many changes."""

    amount: int = 0
    revision: int = 0


class LargeBuckets:
    """Counts facts, and tells the row that a post's counts are read from."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def settle(self, bucket: Bucket, account_ids: Sequence[int]) -> int:
        """The amount after changes of these accounts' facts. Raises Unavailable where too many change the bucket at
        once."""
        amount = 0
        for first in range(0, len(account_ids), FACTS_AT_ONCE):
            amount = await self._settle(bucket, account_ids[first : first + FACTS_AT_ONCE])
        return amount

    async def look_through(self, bucket: Bucket) -> int:
        """The amount with whatever was not counted; what a crash has cut short goes on. Raises Unavailable."""
        total, after, tries = Total(), 0, TRIES
        while rows := await self._cql.execute("facts_from", (*bucket, after, FACTS_AT_ONCE)):
            counted = await self._count(bucket, rows)
            if counted is not None:
                total, after, tries = counted, rows[-1].account_id, TRIES
            elif (tries := tries - 1) == 0:
                raise _too_many()
        return await self._tell(bucket, total)

    async def _settle(self, bucket: Bucket, account_ids: Sequence[int]) -> int:
        for _ in range(TRIES):
            rows = await self._cql.execute("facts_of", (*bucket, list(account_ids)))
            total = await self._count(bucket, rows)
            if total is None:
                continue
            if not rows:
                return total.amount
            if total.revision % LOOKED_THROUGH_EVERY == 0 and total.revision != rows[0].revision:
                return await self.look_through(bucket)
            return await self._tell(bucket, total)
        raise _too_many()

    async def _count(self, bucket: Bucket, rows: Sequence[Row]) -> Total | None:
        """The bucket with these facts as they are; None if they, or it, are no more as they were read."""
        if not rows:
            return Total()
        held = Total(rows[0].amount or 0, rows[0].revision or 0)
        due = [row for row in rows if row.held != (row.counted or 0)]
        if not due:
            return held
        total = Total(held.amount + sum(row.held - (row.counted or 0) for row in due), held.revision + 1)
        changes: list[tuple[str, Args]] = [("bucket_count", (*total, *bucket, rows[0].revision))]
        changes += [("fact_count", (row.held, *bucket, row.account_id, row.version)) for row in due]
        try:
            applied, _ = await self._cql.batch_conditional(changes)
        except UnknownOutcome:
            return None  # Read again, it tells.
        return total if applied else None

    async def _tell(self, bucket: Bucket, total: Total) -> int:
        """Of several at once the newest stays: the revision is the write's timestamp."""
        await self._cql.execute("count_tell", (total.revision, total.amount, *bucket))
        return total.amount


def _too_many() -> Unavailable:
    return Unavailable("too many change it at once")
