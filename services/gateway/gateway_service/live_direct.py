"""Threads of direct posts that have something new, for one client's stream."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial

from gateway_service.clients import READ_SECONDS, Clients
from gateway_service.compose import Composer
from gateway_service.compositions import Compositions, audience_of
from gateway_service.connections import DIRECT_GAP, Item
from gateway_service.live_backlog import Backlog
from gateway_service.live_notifications import LATE_MS
from gateway_service.live_sources import REFILL, Frame, Sent
from gateway_service.streams import DIRECT
from rookery.messaging.v1.direct_thread_service_pb2 import (
    BatchGetDirectThreadsRequest,
    BatchGetDirectThreadsResponse,
    DirectThreadUpdate,
    ListDirectThreadsRequest,
    ListDirectThreadsResponse,
)
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.ids import lowest_id_at, ms_of


class DirectSource:
    """Each conversation is sent as it is by now, with every new post once."""

    gap = DIRECT_GAP

    def __init__(
        self, clients: Clients, composer: Composer, compositions: Compositions, clock: Clock, since_id: int
    ) -> None:
        self._clients = clients
        self._composer = composer
        self._compositions = compositions
        self._since_id = since_id
        self._sent = Sent(since_id)
        self.backlog: Backlog[DirectThreadUpdate] = Backlog(DIRECT_GAP, clock)

    def take(self, items: Sequence[Item]) -> None:
        """Keeps what is of this stream, of what has arrived."""
        self.backlog.add(item for item in items if isinstance(item, DirectThreadUpdate))

    async def frames(self, viewer: Identity) -> list[Frame]:
        """Of what is kept. Raises AppError: then it is kept still."""
        group = ("direct", audience_of(viewer))
        updates = [update for update in self.backlog.items if update.post_id]
        missed = await self._missed_now(viewer, group) if len(updates) < len(self.backlog.items) else {}
        found = await self._compositions.of(group, updates, partial(self._composed, viewer))
        new = {update.post_id: found[update.post_id] for update in updates if update.post_id in found}
        self.backlog.clear()
        return [
            Frame("conversation", body, (DIRECT,), id=post_id)
            for post_id, body in (missed | new).items()
            if self._sent.first_time(post_id)
        ]

    async def _composed(self, viewer: Identity, updates: Sequence[DirectThreadUpdate]) -> dict[int, bytes]:
        """By the new posts."""
        call = BatchGetDirectThreadsRequest(thread_ids={update.thread_id for update in updates})
        answer: BatchGetDirectThreadsResponse = await self._clients.messaging.call(
            "BatchGetDirectThreads", call, timeout=READ_SECONDS, idempotent=True, identity=viewer
        )
        shown = await self._composer.conversations(viewer, answer.threads)
        return {update.post_id: shown[update.thread_id] for update in updates if update.thread_id in shown}

    async def _missed_now(self, viewer: Identity, group: Hashable) -> dict[int, bytes]:
        """By the latest posts, oldest first. One with a lower id than what was sent last may have come later."""
        late_id = lowest_id_at(ms_of(self._sent.last_id) - LATE_MS)
        since_id = max(self._since_id, late_id, 1)
        found: dict[int, bytes] = await self._compositions.read(
            (group, since_id), partial(self._missed, viewer, since_id)
        )
        return found

    async def _missed(self, viewer: Identity, since_id: int) -> dict[int, bytes]:
        """A client with more to catch up on reads its conversations."""
        call = ListDirectThreadsRequest(limit=REFILL, min_id=since_id)
        answer: ListDirectThreadsResponse = await self._clients.messaging.call(
            "ListDirectThreads", call, timeout=READ_SECONDS, idempotent=True, identity=viewer
        )
        shown = await self._composer.conversations(viewer, answer.threads)
        return {
            thread.posts[0].post_id: shown[thread.thread_id]
            for thread in reversed(answer.threads)
            if thread.thread_id in shown
        }
