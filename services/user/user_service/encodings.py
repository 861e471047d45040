"""What is cached, and how it is written: small, and quick to turn into an answer."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

from user_service.cache import Kind
from user_service.models import AccountView, Counts, Relationship

# version, followers, following, statuses, microseconds from 1970 to the last status (0: none); then the profile
_VIEW = struct.Struct(">qqqqq")
_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FOLLOWING, _REBLOGS, _NOTIFYING, _FOLLOWED_BY = 1, 2, 4, 8


def _encode_view(view: AccountView) -> bytes:
    counts = view.counts
    last = 0 if counts.last_status_at is None else (counts.last_status_at - _START) // _MICROSECOND
    return _VIEW.pack(view.version, counts.followers, counts.following, counts.statuses, last) + view.profile


def _decode_view(account_id: int, data: bytes) -> AccountView:
    version, followers, following, statuses, last = _VIEW.unpack_from(data)
    last_status_at = _START + last * _MICROSECOND if last else None
    counts = Counts(followers, following, statuses, last_status_at)
    return AccountView(account_id, version, counts, data[_VIEW.size :])


def _encode_relationship(relationship: Relationship) -> bytes:
    flags = (
        _FOLLOWING * relationship.following
        | _REBLOGS * relationship.showing_reblogs
        | _NOTIFYING * relationship.notifying
        | _FOLLOWED_BY * relationship.followed_by
    )
    return bytes([flags]) + ",".join(relationship.languages).encode()


def _decode_relationship(pair: tuple[int, int], data: bytes) -> Relationship:
    flags, languages = data[0], data[1:].decode()
    return Relationship(
        account_id=pair[1],
        following=bool(flags & _FOLLOWING),
        showing_reblogs=bool(flags & _REBLOGS),
        notifying=bool(flags & _NOTIFYING),
        languages=tuple(languages.split(",")) if languages else (),
        followed_by=bool(flags & _FOLLOWED_BY),
    )


VIEWS: Kind[int, AccountView] = Kind(
    name="view", key=str, owners=lambda account_id: (account_id,), encode=_encode_view, decode=_decode_view
)
RELATIONSHIPS: Kind[tuple[int, int], Relationship] = Kind(
    name="relationship",
    key=lambda pair: f"{pair[0]}:{pair[1]}",
    owners=lambda pair: pair,
    encode=_encode_relationship,
    decode=_decode_relationship,
)
