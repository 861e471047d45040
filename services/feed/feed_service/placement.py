"""Where a reader's rows and keys are: the arithmetic of buckets and shards, which must never change for stored data."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final
from zlib import crc32

from feed_service.models import HISTORY_DAYS
from rookery_common.ids import lowest_id_at, ms_of

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
WEEK_MS: Final = 7 * DAY_MS
# Virtual shards of Redis keys: each is a hash tag, so that the keys of one share a slot in Redis Cluster.
WINDOW_SHARDS: Final = 4096


def _mixed(reader_id: int) -> int:
    """32 bits: ids are made of time and sequence, so that their own low bits are nearly all the same."""
    return crc32(reader_id.to_bytes(8, "big"))


def time_bucket(entry_id: int) -> int:
    """The day (since 1970, UTC) that the entry's own id tells, so that delivering it again rewrites the same row."""
    return ms_of(entry_id) // DAY_MS


def public_bucket(post_id: int) -> int:
    """The six hours since 1970 of all public posts that the post is in."""
    return ms_of(post_id) // (6 * HOUR_MS)


def tag_bucket(post_id: int) -> int:
    """The week since 1970 of a hashtag's posts that the post is in."""
    return ms_of(post_id) // WEEK_MS


def first_id_of(bucket: int) -> int:
    """The lowest id of a day."""
    return lowest_id_at(bucket * DAY_MS)


def seconds_to_live(entry_id: int, now_ms: int) -> int:
    """From now to the end of the entry's day plus the history that is kept; not positive for what is older."""
    return ((time_bucket(entry_id) + 1 + HISTORY_DAYS) * DAY_MS - now_ms) // 1000


def reader_shard(reader_id: int, shards: int) -> int:
    """The CQL partition of a day in which the reader's rows are."""
    return _mixed(reader_id) % shards


def window_shard(reader_id: int) -> int:
    """The virtual shard of the reader's keys in Redis."""
    return _mixed(reader_id) >> 20


def channel_id(timeline: str) -> int:
    """The number under which news of a timeline of everybody travels, as news of an account does under its id."""
    return int.from_bytes(blake2b(timeline.encode(), digest_size=8).digest(), "big") >> 1
