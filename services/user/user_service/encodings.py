"""What is cached, and how it is written: small, and quick to turn into an answer."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from user_service.cache import Kind
from user_service.models import AccountView, Counts
from user_service.relationships.models import FLAGS, Pair, Relationship, flags_of

# version, followers, following, statuses, microseconds from 1970 to the last status (0: none); then the profile
_VIEW = struct.Struct(">qqqqq")
_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# flags, microseconds from 1970 to a mute's end (0: none), bytes of languages; then languages and note
_RELATIONSHIP = struct.Struct(">HqH")


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
    until = relationship.muted_until
    ends = 0 if until is None else (until - _START) // _MICROSECOND
    languages = ",".join(relationship.languages).encode()
    return _RELATIONSHIP.pack(flags_of(relationship), ends, len(languages)) + languages + relationship.note.encode()


def _decode_relationship(pair: Pair, data: bytes) -> Relationship:
    bits, ends, size = _RELATIONSHIP.unpack_from(data)
    note_at = _RELATIONSHIP.size + size
    languages = data[_RELATIONSHIP.size : note_at].decode()
    return Relationship(
        account_id=pair[1],
        languages=tuple(languages.split(",")) if languages else (),
        note=data[note_at:].decode(),
        muted_until=_START + ends * _MICROSECOND if ends else None,
        **_flags(bits),
    )


@lru_cache(maxsize=1 << len(FLAGS))
def _flags(bits: int) -> Mapping[str, bool]:
    return {name: bool(bits >> n & 1) for n, name in enumerate(FLAGS)}


# The numbers in keys are those of the encodings: processes of two releases share epochs, and not entries.
VIEWS: Kind[int, AccountView] = Kind(
    name="view",
    key=lambda account_id: f"2:{account_id}",
    owners=lambda account_id: (account_id,),
    encode=_encode_view,
    decode=_decode_view,
)
RELATIONSHIPS: Kind[Pair, Relationship] = Kind(
    name="relationship",
    key=lambda pair: f"5:{pair[0]}:{pair[1]}",
    owners=lambda pair: pair,
    encode=_encode_relationship,
    decode=_decode_relationship,
)
