"""Timelines of everybody in CQL: all public posts, and those of each hashtag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from feed_service.models import PUBLIC, PublicChange, PublicEntry, tag_timeline
from feed_service.placement import public_bucket, tag_bucket
from rookery_common.clients.cassandra import Args, Cql, Row

# Partitions of a timeline that are known to be registered, kept in memory: forgetting them costs a write each.
MOST_KNOWN: Final = 50_000
_BUCKETS_AT_ONCE: Final = 64

STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "public_put": (
            "INSERT INTO public_timelines (timeline, bucket, post_id, author_id, has_media, tags)"
            " VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
        ),
        "public_drop": (
            "DELETE FROM public_timelines USING TIMESTAMP ? WHERE timeline = ? AND bucket = ? AND post_id = ?"
        ),
        "public_older": (
            "SELECT post_id, author_id, has_media, tags FROM public_timelines"
            " WHERE timeline = ? AND bucket = ? AND post_id < ? AND post_id > ? LIMIT ?"
        ),
        "public_newer": (
            "SELECT post_id, author_id, has_media, tags FROM public_timelines"
            " WHERE timeline = ? AND bucket = ? AND post_id < ? AND post_id > ? ORDER BY post_id ASC LIMIT ?"
        ),
        "public_buckets_older": (
            "SELECT bucket FROM public_buckets WHERE timeline = ? AND bucket <= ? AND bucket >= ? LIMIT ?"
        ),
        "public_buckets_newer": (
            "SELECT bucket FROM public_buckets WHERE timeline = ? AND bucket <= ? AND bucket >= ?"
            " ORDER BY bucket ASC LIMIT ?"
        ),
        "public_bucket_put": "INSERT INTO public_buckets (timeline, bucket) VALUES (?, ?)",
        "public_tags_get": "SELECT tags FROM public_tags_by_post WHERE post_id = ?",
        "public_tags_add": "UPDATE public_tags_by_post SET tags = tags + ? WHERE post_id = ?",
    }
)


class PublicRepository:
    """Writes posts into their timelines, in any order and any number of times: the newest version of a post stays."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql
        self._registered: set[tuple[str, int]] = set()

    async def put(self, changes: Sequence[PublicChange]) -> dict[int, Iterable[str]]:
        """Each post into the timelines that it belongs in, and out of those where it was; returns the hashtags that
        posts ever had, of those that were known before."""
        had = await self._tags_had([change.entry.post_id for change in changes if change.is_known])
        await self._remember([change.entry for change in changes if change.shown])
        rows: dict[tuple[str, int], list[tuple[str, Args]]] = {}
        for change in changes:
            wanted = _timelines(change)
            dropped = _all_timelines(change, had.get(change.entry.post_id, ())) - wanted
            for timeline in wanted:
                rows.setdefault(_partition(timeline, change), []).append(("public_put", _row(timeline, change)))
            for timeline in dropped if change.is_known else ():
                place = (change.version, *_partition(timeline, change), change.entry.post_id)
                rows.setdefault(_partition(timeline, change), []).append(("public_drop", place))
        # Before their rows: who reads must not miss a partition that has some.
        await self._register([partition for partition, writes in rows.items() if _has_rows(writes)])
        for writes in rows.values():
            await self._cql.batch(writes, logged=False)
        return had

    async def older(self, timeline: str, below: int, above: int, limit: int) -> list[PublicEntry]:
        """Newest first, between the exclusive bounds. Fewer than `limit` means that there are no more."""
        return await self._walk("older", timeline, below, above, limit)

    async def newer(self, timeline: str, below: int, above: int, limit: int) -> list[PublicEntry]:
        """The same from the lower bound: those just above it, oldest first."""
        return await self._walk("newer", timeline, below, above, limit)

    async def _tags_had(self, post_ids: Sequence[int]) -> dict[int, Iterable[str]]:
        found = await self._cql.many("public_tags_get", [(post_id,) for post_id in post_ids])
        return {post_id: rows[0].tags or () for post_id, rows in zip(post_ids, found, strict=True) if rows}

    async def _remember(self, entries: Iterable[PublicEntry]) -> None:
        """Never forgotten: what is told again, years later, is taken out again of all where it ever was."""
        await self._cql.many("public_tags_add", [(entry.tags, entry.post_id) for entry in entries if entry.tags])

    async def _register(self, partitions: Iterable[tuple[str, int]]) -> None:
        fresh = [partition for partition in partitions if partition not in self._registered]
        await self._cql.many("public_bucket_put", fresh)
        if len(self._registered) + len(fresh) > MOST_KNOWN:
            self._registered.clear()
        self._registered.update(fresh)

    async def _walk(self, way: str, timeline: str, below: int, above: int, limit: int) -> list[PublicEntry]:
        """Bucket after bucket, twice as many at each step: a busy timeline's page costs one read, a quiet one's few."""
        found: list[PublicEntry] = []
        low, high = _bucket(timeline, above), _bucket(timeline, below)
        while len(found) < limit:
            rows = await self._cql.execute(f"public_buckets_{way}", (timeline, high, low, _BUCKETS_AT_ONCE))
            buckets = [row.bucket for row in rows]
            start, width = 0, 1
            while start < len(buckets) and len(found) < limit:
                bounds = (below, above, limit - len(found))
                keys = [(timeline, bucket, *bounds) for bucket in buckets[start : start + width]]
                for part in await self._cql.many(f"public_{way}", keys):
                    found += map(_entry, part)
                start, width = start + width, width * 2
            if len(buckets) < _BUCKETS_AT_ONCE:
                break
            low, high = (low, buckets[-1] - 1) if way == "older" else (buckets[-1] + 1, high)
        return found[:limit]


def _timelines(change: PublicChange) -> set[str]:
    """Where the post belongs now."""
    return _all_timelines(change, change.entry.tags) if change.shown else set()


def _all_timelines(change: PublicChange, tags: Iterable[str]) -> set[str]:
    timelines = {tag_timeline(tag) for tag in tags}
    return timelines if change.is_answer else timelines | {PUBLIC}


def _partition(timeline: str, change: PublicChange) -> tuple[str, int]:
    return timeline, _bucket(timeline, change.entry.post_id)


def _bucket(timeline: str, post_id: int) -> int:
    return public_bucket(post_id) if timeline == PUBLIC else tag_bucket(post_id)


def _row(timeline: str, change: PublicChange) -> Args:
    entry = change.entry
    values = (entry.post_id, entry.author_id, entry.has_media, sorted(entry.tags))
    return (*_partition(timeline, change), *values, change.version)


def _has_rows(writes: Iterable[tuple[str, Args]]) -> bool:
    return any(name == "public_put" for name, _ in writes)


def _entry(row: Row) -> PublicEntry:
    return PublicEntry(row.post_id, row.author_id, frozenset(row.tags or ()), row.has_media)
