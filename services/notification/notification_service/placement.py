"""Ids, buckets and shards: the arithmetic that must never change for stored data."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final
from zlib import crc32

from notification_service.models import GROUPED, HISTORY_DAYS, Act, GroupKey, Notification
from rookery_common.ids import TIME_SHIFT, lowest_id_at, ms_of

DAY_MS: Final = 86_400_000
BUCKET_DAYS: Final = 7
BUCKET_MS: Final = BUCKET_DAYS * DAY_MS
GROUP_MS: Final = 43_200_000
HEAD_MS: Final = 60_000
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
    return Notification(notification_id(act), act.recipient_id, act.kind, act.account_id, act.subject_id)


def group_key(told: Notification) -> GroupKey | None:
    """Of which group a notification is; None where it is of none."""
    if told.kind not in GROUPED:
        return None
    return GroupKey(told.kind, told.subject_id, ms_of(told.notification_id) // GROUP_MS)


def head_of(told: Notification) -> Notification:
    """What stands for it in the list of groups: of a group one head a minute, whatever its size; else itself.

    A head's time is the end of its minute, so that what is below it is below all that it stands for, and its id is of
    the group, so that it is written once.
    """
    key = group_key(told)
    if key is None:
        return told
    return Notification(_head_id(key, ms_of(told.notification_id)), told.recipient_id, key.kind, 0, key.subject_id)


def _head_id(key: GroupKey, at_ms: int) -> int:
    parts = (key.kind, key.subject_id, key.window)
    digest = blake2b(b"".join(part.to_bytes(8, "big") for part in parts), digest_size=4).digest()
    return lowest_id_at(at_ms - at_ms % HEAD_MS + HEAD_MS) | int.from_bytes(digest, "big") & _LOW_BITS


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
