"""Edits in CQL: the post as it is now, and what it said before."""

from __future__ import annotations

from datetime import UTC

from post_service.models import Post, PostState, Revision
from post_service.repository.media import attached_from, attached_values, media_values
from post_service.repository.posts import author_row, mention_values, mentions_from, poll_values, reply_rows
from post_service.repository.quotes import quote_rows
from rookery_common.clients.cassandra import Args, Cql, Row
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.events import Event

FIRST_VERSION = 0


class RevisionRepository:
    """Writes and reads edits. The post's state is moderation's: an edit writes it only to hold the post back."""

    def __init__(self, cql: Cql, outbox: CqlOutbox) -> None:
        self._cql = cql
        self._outbox = outbox

    async def edit(self, before: Post, edited: Post, event: Event) -> None:
        """The post, its revisions, its media's attachment and the event: all or nothing, in one logged batch."""
        rows: list[tuple[str, Args]] = [("post_edit", _edit_values(edited)), author_row(edited)]
        if before.edit_time is None:
            rows.append(("revision_put", _values(before, FIRST_VERSION)))
        rows.append(("revision_put", _values(edited, edited.version)))
        rows += [("media_put", media_values(media, ttl=0)) for media in edited.media]
        if edited.state != before.state:
            rows += [
                ("post_hold", (edited.version, PostState.HELD, edited.post_id)),
                *reply_rows(edited),
                *quote_rows(edited),
            ]
        await self._cql.batch([*rows, *self._outbox.rows(event)])

    async def restate(self, post: Post, event: Event) -> None:
        """A version of the post that says what two changes at once have made of it."""
        await self._cql.batch([("post_restate", (post.version, post.version, post.post_id)), *self._outbox.rows(event)])

    async def count(self, post_id: int, limit: int) -> int:
        """How many revisions there are, up to the limit."""
        return len(await self._cql.execute("revision_versions", (post_id, limit)))

    async def of(self, post_id: int, limit: int) -> list[Revision]:
        """The first revisions, oldest first; none for a post that was never edited."""
        rows = await self._cql.execute("revision_page", (post_id, limit))
        return [_revision(row) for row in rows]

    async def publish(self, event: Event) -> None:
        """After the batch; returns at once. What a crash keeps from being published, the relay publishes."""
        await self._outbox.publish_soon([event])


def _edit_values(post: Post) -> Args:
    return (
        post.version,
        post.text,
        post.spoiler_text,
        post.sensitive,
        post.language,
        post.edit_time,
        [attached_values(media) for media in post.media],
        mention_values(post),
        list(post.tags),
        poll_values(post.poll),
        post.quote_policy,
        post.version,
        post.post_id,
    )


def _values(post: Post, version: int) -> Args:
    return (
        post.post_id,
        version,
        post.edit_time or post.create_time,
        post.text,
        post.spoiler_text,
        post.sensitive,
        [attached_values(media) for media in post.media],
        mention_values(post),
        list(post.tags),
        list(post.poll.options) if post.poll else None,
        post.version,
    )


def _revision(row: Row) -> Revision:
    # A list that is written twice with one timestamp, as after a lost answer, is there twice; its items differ.
    media = dict.fromkeys(attached_from(media, 0, row.post_id) for media in row.media or ())
    return Revision(
        text=row.text or "",
        spoiler_text=row.spoiler_text or "",
        sensitive=bool(row.sensitive),
        create_time=row.created_at.replace(tzinfo=UTC),
        media=tuple(media),
        mentions=mentions_from(row),
        tags=tuple(dict.fromkeys(row.tags or ())),
        poll_options=tuple(row.poll_options or ()),
    )
