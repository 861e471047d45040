"""How what happens in timelines travels to open connections."""

from __future__ import annotations

import struct
from typing import Final

from feed_service.models import LiveKind, LiveUpdate
from rookery_common.live.streams import Codec

PREFIX: Final = "feed:"
# The streams of what is the same for everybody: their news is for timelines, not for accounts.
PUBLIC_PREFIX: Final = "feed:public:"
_FIELDS: Final = struct.Struct(">Bqq")


def _pack(update: LiveUpdate) -> bytes:
    return _FIELDS.pack(update.kind, update.entry_id, update.author_id)


def _unpack(packed: bytes) -> LiveUpdate:
    kind, entry_id, author_id = _FIELDS.unpack(packed)
    return LiveUpdate(LiveKind(kind), entry_id, author_id)


UPDATES: Final[Codec[LiveUpdate]] = Codec(_pack, _unpack)
