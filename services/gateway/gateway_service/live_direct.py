"""Threads of direct posts that have something new, for one client's stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway_service.batched_calls import READ_SECONDS
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compositions import Compositions
from gateway_service.connections import DIRECT_GAP
from gateway_service.live_news import NewsSource
from gateway_service.live_sources import REFILL
from gateway_service.streams import DIRECT, Stream
from rookery.messaging.v1.direct_thread_service_pb2 import (
    BatchGetDirectThreadsRequest,
    BatchGetDirectThreadsResponse,
    DirectThreadUpdate,
    ListDirectThreadsRequest,
    ListDirectThreadsResponse,
)
from rookery_common.auth import Identity
from rookery_common.clock import Clock


class DirectSource(NewsSource[DirectThreadUpdate]):
    """Each conversation is sent as it is by now, with every new post once."""

    def __init__(
        self, clients: Clients, composer: Composer, compositions: Compositions, clock: Clock, since_id: int
    ) -> None:
        super().__init__("conversation", DIRECT_GAP, compositions, clock, since_id)
        self._clients = clients
        self._composer = composer

    def _streams(self) -> tuple[Stream, ...]:
        return (DIRECT,)

    def _id(self, item: DirectThreadUpdate) -> int:
        return item.post_id

    async def _composed(self, viewer: Identity, items: Sequence[DirectThreadUpdate]) -> Mapping[int, bytes]:
        call = BatchGetDirectThreadsRequest(thread_ids={update.thread_id for update in items})
        answer: BatchGetDirectThreadsResponse = await self._clients.messaging.call(
            "BatchGetDirectThreads", call, timeout=READ_SECONDS, idempotent=True, identity=viewer
        )
        shown = await self._composer.conversations(viewer, answer.threads)
        return {update.post_id: shown[update.thread_id] for update in items if update.thread_id in shown}

    async def _missed(self, viewer: Identity, since_id: int) -> dict[int, bytes]:
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
