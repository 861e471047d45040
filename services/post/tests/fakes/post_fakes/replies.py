"""What authors decide about replies, in memory."""

from __future__ import annotations

from post_fakes.store import Store
from post_service.models import Post
from post_service.repository.replies import ReplyRepository
from rookery_common.kafka.events import Event


class MemoryReplies(ReplyRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def set_policy(self, post: Post, event: Event) -> None:
        self._store.require("cql")
        self._store.put(post)
        self._store.outbox.append(event)

    async def detach(self, reply: Post, detached: Post, event: Event) -> None:
        await self.set_policy(detached, event)

    async def publish(self, event: Event) -> None:
        self._store.published.append(event)
