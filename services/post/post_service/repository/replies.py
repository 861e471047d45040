"""What authors decide about replies, in CQL."""

from __future__ import annotations

from post_service.models import Post
from post_service.repository.posts import author_row
from rookery_common.clients.cassandra import Args, Cql
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.events import Event


class ReplyRepository:
    """Writes who may reply, and takes replies out of threads."""

    def __init__(self, cql: Cql, outbox: CqlOutbox) -> None:
        self._cql = cql
        self._outbox = outbox

    async def set_policy(self, post: Post, event: Event) -> None:
        """Who may reply from now on, and the event, in one logged batch."""
        values = (post.version, post.reply_policy, post.version, post.post_id)
        await self._cql.batch([("post_set_replies", values), *self._outbox.rows(event)])

    async def detach(self, reply: Post, detached: Post, event: Event) -> None:
        """The post that answers nothing now, its place in the author's index and the event, in one logged batch."""
        version, post_id = detached.version, detached.post_id
        rows: list[tuple[str, Args]] = [
            ("post_detach", (version, detached.thread_id, version, post_id)),
            ("reply_remove", (version, reply.in_reply_to_id, post_id)),
            author_row(detached),
        ]
        await self._cql.batch([*rows, *self._outbox.rows(event)])

    async def publish(self, event: Event) -> None:
        """After the batch; returns at once. What a crash keeps from being published, the relay publishes."""
        await self._outbox.publish_soon([event])
