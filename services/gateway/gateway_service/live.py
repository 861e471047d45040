"""What arrives to frames, for one client: statuses by the streams that it listens to, and what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway_service.auth import Caller, TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compose.list_rules import list_rule
from gateway_service.connections import HOME_GAP, NOTIFICATION_GAP, Connection, Item
from gateway_service.live_sources import (
    REFILL,
    Frame,
    HomeSource,
    ListSource,
    PublicSource,
    Sent,
    Source,
)
from gateway_service.metrics import LIVE_FRAMES
from gateway_service.streams import STREAMS, USER, USER_NOTIFICATION, Stream
from rookery.feed.v1.feed_service_pb2 import PublicTimelineUpdate
from rookery.notification.v1.notification_service_pb2 import ListNotificationsRequest, Notification
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.ids import lowest_id_at, ms_of

# A client that was away for longer reads its home.
RESUME_MS = 3_600_000
# What arrived by another way a little earlier may have a higher id than what a client has not seen.
RESUME_MARGIN_MS = 5_000
# Notifications come by several topics side by side: one with a lower id may come this much later.
LATE_MS = 60_000
_FRAMES = {event: LIVE_FRAMES.labels(event) for event in ("update", "status.update", "delete", "notification")}


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
        self._clock = clock
        self._since = since
        self._opened_ms = _start_ms(clock.unix_ms(), since)
        self._sources: dict[Stream, Source] = {}
        self._caught_up: set[Stream] = set()
        self._notifications = Sent(lowest_id_at(self._opened_ms))

    async def open(self, stream: Stream) -> None:
        """Before it is listened to. Raises NotFound for a list that is not the client's, Unavailable."""
        if stream not in self._sources and stream != USER_NOTIFICATION:
            self._sources[stream] = await self._source(stream)

    def close(self, stream: Stream) -> None:
        """Once it is no longer listened to."""
        self._sources.pop(stream, None)

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

    def catch_up(self, stream: Stream) -> None:
        """For a client that has named what it has seen: what came since on this stream is due to it, once."""
        if not self._since or stream in self._caught_up:
            return
        self._caught_up.add(stream)
        if stream in self._sources:
            gap = HOME_GAP if stream.is_home else PublicTimelineUpdate(kind=HOME_GAP.kind, timelines=[stream.timeline])
            self._connection.offer(gap)
        if stream in (USER, USER_NOTIFICATION):
            self._connection.offer(NOTIFICATION_GAP)

    async def _source(self, stream: Stream) -> Source:
        parts = (stream, self._clients, self._composer, lowest_id_at(self._opened_ms))
        if stream.list_id:
            caller = await self._exchange.exchange(self._token)
            rule = await list_rule(self._clients, caller.identity, stream.list_id)
            return ListSource(*parts, rule, self._clock)
        return HomeSource(*parts) if stream.is_home else PublicSource(*parts)

    async def _frames(self, viewer: Identity, items: Sequence[Item]) -> list[Frame]:
        told = [item for item in items if isinstance(item, Notification)]
        statuses = (source.frames(viewer, items) for source in tuple(self._sources.values()))
        parts = await asyncio.gather(*statuses, self._told(viewer, told))
        return [frame for part in parts for frame in part]

    async def _told(self, viewer: Identity, told: Sequence[Notification]) -> list[Frame]:
        """To a token that may not read notifications nothing is said of them."""
        if not told or not viewer.has_scope(STREAMS[USER_NOTIFICATION.name]):
            return []
        if NOTIFICATION_GAP in told:
            told = [*await self._missed(viewer), *(each for each in told if each.notification_id)]
        streams = tuple(stream for stream in (USER, USER_NOTIFICATION) if stream in self._connection.streams)
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
