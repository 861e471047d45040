"""How what happens in timelines travels to open connections."""

from __future__ import annotations

import struct
from typing import Final

from feed_service.models import LiveKind, LiveUpdate, MergedUpdate
from rookery_common.live.streams import Codec

PREFIX: Final = "feed:"
# The streams of what is the same for everybody: their news is for timelines, not for accounts.
PUBLIC_PREFIX: Final = "feed:public:"
# The stream of what is merged into homes: all its news is for each process that serves streams.
MERGED_PREFIX: Final = "feed:merged:"
MERGED_CHANNEL: Final = 1
_FIELDS: Final = struct.Struct(">Bqq")
_MERGED_FIELDS: Final = struct.Struct(">Bqq?")


def _pack(update: LiveUpdate) -> bytes:
    return _FIELDS.pack(update.kind, update.entry_id, update.author_id)


def _unpack(packed: bytes) -> LiveUpdate:
    kind, entry_id, author_id = _FIELDS.unpack(packed)
    return LiveUpdate(LiveKind(kind), entry_id, author_id)


def _pack_merged(merged: MergedUpdate) -> bytes:
    update = merged.update
    return _MERGED_FIELDS.pack(update.kind, update.entry_id, update.author_id, merged.is_reblog)


def _unpack_merged(packed: bytes) -> MergedUpdate:
    kind, entry_id, author_id, is_reblog = _MERGED_FIELDS.unpack(packed)
    return MergedUpdate(LiveUpdate(LiveKind(kind), entry_id, author_id), is_reblog)


UPDATES: Final[Codec[LiveUpdate]] = Codec(_pack, _unpack)
MERGED_UPDATES: Final[Codec[MergedUpdate]] = Codec(_pack_merged, _unpack_merged)
