"""What arrives to frames, for one client: each is hydrated and filtered for it like a page that it reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from gateway_service.auth import Caller, TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.connections import GAPS, NOTIFICATION_GAP, STREAMS, USER, USER_NOTIFICATION, Connection, Item
from gateway_service.metrics import LIVE_FRAMES
from rookery.feed.v1.feed_service_pb2 import TimelineEntry, TimelineUpdate
from rookery.notification.v1.notification_service_pb2 import ListNotificationsRequest, Notification
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.ids import lowest_id_at, ms_of
from rookery_common.paging import Page

REFILL = 40
REMEMBERED = 512
# A client that was away for longer reads its home.
RESUME_MS = 3_600_000
# What arrived by another way a little earlier may have a higher id than what a client has not seen.
RESUME_MARGIN_MS = 5_000
# Notifications come by several topics side by side: one with a lower id may come this much later.
LATE_MS = 60_000
_EVENTS = {TimelineUpdate.Kind.KIND_UPDATE: "update", TimelineUpdate.Kind.KIND_STATUS_UPDATE: "status.update"}
_FRAMES = {event: LIVE_FRAMES.labels(event) for event in ("update", "status.update", "delete", "notification")}


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of the streaming API, and the client's streams that it is of; the payload of an entity is its JSON."""

    event: str
    payload: bytes
    streams: tuple[str, ...] = (USER,)
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


class Live:
    """Reads what a connection is due. The client's token is asked about anew each time, so that its end is noticed."""

    def __init__(
        self,
        connection: Connection,
        token: str,
        exchange: TokenExchange,
        composer: Composer,
        clients: Clients,
        clock: Clock,
        since: int = 0,
    ) -> None:
        self._connection = connection
        self._token = token
        self._exchange = exchange
        self._composer = composer
        self._clients = clients
        self._behind: set[str] = set(GAPS) if since else set()
        self._opened_ms = _start_ms(clock.unix_ms(), since)
        self._posts = Sent(lowest_id_at(self._opened_ms))
        self._notifications = Sent(lowest_id_at(self._opened_ms))

    async def next(self, seconds: float) -> list[Frame]:
        """The frames of what has arrived; none after this time without any.

        Raises Unauthenticated when the token holds no longer, another AppError when a needed service is away.
        """
        items = await self._connection.wait(seconds)
        caller: Caller = await self._exchange.exchange(self._token)
        frames = await self._frames(caller.identity, items) if items else []
        for frame in frames:
            _FRAMES[frame.event].inc()
        return frames

    def catch_up(self, stream: str) -> None:
        """For a client that has named what it has seen: what came since on this stream is due to it, once."""
        if stream in self._behind:
            self._behind.discard(stream)
            for gap in GAPS[stream]:
                self._connection.offer(gap)

    async def _frames(self, viewer: Identity, items: Sequence[Item]) -> list[Frame]:
        updates = [item for item in items if isinstance(item, TimelineUpdate)]
        told = [item for item in items if isinstance(item, Notification)]
        home, notifications = await asyncio.gather(self._home(viewer, updates), self._told(viewer, told))
        return [*home, *notifications]

    async def _home(self, viewer: Identity, updates: Sequence[TimelineUpdate]) -> list[Frame]:
        entries = [
            TimelineEntry(entry_id=update.entry_id, author_id=update.author_id)
            for update in updates
            if update.kind in _EVENTS
        ]
        statuses = dict(await self._composer.entries(viewer, entries)) if entries else {}
        frames: list[Frame] = []
        for update in updates:
            if update.kind == TimelineUpdate.Kind.KIND_GAP:
                frames += await self._refill(viewer)
            elif update.kind == TimelineUpdate.Kind.KIND_DELETE:
                frames.append(Frame("delete", b"%d" % update.entry_id))
            elif update.entry_id in statuses:
                frames += self._status(update, statuses[update.entry_id])
        return frames

    def _status(self, update: TimelineUpdate, status: bytes) -> list[Frame]:
        event = _EVENTS[update.kind]
        if event == "update" and not self._posts.first_time(update.entry_id):
            return []
        return [Frame(event, status, id=update.entry_id if event == "update" else 0)]

    async def _refill(self, viewer: Identity) -> list[Frame]:
        """What came in while nobody listened, oldest first; a client with more to catch up on reads its home."""
        answer = await self._clients.batch_get_home(viewer, Page(REFILL, min_id=self._posts.last_id))
        if not answer.entries:
            return []
        found = await self._composer.entries(viewer, answer.entries)
        return [
            Frame("update", status, id=entry_id)
            for entry_id, status in reversed(found)
            if self._posts.first_time(entry_id)
        ]

    async def _told(self, viewer: Identity, told: Sequence[Notification]) -> list[Frame]:
        """To a token that may not read notifications nothing is said of them."""
        if not told or not viewer.has_scope(STREAMS[USER_NOTIFICATION]):
            return []
        if NOTIFICATION_GAP in told:
            told = [*await self._missed(viewer), *(each for each in told if each.notification_id)]
        # In the order of STREAMS, whichever way the client named them.
        streams = tuple(stream for stream in STREAMS if stream in self._connection.streams)
        shown = await self._composer.notifications(viewer, told)
        return [
            Frame("notification", body, streams, number)
            for number, body in shown
            if self._notifications.first_time(number)
        ]

    async def _missed(self, viewer: Identity) -> list[Notification]:
        """Oldest first; a client with more to catch up on reads its notifications."""
        since_ms = max(self._opened_ms, ms_of(self._notifications.last_id) - LATE_MS)
        call = ListNotificationsRequest(limit=REFILL, min_id=lowest_id_at(since_ms))
        answer = await self._clients.list_notifications(viewer, call)
        return list(reversed(answer.notifications))


def _start_ms(now_ms: int, since: int) -> int:
    """From when on events are due to a client that has seen this one (0: none)."""
    if not since:
        return now_ms
    return min(now_ms, max(now_ms - RESUME_MS, ms_of(since) - RESUME_MARGIN_MS))
