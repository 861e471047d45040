"""How notices travel to open connections."""

from __future__ import annotations

import struct
from typing import Final

from messaging_service.models import Notice
from rookery_common.live.streams import Codec

PREFIX: Final = "messaging:"
_FIELDS: Final = struct.Struct(">qq")


def _pack(notice: Notice) -> bytes:
    return _FIELDS.pack(notice.conversation_id, notice.sequence)


def _unpack(packed: bytes) -> Notice:
    return Notice(*_FIELDS.unpack(packed))


NOTICES: Final[Codec[Notice]] = Codec(_pack, _unpack)
