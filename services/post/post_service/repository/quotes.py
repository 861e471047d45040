"""Quotes in CQL: a fact that is counted, and a row in the quoted post's list, in the batch of what changes it."""

from __future__ import annotations

from post_service.models import Fact, FactKind, Post, PostState
from post_service.quote_models import QuoteState, QuotingPost
from post_service.repository.buckets import BucketedList, bucket_of
from post_service.repository.engagements import fact_rows
from rookery_common.clients.cassandra import Args, Cql
from rookery_common.clock import Clock
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.events import Event


class QuoteRepository:
    """Lists quotes, and writes what becomes of them."""

    def __init__(self, cql: Cql, outbox: CqlOutbox, clock: Clock) -> None:
        self._cql = cql
        self._outbox = outbox
        self._list = BucketedList(cql, clock, newest="quote_newest", oldest="quote_oldest")

    async def page(self, post_id: int, above: int, below: int, limit: int, *, newest: bool = True) -> list[QuotingPost]:
        """Up to `limit` quotes of a post between the ids, from the newest or the oldest on; fewer mean the end."""
        rows = await self._list.rows((post_id,), above, below, limit, newest=newest)
        return [QuotingPost(*row) for row in rows]

    async def revoke(self, revoked: Post, event: Event) -> None:
        """The quoting post without its quote, and the event, in one logged batch."""
        values = (revoked.version, QuoteState.REVOKED, revoked.version, revoked.post_id)
        await self._cql.batch([("post_revoke", values), *quote_rows(revoked), *self._outbox.rows(event)])

    async def set_policy(self, post: Post, event: Event) -> None:
        """Who may quote the post from now on, and the event, in one logged batch."""
        values = (post.version, post.quote_policy, post.version, post.post_id)
        await self._cql.batch([("post_set_policy", values), *self._outbox.rows(event)])

    async def publish(self, event: Event) -> None:
        """After the batch; returns at once. What a crash keeps from being published, the relay publishes."""
        await self._outbox.publish_soon([event])


def quote_fact(post: Post) -> Fact | None:
    """What a post counts as with the one that it quotes; None where it quotes nothing."""
    if post.quote is None:
        return None
    active = post.state == PostState.VISIBLE and post.quote.state is QuoteState.ACCEPTED
    return Fact(FactKind.QUOTE, post.quote.post_id, post.post_id, active, post.version, post.create_time)


def quote_rows(post: Post) -> list[tuple[str, Args]]:
    """A quote counts, and is listed, as long as it holds and may be seen."""
    fact = quote_fact(post)
    if fact is None:
        return []
    key = (fact.post_id, bucket_of(post.post_id), post.post_id)
    if fact.active:
        return [*fact_rows(fact), ("quote_put", (*key, post.author_id, post.version))]
    return [*fact_rows(fact), ("quote_remove", (post.version, *key))]
