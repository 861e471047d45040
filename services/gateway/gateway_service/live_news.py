"""News with an id of its own, for one client: each is sent once, composed and filtered like a page that it reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, Generic, TypeVar

from gateway_service.compositions import Compositions, audience_of
from gateway_service.connections import Item
from gateway_service.live_backlog import Backlog
from gateway_service.live_sources import Frame, Sent
from gateway_service.streams import Stream
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.ids import lowest_id_at, ms_of

# News comes by several topics side by side: some with a lower id may come this much later.
LATE_MS: Final = 60_000
T = TypeVar("T", bound=Item)


class NewsSource(ABC, Generic[T]):
    """What a client is told since it came, or since what it has seen (`since_id`). An item without an id is a gap."""

    def __init__(self, event: str, gap: T, compositions: Compositions, clock: Clock, since_id: int) -> None:
        self.gap = gap
        self.backlog: Backlog[T] = Backlog(gap, clock)
        self._event = event
        self._compositions = compositions
        self._since_id = since_id
        self._sent = Sent(since_id)

    def take(self, items: Sequence[Item]) -> None:
        """Keeps what is of this kind, of what has arrived."""
        self.backlog.add(item for item in items if isinstance(item, type(self.gap)))

    async def frames(self, viewer: Identity) -> list[Frame]:
        """Of what is kept. Raises AppError: then it is kept still."""
        shown = await self._shown(viewer) if self._may_hear(viewer) else {}
        self.backlog.clear()
        streams = self._streams()
        return [
            Frame(self._event, body, streams, number) for number, body in shown.items() if self._sent.first_time(number)
        ]

    async def _shown(self, viewer: Identity) -> dict[int, bytes]:
        """Those that were missed first."""
        group = (self._event, audience_of(viewer))
        items = [item for item in self.backlog.items if self._id(item)]
        missed: dict[int, bytes] = {}
        if len(items) < len(self.backlog.items):
            since_id = max(self._since_id, lowest_id_at(ms_of(self._sent.last_id) - LATE_MS), 1)
            missed = await self._compositions.read((group, since_id), partial(self._missed, viewer, since_id))
        composed = await self._compositions.of(group, items, partial(self._composed, viewer))
        return missed | {number: composed[number] for number in map(self._id, items) if number in composed}

    def _may_hear(self, viewer: Identity) -> bool:
        """Whether anything is said of it to this token."""
        return True

    @abstractmethod
    def _streams(self) -> tuple[Stream, ...]:
        """Of the client's, those that it is of."""

    @abstractmethod
    def _id(self, item: T) -> int:
        """0 of a gap."""

    @abstractmethod
    async def _composed(self, viewer: Identity, items: Sequence[T]) -> Mapping[int, bytes]:
        """By their ids; without what the viewer is not shown."""

    @abstractmethod
    async def _missed(self, viewer: Identity, since_id: int) -> dict[int, bytes]:
        """Oldest first; a client with more to catch up on reads a page."""
