"""What viewers are to those whose posts they read, held in this process: read for every page, and seldom changed."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from user_service.relationships.models import Relationship, flags_of

HELD_SECONDS: Final = 60.0
VIEWERS: Final = 4096
ACCOUNTS_OF_VIEWER: Final = 256
Epochs = Mapping[int, bytes | None]


class Held:
    """What one viewer is to accounts: flags, all under one epoch of the viewer's.

    That is enough: whatever changes between two accounts raises the epochs of both.
    """

    __slots__ = ("epoch", "flags", "until")

    def __init__(self, epoch: bytes, until: float) -> None:
        self.epoch, self.until = epoch, until
        self.flags: dict[int, int] = {}


NOTHING: Final = Held(b"", math.inf)


class HeldFlags:
    """Bounded; the viewer who has not read for longest goes first. Who asks compares the epochs, every time."""

    def __init__(self) -> None:
        self._viewers: OrderedDict[int, Held] = OrderedDict()

    def of(self, viewer_id: int, now: float) -> Held:
        """What is held of a viewer at this time, in seconds of the monotonic clock."""
        held = self._viewers.get(viewer_id)
        return held if held is not None and now < held.until else NOTHING

    def keep(self, viewer_id: int, relationship: Relationship, epochs: Epochs, now: float) -> None:
        """What was read under these epochs, unless there is more to it than flags, or it ends by itself."""
        own = epochs.get(viewer_id)
        if own is None or not relationship.is_plain or relationship.muted_until is not None:
            return
        held = self._viewers.get(viewer_id)
        if held is None or held.epoch != own or now >= held.until or len(held.flags) >= ACCOUNTS_OF_VIEWER:
            held = self._viewers[viewer_id] = Held(own, now + HELD_SECONDS)
            self._viewers.move_to_end(viewer_id)
            if len(self._viewers) > VIEWERS:
                self._viewers.popitem(last=False)
        held.flags[relationship.account_id] = flags_of(relationship)
