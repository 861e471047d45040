"""Updates to frames, for one client: each is hydrated and filtered for it like a page of its home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway_service.auth import Caller, TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.hub import Connection
from gateway_service.metrics import LIVE_FRAMES
from rookery.feed.v1.feed_service_pb2 import TimelineEntry, TimelineUpdate
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.ids import lowest_id_at
from rookery_common.paging import Page

REFILL = 40
REMEMBERED = 512
_EVENTS = {TimelineUpdate.Kind.KIND_UPDATE: "update", TimelineUpdate.Kind.KIND_STATUS_UPDATE: "status.update"}
_FRAMES = {event: LIVE_FRAMES.labels(event) for event in ("update", "status.update", "delete")}


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of the streaming API; the payload of a status is its JSON."""

    event: str
    payload: bytes


class Live:
    """Reads one connection's updates. The client's token is asked about anew each time, so that its end is noticed."""

    def __init__(
        self,
        connection: Connection,
        token: str,
        exchange: TokenExchange,
        composer: Composer,
        clients: Clients,
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._token = token
        self._exchange = exchange
        self._composer = composer
        self._clients = clients
        self._last_id = lowest_id_at(clock.unix_ms())
        self._sent: dict[int, None] = {}

    async def next(self, seconds: float) -> list[Frame]:
        """The frames of what has arrived; none after this time without any.

        Raises Unauthenticated when the token holds no longer, another AppError when a needed service is away.
        """
        updates = await self._connection.wait(seconds)
        caller: Caller = await self._exchange.exchange(self._token)
        frames = await self._frames(caller.identity, updates) if updates else []
        for frame in frames:
            _FRAMES[frame.event].inc()
        return frames

    async def _frames(self, viewer: Identity, updates: Sequence[TimelineUpdate]) -> list[Frame]:
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
        if event == "update" and not self._first_time(update.entry_id):
            return []
        return [Frame(event, status)]

    async def _refill(self, viewer: Identity) -> list[Frame]:
        """What came in while nobody listened, oldest first; a client with more to catch up on reads its home."""
        answer = await self._clients.batch_get_home(viewer, Page(REFILL, min_id=self._last_id))
        if not answer.entries:
            return []
        found = await self._composer.entries(viewer, answer.entries)
        return [Frame("update", status) for entry_id, status in reversed(found) if self._first_time(entry_id)]

    def _first_time(self, entry_id: int) -> bool:
        """Notes that an entry is sent: feed may say it twice."""
        if entry_id in self._sent:
            return False
        self._sent[entry_id] = None
        if len(self._sent) > REMEMBERED:
            del self._sent[next(iter(self._sent))]
        self._last_id = max(self._last_id, entry_id)
        return True
