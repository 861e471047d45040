"""Posts in CQL: the row, its author's index, replies as facts, Idempotency-Keys, and the outbox in the same batch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC

from post_service.models import AuthoredRow, Fact, KeyClaim, Mention, Post, PostState, Visibility
from post_service.poll_models import Poll
from post_service.quote_models import Quote, QuotePolicy, QuoteState
from post_service.reply_models import ReplyPolicy
from post_service.repository.authored import AuthoredPost, AuthorsIndex
from post_service.repository.buckets import BucketedList, bucket_of
from post_service.repository.cards import card_from, dropped_rows
from post_service.repository.engagements import fact_rows
from post_service.repository.media import attached_from, attached_values, freed_rows, media_values, removed_rows
from post_service.repository.quotes import quote_rows
from rookery_common.clients.cassandra import Args, Cql, Row
from rookery_common.clients.cql_values import TypeValue
from rookery_common.clock import Clock
from rookery_common.ids import ms_of, time_of
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.events import Event

REPLIES_PER_READ = 1000
SETTLE_ROWS = 200
REPLY_READS = 10
SETTLED_MS = 48 * 3600 * 1000
"""A reply older than this hardly comes late any more: the id of a repeated request is at most 24 hours old."""


class PostRepository:
    """Reads and writes posts. Writes carry the post's version as their timestamp, so that repeating one is harmless."""

    def __init__(self, cql: Cql, outbox: CqlOutbox, clock: Clock) -> None:
        self._cql = cql
        self._outbox = outbox
        self._clock = clock
        self._authored = BucketedList(cql, clock, newest="author_newest", oldest="author_oldest")
        self._authors = AuthorsIndex(cql, clock)

    async def get(self, post_id: int) -> Post | None:
        return (await self.get_many([post_id])).get(post_id)

    async def get_many(self, post_ids: Iterable[int]) -> dict[int, Post]:
        """Posts by id; unknown ones are left out."""
        results = await self._cql.many("post_get", [(post_id,) for post_id in post_ids])
        return {rows[0].post_id: _post(rows[0]) for rows in results if rows}

    async def create(self, post: Post, event: Event, fact: Fact | None = None) -> None:
        """The post, its index rows, its media's attachment, the fact that a reblog is, and the event: all or nothing,
        in one logged batch."""
        facts = fact_rows(fact) if fact else []
        await self._cql.batch([*_rows(post), *facts, *self._outbox.rows(event)])

    async def bury(
        self, post: Post, tombstone: Post, event: Event, fact: Fact | None = None, *, with_media: bool = False
    ) -> None:
        """Puts the tombstone in the post's place, for good, whatever else is being written meanwhile. Its media are for
        other posts to take, unless they go with it."""
        version, bucket = tombstone.version, bucket_of(post.post_id)
        media_rows = removed_rows if with_media else freed_rows
        rows: list[tuple[str, Args]] = [
            ("post_bury", (version, mention_values(tombstone), version, post.post_id)),
            ("author_remove", (version, post.author_id, bucket, post.post_id)),
            ("revisions_remove", (version, post.post_id)),
            *media_rows(replace(post, version=version), self._clock.now().date()),
            *dropped_rows(post, version, self._clock.now().date()),
            *reply_rows(tombstone),
            *quote_rows(tombstone),
            *(fact_rows(fact) if fact else []),
        ]
        await self._cql.batch([*rows, *self._outbox.rows(event)])

    async def decide(self, post: Post, event: Event) -> None:
        """Writes the post's state, and with it whether the post counts as a reply, or as a quote."""
        values = (post.version, post.state, post.decision_version, post.version, post.post_id)
        rows = [("post_decide", values), *reply_rows(post), *quote_rows(post)]
        await self._cql.batch([*rows, *self._outbox.rows(event)])

    async def publish(self, event: Event) -> None:
        """After the batch; returns at once. What a crash keeps from being published, the relay publishes."""
        await self._outbox.publish_soon([event])

    async def find_claim(self, account_id: int, request_id: str) -> KeyClaim | None:
        """What an Idempotency-Key was used for."""
        rows = await self._cql.execute("key_get", (account_id, request_id))
        return KeyClaim(rows[0].body_hash, rows[0].post_id) if rows else None

    async def claim(self, account_id: int, request_id: str, claim: KeyClaim) -> KeyClaim:
        """Takes the key for 24 hours, unless it is taken; the claim that holds is returned."""
        applied, row = await self._cql.execute_conditional(
            "key_claim", (account_id, request_id, claim.body_hash, claim.post_id)
        )
        return claim if applied or row is None else KeyClaim(row.body_hash, row.post_id)

    async def authored(
        self, author_id: int, above: int, below: int, limit: int, *, newest: bool = True
    ) -> list[AuthoredRow]:
        """Up to `limit` of an author's posts between the ids, from the newest or the oldest on; fewer mean the end."""
        rows = await self._authored.rows((author_id,), above, below, limit, newest=newest)
        return [AuthoredRow(*row) for row in rows]

    async def authored_by_any(
        self, author_ids: Sequence[int], above: int, below: int, limit: int, *, newest: bool = True
    ) -> list[AuthoredPost]:
        """Up to `limit` of all these authors' posts between the ids, from the newest or the oldest on; fewer mean the
        end."""
        return await self._authors.rows(author_ids, above, below, limit, newest=newest)

    async def newest_of_each(self, author_ids: Sequence[int], limit: int) -> list[AuthoredPost]:
        """Up to `limit` of every author's posts, each author's newest first."""
        return await self._authors.newest_of_each(author_ids, limit)

    async def replies_of(self, post_ids: Sequence[int], limit: int) -> dict[int, list[int]]:
        """The first replies to each post, oldest first; posts without any are left out."""
        pages = await self._cql.many("reply_page", [(post_id, 0, limit) for post_id in post_ids])
        found = zip(post_ids, pages, strict=True)
        return {post_id: [row.reply_id for row in rows] for post_id, rows in found if rows}

    async def count_replies(self, post_ids: Sequence[int]) -> dict[int, int]:
        """How many replies each post has.

        More than 10,000 in two days show as that many until the older ones have settled.
        """
        newest = await self._cql.many("reply_newest", [(post_id,) for post_id in post_ids])
        replied = {post_id: rows[0] for post_id, rows in zip(post_ids, newest, strict=True) if rows}
        counts = await asyncio.gather(
            *(self._count_from(post_id, row.counted_id or 0, row.counted or 0) for post_id, row in replied.items())
        )
        return dict.fromkeys(post_ids, 0) | dict(zip(replied, counts, strict=True))

    async def _count_from(self, post_id: int, counted_id: int, counted: int) -> int:
        """What was counted before, and the rows since; of those that have settled the number is noted."""
        fresh: list[int] = []
        for _ in range(REPLY_READS):
            after = fresh[-1] if fresh else counted_id
            rows = await self._cql.execute("reply_page", (post_id, after, REPLIES_PER_READ))
            fresh += [row.reply_id for row in rows]
            if len(rows) < REPLIES_PER_READ:
                break
        settled = [reply_id for reply_id in fresh if self._is_settled(reply_id)]
        if len(settled) >= SETTLE_ROWS:
            values = (settled[-1], counted + len(settled), post_id, counted_id or None)
            await self._cql.execute_conditional("reply_settle", values)
        return counted + len(fresh)

    async def unsettle(self, reply: Post) -> None:
        """After `bury` and `decide`: where the number noted may have included this reply, all are counted again."""
        if reply.in_reply_to_id and self._is_settled(reply.post_id):
            await self._cql.execute_conditional("reply_unsettle", (reply.in_reply_to_id, reply.post_id))

    def _is_settled(self, reply_id: int) -> bool:
        return ms_of(reply_id) < self._clock.unix_ms() - SETTLED_MS


def _rows(post: Post) -> list[tuple[str, Args]]:
    rows: list[tuple[str, Args]] = [
        ("post_put", _values(post)),
        author_row(post),
        *(("media_put", media_values(media, ttl=0)) for media in post.media),
    ]
    return rows + reply_rows(post) + quote_rows(post)


def author_row(post: Post) -> tuple[str, Args]:
    """The post in its author's index."""
    bucket, is_with_media = bucket_of(post.post_id), bool(post.media)
    values = (post.author_id, bucket, post.post_id, post.visibility, post.in_reply_to_account_id, is_with_media)
    return "author_put", (*values, post.version)


def reply_rows(post: Post) -> list[tuple[str, Args]]:
    """A reply is a row as long as it may be seen."""
    if not post.in_reply_to_id:
        return []
    if post.state == PostState.VISIBLE:
        return [("reply_put", (post.in_reply_to_id, post.post_id, post.author_id, post.version))]
    return [("reply_remove", (post.version, post.in_reply_to_id, post.post_id))]


def poll_values(poll: Poll | None) -> TypeValue | None:
    """A poll as the row of its post has it."""
    if poll is None:
        return None
    return TypeValue((list(poll.options), poll.multiple, poll.hide_totals, poll.expires_at, poll.ballot))


def mention_values(post: Post) -> list[TypeValue]:
    """Whom a post mentions, as its row has them."""
    return [TypeValue((mention.account_id, mention.username)) for mention in post.mentions]


def mentions_from(row: Row) -> tuple[Mention, ...]:
    """Those of a row. A list that is written twice with one timestamp, as after a lost answer, is there twice."""
    return tuple(dict.fromkeys(Mention(each.account_id, each.username) for each in row.mentions or ()))


def _poll(row: Row | None) -> Poll | None:
    if row is None:
        return None
    return Poll(tuple(row.options), row.multiple, row.hide_totals, row.expires_at.replace(tzinfo=UTC), row.ballot)


def _values(post: Post) -> tuple[object, ...]:
    return (
        post.post_id,
        post.author_id,
        post.version,
        post.state,
        post.visibility,
        post.text,
        post.spoiler_text,
        post.sensitive,
        post.language,
        post.in_reply_to_id,
        post.in_reply_to_account_id,
        post.thread_id,
        post.reblog_of_id,
        post.edit_time,
        [attached_values(media) for media in post.media],
        mention_values(post),
        list(post.tags),
        post.application_name,
        post.application_website,
        poll_values(post.poll),
        post.quote.post_id if post.quote else None,
        post.quote.author_id if post.quote else None,
        post.quote.state if post.quote else None,
        post.quote_policy,
        post.reply_policy,
        post.version,
    )


def _post(row: Row) -> Post:
    # As mentions, each once.
    media = dict.fromkeys(attached_from(media, row.author_id, row.post_id) for media in row.media or ())
    return Post(
        post_id=row.post_id,
        author_id=row.author_id,
        text=row.text or "",
        spoiler_text=row.spoiler_text or "",
        sensitive=bool(row.sensitive),
        visibility=Visibility(row.visibility),
        language=row.language or "",
        in_reply_to_id=row.in_reply_to_id or 0,
        in_reply_to_account_id=row.in_reply_to_account_id or 0,
        thread_id=row.thread_id or row.post_id,
        create_time=time_of(row.post_id),
        media=tuple(media),
        mentions=mentions_from(row),
        tags=tuple(dict.fromkeys(row.tags or ())),
        application_name=row.application_name or "",
        application_website=row.application_website or "",
        version=row.version,
        state=PostState.DELETED if row.deleted else PostState(row.state),
        edit_time=row.edited_at and row.edited_at.replace(tzinfo=UTC),
        reblog_of_id=row.reblog_of_id or 0,
        decision_version=row.decision_version or 0,
        poll=_poll(row.poll),
        quote=Quote(row.quoted_id, row.quoted_author_id, QuoteState(row.quote_state)) if row.quoted_id else None,
        quote_policy=QuotePolicy(row.quote_policy or QuotePolicy.NOBODY),
        reply_policy=ReplyPolicy(row.reply_policy or ReplyPolicy.EVERYONE),
        card=None if row.deleted else card_from(row.card),
    )
