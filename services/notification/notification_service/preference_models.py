"""By which ways a recipient is told of what, and when not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final
from zoneinfo import ZoneInfo

from notification_service.models import Kind

DAY_MINUTES: Final = 1_440
MAX_CHANGES: Final = 100
MAX_ZONE_CHARS: Final = 64


class Channel(IntEnum):
    """A way to tell; the numbers are those of the contract."""

    STREAM = 1
    PUSH = 2
    MAIL = 3


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Minutes of the recipient's day; where the second is not after the first, they go on over midnight."""

    from_minute: int
    to_minute: int
    time_zone: str

    def hold(self, at: datetime) -> bool:
        """Whether they do at this moment, which names its zone."""
        there = at.astimezone(ZoneInfo(self.time_zone))
        minute = there.hour * 60 + there.minute
        if self.from_minute < self.to_minute:
            return self.from_minute <= minute < self.to_minute
        return minute >= self.from_minute or minute < self.to_minute


@dataclass(frozen=True, slots=True)
class Preferences:
    """What is not told by which way; without any, everything is by all of them."""

    not_streamed: frozenset[Kind] = frozenset()
    not_pushed: frozenset[Kind] = frozenset()
    quiet: QuietHours | None = None
    not_mailed: frozenset[Kind] = frozenset()


# Whether it is wanted, by kind and channel.
Changes = Mapping[tuple[Kind, Channel], bool]
