"""Quotes: who may quote what, and what authors do about those who have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from post_service import metrics
from post_service.clients import UserClient
from post_service.errors import InvalidField, NotOwnPost, PostNotFound, QuoteNotFound
from post_service.events import PostEvents
from post_service.models import Draft, ListBounds, Mention, Post, PostState, Visibility
from post_service.quote_models import Quote, QuotePolicy, QuoteState, QuotingPost
from post_service.repository.posts import PostRepository
from post_service.repository.quotes import QuoteRepository
from post_service.service.bounds import check_bounds
from post_service.service.read_posts import PostReader
from post_service.service.settle import Settler
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.errors import Unavailable
from rookery_common.ids import MAX_ID
from rookery_common.logs import get_logger

log = get_logger()


class QuotesPage(NamedTuple):
    """Quotes, newest first; `reached_id` is where to go on, in the direction of the page, 0 at the end."""

    quotes: list[QuotingPost]
    reached_id: int


class QuoteRule:
    """Decides who may quote a post: its author's consent is the policy that the post has."""

    def __init__(self, posts: PostRepository, reader: PostReader, users: UserClient) -> None:
        self._posts = posts
        self._reader = reader
        self._users = users

    async def quotable(self, author: Identity, quoted_id: int) -> Post | None:
        """The post, or what it reblogs, if the author may quote it; None for id 0.

        Raises QuoteNotFound, and Unavailable while that is not known.
        """
        if not quoted_id:
            return None
        try:
            shown = await self._reader.original(quoted_id)
            await self._reader.require_visible(author, shown)
        except PostNotFound:
            raise QuoteNotFound from None
        post = await self._posts.get(shown.post_id)
        if post is None or post.state is not PostState.VISIBLE or not await self._is_allowed(author, post):
            raise QuoteNotFound
        return post

    async def _is_allowed(self, author: Identity, post: Post) -> bool:
        if post.visibility is Visibility.DIRECT:
            return False
        if post.author_id == author.account_id or post.quote_policy is QuotePolicy.PUBLIC:
            return True
        if post.quote_policy is QuotePolicy.NOBODY:
            return False
        relation = (await self._users.relations(author, [post.author_id])).get(post.author_id)
        if relation is None:
            raise Unavailable("it is not known now whether this post may be quoted")
        return relation.following


def quoting(draft: Draft, author: Identity, quoted: Post | None, mentions: Sequence[Mention]) -> Draft:
    """The draft with the visibility that its quote allows.

    Raises InvalidField where a direct post does not mention whom it quotes.
    """
    if quoted is None:
        return draft
    mentioned = {author.account_id, *(mention.account_id for mention in mentions)}
    if draft.visibility is Visibility.DIRECT and quoted.author_id not in mentioned:
        raise InvalidField("quoted_status_id", "ERR_INVALID", "must be of an account that a direct post mentions")
    if quoted.visibility is not Visibility.PRIVATE or draft.visibility is Visibility.DIRECT:
        return draft
    return replace(draft, visibility=Visibility.PRIVATE, quote_policy=QuotePolicy.NOBODY)


def quote_of(quoted: Post | None) -> Quote | None:
    """What a new post says of the one that it quotes."""
    return Quote(quoted.post_id, quoted.author_id) if quoted else None


class Quotes:
    """Lists quotes, and lets authors take their posts away from them."""

    def __init__(
        self,
        quotes: QuoteRepository,
        posts: PostRepository,
        reader: PostReader,
        settler: Settler,
        events: PostEvents,
        versions: HybridClock,
    ) -> None:
        self._quotes = quotes
        self._posts = posts
        self._reader = reader
        self._settler = settler
        self._events = events
        self._versions = versions

    async def page(self, identity: Identity | None, post_id: int, bounds: ListBounds) -> QuotesPage:
        """Of a post that the caller may see; whether each quote may be seen is for whoever shows it to ask. Raises
        PostNotFound, InvalidField."""
        shown = (await self._reader.visible(identity, [post_id])).get(post_id)
        if shown is None:
            raise PostNotFound
        return await self.all(shown.reblog_of_id or post_id, bounds)

    async def all(self, post_id: int, bounds: ListBounds) -> QuotesPage:
        """Whoever may see the post. Raises InvalidField."""
        size, newest = check_bounds(bounds), not bounds.min_id
        above, below = max(bounds.min_id, bounds.since_id), bounds.max_id or MAX_ID
        found = await self._quotes.page(post_id, above, below, size, newest=newest)
        reached = found[-1].post_id if len(found) == size else 0
        return QuotesPage(found if newest else found[::-1], reached)

    async def revoke(self, author: Identity, post_id: int, quoting_id: int) -> Post:
        """The quoting post without its quote. Raises PostNotFound, NotOwnPost."""
        held = await self._posts.get(quoting_id)
        quoted = await self._posts.get(post_id)
        if quoted is None or held is None or held.quote is None or held.quote.post_id != post_id:
            raise PostNotFound
        if quoted.author_id != author.account_id:
            raise NotOwnPost
        if held.state is PostState.DELETED:
            raise PostNotFound
        if held.quote.state is QuoteState.ACCEPTED:
            held = await self._revoke(held, held.quote)
        await self._reader.renew(held)
        await self._reader.refresh_quoted(held)
        return held

    async def set_policy(self, author: Identity, post_id: int, policy: QuotePolicy) -> Post:
        """The post as it is now; what is private or direct stays as it is. Raises PostNotFound."""
        post = await self._posts.get(post_id)
        is_own = post is not None and post.author_id == author.account_id and not post.reblog_of_id
        if post is None or not is_own or post.state not in (PostState.VISIBLE, PostState.HELD):
            raise PostNotFound
        if post.visibility in (Visibility.PUBLIC, Visibility.UNLISTED) and post.quote_policy is not policy:
            post = replace(post, quote_policy=policy, version=self._versions.next(post.version))
            event = self._events.edited(post)
            await self._quotes.set_policy(post, event)
            post = await self._settler.settle(post)
            await self._quotes.publish(event)
        await self._reader.renew(post)
        return post

    async def _revoke(self, held: Post, quote: Quote) -> Post:
        version = self._versions.next(held.version)
        revoked = replace(held, quote=replace(quote, state=QuoteState.REVOKED), version=version)
        event = self._events.edited(revoked)
        await self._quotes.revoke(revoked, event)
        await self._quotes.publish(event)
        metrics.ENGAGEMENTS.labels("revoke_quote").inc()
        log.info("post.quote_revoked", post_id=quote.post_id, quoting_id=held.post_id)
        return await self._settler.settle(revoked)
