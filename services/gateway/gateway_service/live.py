"""What arrives to frames, for one client: statuses by the streams that it listens to, and what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from gateway_service.auth import Caller, TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compose.list_rules import list_rule
from gateway_service.compositions import Compositions
from gateway_service.connections import ANNOUNCEMENT_GAP, NOTIFICATION_GAP, Connection
from gateway_service.live_announcements import AnnouncementSource
from gateway_service.live_direct import DirectSource
from gateway_service.live_notifications import NotificationSource
from gateway_service.live_sources import Frame, HomeSource, ListSource, PublicSource, Source
from gateway_service.metrics import LIVE_FRAMES, LIVE_SECONDS
from gateway_service.streams import DIRECT, USER, USER_NOTIFICATION, Stream
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.errors import DeadlineExceeded, ResourceExhausted, Unavailable
from rookery_common.ids import lowest_id_at, ms_of
from rookery_common.logs import get_logger

# A client that was away for longer reads its home.
RESUME_MS = 3_600_000
# What arrived by another way a little earlier may have a higher id than what a client has not seen.
RESUME_MARGIN_MS = 5_000
# What a stream waits out.
PASSING: Final = (Unavailable, DeadlineExceeded, ResourceExhausted)
StreamSource = Source | DirectSource
Part = StreamSource | NotificationSource | AnnouncementSource
log = get_logger()
_EVENTS = (
    "update",
    "status.update",
    "delete",
    "notification",
    "conversation",
    "announcement",
    "announcement.reaction",
    "announcement.delete",
)
_FRAMES = {event: LIVE_FRAMES.labels(event) for event in _EVENTS}
_SECONDS = {event: LIVE_SECONDS.labels(event) for event in _EVENTS}


class Live:
    """Reads what a connection is due. The client's token is asked about anew each time, so that its end is noticed."""

    def __init__(
        self,
        connection: Connection,
        token: str,
        exchange: TokenExchange,
        composer: Composer,
        compositions: Compositions,
        clients: Clients,
        clock: Clock,
        since: int = 0,
    ) -> None:
        self._connection = connection
        self._token = token
        self._exchange = exchange
        self._composer = composer
        self._compositions = compositions
        self._clients = clients
        self._clock = clock
        self._since = since
        since_ms = _start_ms(clock.unix_ms(), since)
        self._since_id = lowest_id_at(since_ms)
        self._sources: dict[Stream, StreamSource] = {}
        self._caught_up: set[Stream] = set()
        self._notifications = NotificationSource(connection, clients, composer, compositions, clock, self._since_id)
        self._announcements = AnnouncementSource(connection, clients, composer, clock, since_ms)

    async def open(self, stream: Stream) -> None:
        """Before it is listened to. Raises NotFound for a list that is not the client's, Unavailable."""
        if stream not in self._sources and stream != USER_NOTIFICATION:
            self._sources[stream] = await self._source(stream)

    def close(self, stream: Stream) -> None:
        """Once it is no longer listened to."""
        self._sources.pop(stream, None)

    async def next(self, seconds: float) -> list[Frame]:
        """The frames of what has arrived; none after this time without any.

        Raises Unauthenticated when the token holds no longer. What a needed service that is away keeps from being
        composed is kept, and tried again.
        """
        items = await self._connection.wait(self._patience(seconds))
        for part in self._parts():
            part.take(items)
        caller = await self._caller()
        frames = await self._frames(caller.identity) if caller is not None else []
        self._measure(frames)
        return frames

    def _measure(self, frames: Sequence[Frame]) -> None:
        now_ms = self._clock.unix_ms()
        for frame in frames:
            _FRAMES[frame.event].inc()
            if frame.id:
                _SECONDS[frame.event].observe(max(0, now_ms - ms_of(frame.id)) / 1000)

    def catch_up(self, stream: Stream) -> None:
        """For a client that has named what it has seen: what came since on this stream is due to it, once."""
        if not self._since or stream in self._caught_up:
            return
        self._caught_up.add(stream)
        if stream in self._sources:
            self._connection.offer(self._sources[stream].gap)
        if stream in (USER, USER_NOTIFICATION):
            self._connection.offer(NOTIFICATION_GAP)
        if stream == USER:
            self._connection.offer(ANNOUNCEMENT_GAP)

    async def _source(self, stream: Stream) -> StreamSource:
        parts = (self._clients, self._composer, self._compositions, self._clock, self._since_id)
        if stream == DIRECT:
            return DirectSource(*parts)
        if stream.list_id:
            caller = await self._exchange.exchange(self._token)
            rule = await list_rule(self._clients, caller.identity, stream.list_id)
            return ListSource(stream, *parts, rule)
        return HomeSource(stream, *parts) if stream.is_home else PublicSource(stream, *parts)

    async def _caller(self) -> Caller | None:
        """None while nobody can say whose the token is: then it is shown nothing, and what is due is kept."""
        try:
            return await self._exchange.exchange(self._token)
        except PASSING:
            for part in self._due():
                part.backlog.postpone()
            return None

    async def _frames(self, viewer: Identity) -> list[Frame]:
        found = await asyncio.gather(*(_frames_of(part, viewer) for part in self._due()))
        return [frame for frames in found for frame in frames]

    def _due(self) -> list[Part]:
        return [part for part in self._parts() if part.backlog.wait() == 0]

    def _parts(self) -> list[Part]:
        return [*self._sources.values(), self._notifications, self._announcements]

    def _patience(self, seconds: float) -> float:
        """Until something that was kept is due again."""
        waits = [wait for part in self._parts() if (wait := part.backlog.wait()) is not None]
        return min([seconds, *waits])


async def _frames_of(part: Part, viewer: Identity) -> list[Frame]:
    """None for now where a service is away or has too much to do: a stream does not end with that."""
    try:
        return await part.frames(viewer)
    except PASSING as error:
        log.debug("live.postponed", reason=error.reason)
        part.backlog.postpone()
        return []


def _start_ms(now_ms: int, since: int) -> int:
    """From when on events are due to a client that has seen this one (0: none)."""
    if not since:
        return now_ms
    return min(now_ms, max(now_ms - RESUME_MS, ms_of(since) - RESUME_MARGIN_MS))
