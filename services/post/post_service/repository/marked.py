"""What accounts favour and have bookmarked, in CQL: in the order of marking, by account."""

from __future__ import annotations

from post_service.models import Bookmark, Fact, MarkedPost, MarkKind
from post_service.repository.buckets import BucketedList, bucket_of
from rookery_common.clients.cassandra import Args, Cql
from rookery_common.clock import Clock
from rookery_common.ids import lowest_id_at


class MarkedRepository:
    """Reads the lists. A row of theirs is in the batch of the mark that it belongs to, and so is its removal."""

    def __init__(self, cql: Cql, clock: Clock) -> None:
        self._cql = cql
        self._clock = clock
        self._list = BucketedList(cql, clock, newest="marked_newest", oldest="marked_oldest")

    async def page(
        self, account_id: int, kind: MarkKind, above: int, below: int, limit: int, *, newest: bool = True
    ) -> list[MarkedPost]:
        """Up to `limit` marks between the ids, from the newest or the oldest on; fewer mean the end.

        Of what two processes marked at once, there is one too many: MarkRepository.held leaves it out.
        """
        rows = await self._list.rows((account_id, kind), above, below, limit, newest=newest)
        return [MarkedPost(*row) for row in rows]

    async def forget(self, account_id: int, version: int) -> None:
        """All of an account's lists."""
        buckets = range(bucket_of(lowest_id_at(self._clock.unix_ms())) + 1)
        keys = [(version, account_id, kind, bucket) for kind in MarkKind for bucket in buckets]
        await self._cql.many("marked_forget", keys)


def marked_rows(mark: Fact | Bookmark) -> list[tuple[str, Args]]:
    """What a favourite or a bookmark, or the end of one, changes in its account's list."""
    kind = MarkKind.BOOKMARK if isinstance(mark, Bookmark) else MarkKind.FAVOURITE
    key = (mark.account_id, kind, bucket_of(mark.mark_id), mark.mark_id)
    if mark.active:
        return [("marked_put", (*key, mark.post_id, mark.version))]
    # Without an id it was marked before there were lists.
    return [("marked_remove", (mark.version, *key))] if mark.mark_id else []
