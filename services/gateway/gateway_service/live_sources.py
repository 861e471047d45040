"""The statuses of one stream, for one client: each is hydrated and filtered for it like a page that it reads.

What cannot be composed now is kept, and nothing of it is noted as sent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from gateway_service.clients import Clients
from gateway_service.columns import Entry, EntryRow
from gateway_service.compose import Composer
from gateway_service.compose.audience import ListRule
from gateway_service.compose.list_rules import list_rule
from gateway_service.compositions import Compositions, audience_of
from gateway_service.connections import HOME_GAP, Item
from gateway_service.live_backlog import Backlog
from gateway_service.streams import USER, Stream
from rookery.feed.v1.feed_service_pb2 import (
    ListPublicTimelineRequest,
    PublicTimelineUpdate,
    TimelineUpdate,
)
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.errors import NotFound
from rookery_common.paging import Page

REFILL: Final = 40
REMEMBERED: Final = 512
# Who is on a list is asked anew after so long.
LIST_SECONDS: Final = 5.0
_EVENTS: Final = {TimelineUpdate.Kind.KIND_UPDATE: "update", TimelineUpdate.Kind.KIND_STATUS_UPDATE: "status.update"}
_GAP: Final = TimelineUpdate.Kind.KIND_GAP
_DELETE: Final = TimelineUpdate.Kind.KIND_DELETE
Update = TimelineUpdate | PublicTimelineUpdate
Shown = Sequence[tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of the streaming API, and the client's streams that it is of; the payload of an entity is its JSON."""

    event: str
    payload: bytes
    streams: tuple[Stream, ...] = (USER,)
    id: int = 0


class Sent:
    """Which ids a client was sent: services may name one twice."""

    def __init__(self, last_id: int) -> None:
        self.last_id = last_id
        self._ids: dict[int, None] = {}

    def first_time(self, number: int) -> bool:
        """Notes that it is sent now."""
        if number in self._ids:
            return False
        self._ids[number] = None
        if len(self._ids) > REMEMBERED:
            del self._ids[next(iter(self._ids))]
        self.last_id = max(self.last_id, number)
        return True


class Source(ABC):
    """A stream's statuses. `since_id` is what the client has seen already, or what there was when it came."""

    def __init__(
        self,
        stream: Stream,
        clients: Clients,
        composer: Composer,
        compositions: Compositions,
        clock: Clock,
        since_id: int,
    ) -> None:
        self._stream = stream
        self._clients = clients
        self._composer = composer
        self._compositions = compositions
        self._clock = clock
        self._sent = Sent(since_id)
        self.backlog: Backlog[Update] = Backlog(self.gap, clock)

    @property
    def gap(self) -> Update:
        """By which it reads what it has missed."""
        return HOME_GAP

    def take(self, items: Sequence[Item]) -> None:
        """Keeps what is of this stream, of what has arrived."""
        self.backlog.add(item for item in items if isinstance(item, Update) and self._may_concern(item))

    async def frames(self, viewer: Identity) -> list[Frame]:
        """What the stream makes of what is kept, in its order. Raises AppError: then it is kept still."""
        updates = [update for update in self.backlog.items if self._concerns(update)]
        events = [update for update in updates if update.kind in _EVENTS]
        statuses = await self._compositions.of(self._group(viewer), events, partial(self._composed, viewer))
        missed = await self._missed_now(viewer) if any(update.kind == _GAP for update in updates) else ()
        frames: list[Frame] = []
        for update in updates:
            if update.kind == _GAP:
                frames += self._refilled(missed)
            elif update.kind == _DELETE:
                frames.append(Frame("delete", b"%d" % update.entry_id, (self._stream,)))
            elif update.entry_id in statuses:
                frames += self._status(update, statuses[update.entry_id])
        self.backlog.clear()
        return frames

    def _status(self, update: Update, status: bytes) -> list[Frame]:
        event = _EVENTS[update.kind]
        if event == "update" and not self._sent.first_time(update.entry_id):
            return []
        return [Frame(event, status, (self._stream,), id=update.entry_id if event == "update" else 0)]

    def _refilled(self, missed: Shown) -> list[Frame]:
        """What came in while nobody listened, oldest first; a client with more to catch up on reads the timeline."""
        return [
            Frame("update", status, (self._stream,), id=entry_id)
            for entry_id, status in reversed(missed)
            if self._sent.first_time(entry_id)
        ]

    async def _composed(self, viewer: Identity, updates: Sequence[Update]) -> dict[int, bytes]:
        entries = {update.entry_id: EntryRow(update.entry_id, update.author_id) for update in updates}
        return dict(await self._shown(viewer, list(entries.values())))

    async def _missed_now(self, viewer: Identity) -> Shown:
        page = Page(REFILL, min_id=self._sent.last_id)
        missed: Shown = await self._compositions.read(
            (self._group(viewer), self._stream, page), partial(self._missed, viewer, page)
        )
        return missed

    @abstractmethod
    def _group(self, viewer: Identity) -> Hashable:
        """Of all who are shown the same of the same entry."""

    @abstractmethod
    def _may_concern(self, update: Update) -> bool:
        """Whether it is of this stream, as far as that is known when it arrives."""

    def _concerns(self, update: Update) -> bool:
        """The same, when it is composed."""
        return True

    @abstractmethod
    async def _shown(self, viewer: Identity, entries: Sequence[Entry]) -> Shown:
        """Those entries that the viewer is shown in it, with their statuses."""

    @abstractmethod
    async def _missed(self, viewer: Identity, page: Page) -> Shown:
        """A page of the timeline that it is of, newest first."""


class HomeSource(Source):
    """The viewer's home."""

    def _group(self, viewer: Identity) -> Hashable:
        return "home", audience_of(viewer)

    def _may_concern(self, update: Update) -> bool:
        return isinstance(update, TimelineUpdate)

    async def _shown(self, viewer: Identity, entries: Sequence[Entry]) -> Shown:
        return await self._composer.home_entries(viewer, entries)

    async def _missed(self, viewer: Identity, page: Page) -> Shown:
        answer = await self._composer.skeleton(viewer, page)
        return await self._composer.home_entries(viewer, answer.entries)


class ListSource(Source):
    """What the members of a list have in the viewer's home, also where the list keeps it out of the home."""

    def __init__(
        self,
        stream: Stream,
        clients: Clients,
        composer: Composer,
        compositions: Compositions,
        clock: Clock,
        since_id: int,
        rule: ListRule,
    ) -> None:
        super().__init__(stream, clients, composer, compositions, clock, since_id)
        self._rule, self._asked_at = rule, clock.monotonic()

    async def frames(self, viewer: Identity) -> list[Frame]:
        await self._refresh(viewer)
        return await super().frames(viewer)

    async def _refresh(self, viewer: Identity) -> None:
        """A list that was deleted has no members."""
        now = self._clock.monotonic()
        if now < self._asked_at + LIST_SECONDS:
            return
        try:
            self._rule = await list_rule(self._clients, viewer, self._stream.list_id)
        except NotFound:
            self._rule = ListRule(frozenset(), 0)
        self._asked_at = now

    def _group(self, viewer: Identity) -> Hashable:
        return "list", audience_of(viewer), self._rule

    def _may_concern(self, update: Update) -> bool:
        return isinstance(update, TimelineUpdate)

    def _concerns(self, update: Update) -> bool:
        return update.kind == _GAP or update.author_id in self._rule.members

    async def _shown(self, viewer: Identity, entries: Sequence[Entry]) -> Shown:
        return await self._composer.entries(viewer, entries, self._rule)

    async def _missed(self, viewer: Identity, page: Page) -> Shown:
        answer = await self._clients.get_list_timeline(viewer, sorted(self._rule.members), page)
        return await self._shown(viewer, answer.entries)


class PublicSource(Source):
    """A timeline of everybody: all public posts, those of them with media, or those with a hashtag."""

    @property
    def gap(self) -> Update:
        return PublicTimelineUpdate(kind=_GAP, timelines=[self._stream.timeline])

    def _group(self, viewer: Identity) -> Hashable:
        return "public", audience_of(viewer)

    def _may_concern(self, update: Update) -> bool:
        if not isinstance(update, PublicTimelineUpdate) or not self._stream.timeline:
            return False
        return self._stream.timeline in update.timelines or (update.kind == _GAP and not update.timelines)

    async def _shown(self, viewer: Identity, entries: Sequence[Entry]) -> Shown:
        return await self._composer.everybodys(viewer, entries)

    async def _missed(self, viewer: Identity, page: Page) -> Shown:
        kind, _, tag = self._stream.timeline.partition(":")
        wanted = ListPublicTimelineRequest(
            any_tags=[tag] if kind == "tag" else [], only_media=self._stream.timeline == "public:media"
        )
        answer = await self._clients.list_public_timeline(viewer, wanted, page)
        return await self._shown(viewer, answer.entries)
