"""Ids, buckets and shards: the arithmetic that must never change for stored data."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final
from zlib import crc32

from notification_service.models import HISTORY_DAYS, Act, Notification
from rookery_common.ids import TIME_SHIFT, lowest_id_at, ms_of

DAY_MS: Final = 86_400_000
BUCKET_DAYS: Final = 7
BUCKET_MS: Final = BUCKET_DAYS * DAY_MS
# Virtual shards of Redis keys: each is a hash tag, so that the keys of one share a slot in Redis Cluster.
WINDOW_SHARDS: Final = 4096
_LOW_BITS: Final = (1 << TIME_SHIFT) - 1


def notification_id(act: Act) -> int:
    """A Snowflake of the act's time, whose low 22 bits are of the act itself: the same act has the same id.

    Two acts towards one recipient in the same millisecond would have to meet in these bits to be taken for one.
    """
    parts = (act.recipient_id, act.kind, act.account_id, act.source_id)
    digest = blake2b(b"".join(part.to_bytes(8, "big") for part in parts), digest_size=4).digest()
    return lowest_id_at(act.at_ms) | int.from_bytes(digest, "big") & _LOW_BITS


def notification_of(act: Act) -> Notification:
    """What its recipient is told of an act."""
    return Notification(notification_id(act), act.recipient_id, act.kind, act.account_id, act.post_id)


def time_bucket(number: int) -> int:
    """The week (of seven days since 1970) that the id tells, so that writing it again rewrites the same row."""
    return ms_of(number) // BUCKET_MS


def seconds_to_live(number: int, now_ms: int) -> int:
    """From now to the end of the id's week plus the history that is kept; not positive for what is older."""
    return ((time_bucket(number) + 1) * BUCKET_MS + HISTORY_DAYS * DAY_MS - now_ms) // 1000


def oldest_bucket(now_ms: int) -> int:
    """The first week of the history."""
    return (now_ms - HISTORY_DAYS * DAY_MS) // BUCKET_MS


def window_shard(recipient_id: int) -> int:
    """The virtual shard of the recipient's key in Redis."""
    return _mixed(recipient_id) >> 20


def _mixed(recipient_id: int) -> int:
    """32 bits: ids are made of time and sequence, so that their own low bits are nearly all the same."""
    return crc32(recipient_id.to_bytes(8, "big"))
