"""Quotes, in memory: read off the posts."""

from __future__ import annotations

from post_fakes.store import Store
from post_service.models import Post
from post_service.quote_models import QuotingPost
from post_service.repository.quotes import QuoteRepository, quote_fact
from rookery_common.kafka.events import Event


class MemoryQuotes(QuoteRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, post_id: int, above: int, below: int, limit: int, *, newest: bool = True) -> list[QuotingPost]:
        self._store.require("cql")
        facts = {post.post_id: quote_fact(post) for post in self._store.posts.values()}
        quoting = [number for number, fact in facts.items() if fact and fact.active and fact.post_id == post_id]
        page = sorted((number for number in quoting if above < number < below), reverse=newest)[:limit]
        return [QuotingPost(number, self._store.posts[number].author_id) for number in page]

    async def revoke(self, revoked: Post, event: Event) -> None:
        self._store.require("cql")
        self._store.put(revoked)
        self._store.outbox.append(event)

    async def set_policy(self, post: Post, event: Event) -> None:
        self._store.require("cql")
        self._store.put(post)
        self._store.outbox.append(event)

    async def publish(self, event: Event) -> None:
        self._store.published.append(event)
