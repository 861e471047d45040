"""How notifications travel to open connections."""

from __future__ import annotations

import struct
from typing import Final

from notification_service.models import Kind, Notification
from rookery_common.live.streams import Codec

PREFIX: Final = "notification:"
_FIELDS: Final = struct.Struct(">Bqqqq")


def _pack(told: Notification) -> bytes:
    return _FIELDS.pack(told.kind, told.notification_id, told.recipient_id, told.account_id, told.subject_id)


def _unpack(packed: bytes) -> Notification:
    kind, notification_id, recipient_id, account_id, subject_id = _FIELDS.unpack(packed)
    return Notification(notification_id, recipient_id, Kind(kind), account_id, subject_id)


NOTIFICATIONS: Final[Codec[Notification]] = Codec(_pack, _unpack)
