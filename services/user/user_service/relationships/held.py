"""What viewers are to those whose posts they read, held in this process: read for every page, and seldom changed."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from user_service.relationships.models import Relationship, flags_of

HELD_SECONDS: Final = 60.0
VIEWERS: Final = 4096
ACCOUNTS_OF_VIEWER: Final = 256
Epochs = Mapping[int, bytes | None]


class Held:
    """What one viewer is to accounts: flags, each with the account's epoch, under one epoch of the viewer's.

    The viewer's alone would not do: an account that is deleted raises its own, and not those of all who follow it.
    """

    __slots__ = ("epoch", "flags", "until")

    def __init__(self, epoch: bytes, until: float) -> None:
        self.epoch, self.until = epoch, until
        self.flags: dict[int, tuple[bytes, int]] = {}

    def still(self, asked: Iterable[int], own: bytes | None, epochs: Epochs, found: dict[int, int]) -> Iterator[int]:
        """Adds to `found` the flags of those that are held and still hold, and yields those that no longer do."""
        flags = self.flags
        is_own = own is not None and own == self.epoch
        for account_id in asked:
            known = flags.get(account_id)
            if known is None:
                continue
            if is_own and known[0] == epochs[account_id]:
                found[account_id] = known[1]
            else:
                yield account_id


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
        own, other = epochs.get(viewer_id), epochs.get(relationship.account_id)
        if own is None or other is None or not relationship.is_plain or relationship.muted_until is not None:
            return
        held = self._viewers.get(viewer_id)
        if held is None or held.epoch != own or now >= held.until or len(held.flags) >= ACCOUNTS_OF_VIEWER:
            held = self._viewers[viewer_id] = Held(own, now + HELD_SECONDS)
            self._viewers.move_to_end(viewer_id)
            if len(self._viewers) > VIEWERS:
                self._viewers.popitem(last=False)
        held.flags[relationship.account_id] = (other, flags_of(relationship))
