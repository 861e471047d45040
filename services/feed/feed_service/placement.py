"""Where a reader's rows and keys are: the arithmetic of buckets and shards, which must never change for stored data."""

from __future__ import annotations

from typing import Final

from feed_service.models import HISTORY_DAYS
from rookery_common.ids import lowest_id_at, ms_of

DAY_MS: Final = 86_400_000
# Virtual shards of Redis keys: each is a hash tag, so that the keys of one share a slot in Redis Cluster.
WINDOW_SHARDS: Final = 4096
LIVE_SHARDS: Final = 8
_MASK: Final = (1 << 64) - 1
# Knuth's multiplicative hash: ids are made of time and sequence, and their low bits are nearly all the same.
_MULTIPLIER: Final = 0x9E3779B97F4A7C15


def _mixed(number: int) -> int:
    return (number * _MULTIPLIER) & _MASK


def time_bucket(entry_id: int) -> int:
    """The day (since 1970, UTC) that the entry's own id tells, so that delivering it again rewrites the same row."""
    return ms_of(entry_id) // DAY_MS


def first_id_of(bucket: int) -> int:
    """The lowest id of a day."""
    return lowest_id_at(bucket * DAY_MS)


def seconds_to_live(entry_id: int, now_ms: int) -> int:
    """From now to the end of the entry's day plus the history that is kept; not positive for what is older."""
    return ((time_bucket(entry_id) + 1 + HISTORY_DAYS) * DAY_MS - now_ms) // 1000


def reader_shard(reader_id: int, shards: int) -> int:
    """The CQL partition of a day in which the reader's rows are."""
    return (_mixed(reader_id) >> 20 & 0xFFFFFFFF) % shards


def window_shard(reader_id: int) -> int:
    """The virtual shard of the reader's keys in Redis."""
    return _mixed(reader_id) >> 52


def live_shard(reader_id: int) -> int:
    """The stream on which the reader's updates travel."""
    return (_mixed(reader_id) >> 52) % LIVE_SHARDS
