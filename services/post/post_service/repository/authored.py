"""Posts of several authors taken together, in the order of their ids, from the index of each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from post_service.repository.buckets import BUCKETS_AT_ONCE, buckets_between, first_bucket
from rookery_common.clients.cassandra import Cql
from rookery_common.clock import Clock
from rookery_common.ids import MAX_ID

# Partitions of one statement: as many as ScyllaDB takes.
AUTHORS_PER_READ: Final = 100
READS_AT_ONCE: Final = 4
# Of each author at first; of whoever has all of these among the wanted ones, four times as many are asked for.
FIRST_ROWS: Final = 4
MORE_ROWS: Final = 4


class AuthoredPost(NamedTuple):
    """A post in its author's index."""

    post_id: int
    author_id: int


class AuthorsIndex:
    """A merge that reads of each author little more than it takes of them."""

    def __init__(self, cql: Cql, clock: Clock) -> None:
        self._cql = cql
        self._clock = clock

    async def rows(
        self, author_ids: Sequence[int], above: int, below: int, limit: int, *, newest: bool = True
    ) -> list[AuthoredPost]:
        """Up to `limit` rows between the ids, from the newest or the oldest on; fewer mean the end."""
        found: list[AuthoredPost] = []
        buckets = buckets_between(min(author_ids), above, below, self._clock, newest=newest)
        at_once = 1  # As in an author's own list: the first bucket often has a page.
        while buckets and len(found) < limit:
            group, buckets = buckets[:at_once], buckets[at_once:]
            parts = (self._bucket(author_ids, each, (above, below), limit, newest) for each in group)
            found += [row for part in await asyncio.gather(*parts) for row in part]
            at_once = BUCKETS_AT_ONCE
        return found[:limit]

    async def newest_of_each(self, author_ids: Sequence[int], limit: int) -> list[AuthoredPost]:
        """Up to `limit` rows of every author, each author's newest first."""
        found: dict[int, list[AuthoredPost]] = {}
        for bucket in buckets_between(min(author_ids), 0, MAX_ID, self._clock, newest=True):
            asked = [
                author_id
                for author_id in author_ids
                if len(found.get(author_id, ())) < limit and bucket >= first_bucket(author_id)
            ]
            rows = await self._read(asked, bucket, (0, MAX_ID), limit, True) if asked else {}
            for author_id, part in rows.items():
                found[author_id] = (found.get(author_id, []) + part)[:limit]
        return [row for part in found.values() for row in part]

    async def _bucket(
        self, author_ids: Sequence[int], bucket: int, bounds: tuple[int, int], limit: int, newest: bool
    ) -> list[AuthoredPost]:
        """The first `limit` of a bucket. An author is asked again only where all that was read of it is among them."""
        kept: dict[int, list[AuthoredPost]] = {}
        asked, each = author_ids, min(FIRST_ROWS, limit)
        while True:
            rows = await self._read(asked, bucket, bounds, each, newest)
            kept |= rows
            merged = sorted((row for part in kept.values() for row in part), reverse=newest)[:limit]
            last = merged[-1].post_id if len(merged) == limit else None
            asked = [
                author_id
                for author_id, part in rows.items()
                if len(part) == each < limit and (last is None or _comes_first(part[-1].post_id, last, newest))
            ]
            if not asked:
                return merged
            each = min(each * MORE_ROWS, limit)

    async def _read(
        self, author_ids: Sequence[int], bucket: int, bounds: tuple[int, int], each: int, newest: bool
    ) -> dict[int, list[AuthoredPost]]:
        """Up to `each` rows of each author; of no others."""
        parts = [
            (list(author_ids[first : first + AUTHORS_PER_READ]), bucket, *bounds, each)
            for first in range(0, len(author_ids), AUTHORS_PER_READ)
        ]
        name = "authors_newest" if newest else "authors_oldest"
        pages = await self._cql.many(name, parts, concurrency=READS_AT_ONCE)
        found = [AuthoredPost(row.post_id, row.author_id) for page in pages for row in page]
        by_author: dict[int, list[AuthoredPost]] = {}
        for row in found:
            by_author.setdefault(row.author_id, []).append(row)
        return by_author


def _comes_first(post_id: int, last: int, newest: bool) -> bool:
    """Whether there may be more before the last one that is wanted."""
    return post_id >= last if newest else post_id <= last
