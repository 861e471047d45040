"""Ids to facts: posts with the viewer's marks, their authors, and what the viewer is to them, in a call each."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence

from gateway_service import degradation
from gateway_service.batched_calls import HomeAsked
from gateway_service.cache import AccountFragment, Fragments, PostFragment
from gateway_service.clients import Clients
from gateway_service.columns import UNTOUCHED, views_of
from gateway_service.compose.entities import Entities, account_body, counts_of
from gateway_service.compose.facts import Ahead, Facts, had
from gateway_service.compose.quotes import is_wanted
from gateway_service.filters import compiled
from rookery.post.v1.poll_pb2 import PollTally
from rookery.post.v1.post_pb2 import Post
from rookery.post.v1.post_service_pb2 import BatchGetPostsResult
from rookery.user.v1.user_service_pb2 import AccountView
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.errors import AppError, DeadlineExceeded, Unavailable
from rookery_common.logs import get_logger

# For so long an author's counts are shown as they were; everything else of it is of its latest version. The longer one
# is where every event of a change has come since.
COUNTS_SECONDS = 5.0
FOLLOWED_COUNTS_SECONDS = 60.0
MAX_PER_CALL = 100
log = get_logger()


class Hydrator:
    """Asks the services for what the cache has not, and fills the cache."""

    def __init__(self, clients: Clients, cache: Fragments, entities: Entities, clock: Clock) -> None:
        self._clients = clients
        self._cache = cache
        self._entities = entities
        self._clock = clock

    async def posts(
        self,
        viewer: Identity | None,
        post_ids: Sequence[int],
        author_ids: Iterable[int] = (),
        *,
        replies: bool = False,
        ahead: Ahead | None = None,
    ) -> Facts:
        """Facts about these posts, whose authors may be known already; with `replies` also about whom they answer.

        Posts that the viewer may not see are in none of them. `ahead` is what was asked for of them. Raises AppError.
        """
        facts = Facts()
        if ahead is None:
            known = self._cache.posts.many(post_ids)
            people = {*author_ids, *self._people(known.values(), replies)}
            fresh, *_ = await asyncio.gather(
                self._load_posts(viewer, known, facts),
                self._load_relations(viewer, people, facts),
                *self._load_unless_held(viewer, people, facts),
            )
        else:
            people, facts = ahead.people, ahead.facts
            ties = had(ahead.ties)
            facts.relations |= ties.relations
            fresh = _take(had(ahead.posts), ahead.known, facts)
            if isinstance(ahead.accounts, Unavailable | DeadlineExceeded):
                self._leave_accounts(ahead.old, facts, ahead.accounts)
            else:
                self._add_accounts(had(ahead.accounts), ahead.old, facts, ahead.asked_at)
            if _own(viewer) in people and _own(viewer) not in ahead.old:
                await self._renew_own_unless(ties.epoch, viewer, facts)
            for filters in self._filters_unless_held(viewer, facts):
                await filters
        if not fresh:
            return facts
        late = {post.author_id for post in fresh} - people
        if late:
            await self._load_people(viewer, late, facts)
        self._render(fresh, facts)
        rest = self._people(facts.posts.values(), replies) - people - late
        if rest:
            await self._load_people(viewer, rest, facts)
        return facts

    async def look_ahead(self, asked: Sequence[HomeAsked]) -> list[Ahead]:
        """What the pages of homes are composed of, in four calls for all of them."""
        found = [Ahead(skeleton) for skeleton in await self._clients.batched.homes(asked)]
        full = [place for place, each in enumerate(found) if not isinstance(each.skeleton, Exception)]
        for place in full:
            entries = had(found[place].skeleton).entries
            known = found[place].known = self._cache.posts.many([each.entry_id for each in entries])
            found[place].people = {*(each.author_id for each in entries), *self._people(known.values(), replies=True)}
            found[place].asked_at = self._clock.monotonic()
            found[place].old = self._held(self._take_accounts(0, found[place].people, found[place].facts))
        full = [place for place in full if found[place].known]
        unsure = [place for place in full if found[place].old]
        whose, calls = [asked[place].asker for place in full], self._clients.batched
        people = [found[place].people - {asked[place].asker.viewer.account_id} for place in full]
        posts, ties, accounts = await asyncio.gather(
            calls.posts_of_many(whose, [_versions(found[place].known) for place in full]),
            calls.ties_of_many(whose, people),
            calls.accounts_of_many(
                [asked[place].asker for place in unsure], [_versions(found[each].old) for each in unsure]
            ),
        )
        for place, of_posts, of_people in zip(full, posts, ties, strict=True):
            found[place].posts, found[place].ties = of_posts, of_people
        for place, of_accounts in zip(unsure, accounts, strict=True):
            found[place].accounts = of_accounts
        return found

    async def originals(self, viewer: Identity | None, facts: Facts) -> None:
        """Adds the posts that reblogs among the facts show, and then those that are quoted."""
        if not any(post.reblog_of_id or post.quote for post in facts.posts.values()):
            return
        reblogged = {post.reblog_of_id for post in facts.posts.values() if post.reblog_of_id}
        await self._add_posts(viewer, reblogged, facts)
        quoted = {
            post.quote.post_id
            for post_id, post in facts.posts.items()
            if post.quote and is_wanted(post.quote, facts.views[post_id])
        }
        await self._add_posts(viewer, quoted, facts)
        nested = {facts.posts[post_id].quote for post_id in quoted if post_id in facts.posts}
        people = {quote.author_id for quote in nested if quote} - facts.relations.keys()
        await self._load_relations(viewer, people, facts)

    async def _add_posts(self, viewer: Identity | None, post_ids: set[int], facts: Facts) -> None:
        wanted = post_ids - facts.posts.keys()
        if not wanted:
            return
        more = await self.posts(viewer, sorted(wanted))
        facts.views |= more.views
        facts.posts |= more.posts
        facts.accounts |= more.accounts
        facts.relations |= more.relations

    async def author(self, viewer: Identity, facts: Facts) -> None:
        """Adds the viewer's own account, as it was a moment ago where it is known here at all. Raises AppError."""
        held = self._cache.accounts.get(viewer.account_id)
        if held is None:
            await self._ask_accounts(viewer, [viewer.account_id], facts)
        else:
            facts.accounts[viewer.account_id] = held

    async def renew_author(self, viewer: Identity, facts: Facts) -> None:
        """The viewer's own account, which the facts have: asked for anew where an event has told of a change since.

        How many posts it has is told by their events, later than whoever asks right after one of them would be told.
        """
        if facts.accounts[viewer.account_id].changed:
            await self._refresh_accounts(viewer, [viewer.account_id], facts)

    def add(self, post: Post, facts: Facts) -> None:
        """A post as it was just stored, by an author among the facts; counts and marks stay as they were."""
        view = facts.views.get(post.post_id, UNTOUCHED)
        if post.HasField("poll") and view.poll is None:
            view = view._replace(poll=PollTally())  # Nobody has voted in a new one.
        facts.views[post.post_id] = view
        self._render([post], facts)

    async def accounts(self, viewer: Identity | None, account_ids: Sequence[int]) -> dict[int, AccountFragment]:
        """Accounts with the counts that they have now; unknown ones are left out."""
        facts = Facts()
        await self._ask_accounts(viewer, account_ids, facts)
        return facts.accounts

    async def people(self, viewer: Identity | None, account_ids: Sequence[int]) -> Facts:
        """As `accounts`, and what the viewer is to them."""
        facts = Facts()
        await asyncio.gather(
            self._ask_accounts(viewer, account_ids, facts), self._load_relations(viewer, account_ids, facts)
        )
        return facts

    def _people(self, posts: Iterable[PostFragment | None], replies: bool) -> set[int]:
        people = set()
        for post in posts:
            if post is not None:
                people.add(post.author_id)
                if replies and post.reply_to_account_id:
                    people.add(post.reply_to_account_id)
        return people

    async def _load_people(self, viewer: Identity | None, account_ids: set[int], facts: Facts) -> None:
        await asyncio.gather(
            self._load_accounts(viewer, account_ids, facts), self._load_relations(viewer, account_ids, facts)
        )

    async def _load_posts(
        self, viewer: Identity | None, known: Mapping[int, PostFragment | None], facts: Facts
    ) -> list[Post]:
        """Those that are not known in their latest version: they are not among the facts yet."""
        asked, fresh = list(known.items()), list[Post]()
        for start in range(0, len(asked), MAX_PER_CALL):
            part = dict(asked[start : start + MAX_PER_CALL])
            result = await self._clients.batch_get_posts(viewer, _versions(part))
            fresh += _take(result, part, facts)
        return fresh

    def _render(self, posts: Iterable[Post], facts: Facts) -> None:
        """Into the facts and the cache, as far as their authors are known."""
        for post in posts:
            facts.posts.pop(post.post_id, None)
            author = facts.accounts.get(post.author_id)
            if author is not None:
                fragment = facts.posts[post.post_id] = self._entities.post(post, author.username)
                self._cache.posts.put(post.post_id, fragment)

    def _load_unless_held(
        self, viewer: Identity | None, people: Iterable[int], facts: Facts
    ) -> Iterator[Coroutine[None, None, None]]:
        """What has to be asked for besides the posts and what the viewer is to people: mostly nothing."""
        if asked := self._take_accounts(_own(viewer), people, facts):
            yield self._refresh_accounts(viewer, asked, facts)
        yield from self._filters_unless_held(viewer, facts)

    def _filters_unless_held(self, viewer: Identity | None, facts: Facts) -> Iterator[Coroutine[None, None, None]]:
        if viewer is not None and viewer.account_id:
            facts.filters, is_fresh = self._cache.filters.get(viewer.account_id, self._clock.monotonic())
            if not is_fresh:
                yield self._refresh_filters(viewer, facts)

    async def _load_accounts(self, viewer: Identity | None, account_ids: Iterable[int], facts: Facts) -> None:
        if asked := self._take_accounts(_own(viewer), account_ids, facts):
            await self._refresh_accounts(viewer, asked, facts)

    def _take_accounts(self, own: int, account_ids: Iterable[int], facts: Facts) -> list[int]:
        """From the cache what was asked just now, save for the viewer's own, which shows every change at once.

        The others are returned: they have to be asked for.
        """
        now = self._clock.monotonic()
        fresh_from = now - COUNTS_SECONDS
        settled_from = max(now - FOLLOWED_COUNTS_SECONDS, self._cache.complete_since())
        asked = []
        for account_id, account in self._cache.accounts.many(account_ids).items():
            if account is None or account_id == own:
                asked.append(account_id)
            elif account.checked_at > fresh_from or (account.settled and account.checked_at > settled_from):
                facts.accounts[account_id] = account
            else:
                asked.append(account_id)
        return asked

    async def _refresh_accounts(self, viewer: Identity | None, asked: Sequence[int], facts: Facts) -> None:
        try:
            await self._ask_accounts(viewer, asked, facts)
        except (Unavailable, DeadlineExceeded) as error:
            self._leave_accounts(self._held(asked), facts, error)

    def _leave_accounts(self, old: Mapping[int, AccountFragment | None], facts: Facts, error: AppError) -> None:
        """A name as it was a moment ago is better than no page; whom nothing is known of is left out."""
        log.warning("compose.accounts_from_cache", reason=error.reason)
        degradation.note(degradation.NAMES)
        facts.accounts |= {account_id: account for account_id, account in old.items() if account is not None}

    def _held(self, account_ids: Iterable[int]) -> dict[int, AccountFragment | None]:
        return self._cache.accounts.many(account_ids)

    async def _renew_own_unless(self, epoch: bytes, viewer: Identity | None, facts: Facts) -> None:
        """The viewer's own account shows every change at once: asked for unless it is that of this epoch."""
        own = _own(viewer)
        if epoch and facts.accounts[own].epoch == epoch:
            return
        try:
            await self._ask_accounts(viewer, [own], facts)
        except (Unavailable, DeadlineExceeded) as error:
            self._leave_accounts(self._held([own]), facts, error)
        else:
            facts.accounts[own].epoch = epoch

    async def _ask_accounts(self, viewer: Identity | None, account_ids: Sequence[int], facts: Facts) -> None:
        now = self._clock.monotonic()
        for start in range(0, len(account_ids), MAX_PER_CALL):
            old = self._held(account_ids[start : start + MAX_PER_CALL])
            self._add_accounts(await self._clients.batch_get_accounts(viewer, _versions(old)), old, facts, now)

    def _add_accounts(
        self, views: Iterable[AccountView], old: Mapping[int, AccountFragment | None], facts: Facts, now: float
    ) -> None:
        """Into the facts and the cache, as they were asked for at that time."""
        for view in views:
            account, counts = old[view.account_id], counts_of(view.counts)
            if view.HasField("account"):
                account = self._entities.account(view.account, counts, now)
                self._cache.accounts.put(view.account_id, account)
            if account is not None:
                _refresh(account, counts, now)
                facts.accounts[view.account_id] = account

    async def _refresh_filters(self, viewer: Identity, facts: Facts) -> None:
        cache, now = self._cache.filters, self._clock.monotonic()
        changes = cache.changes
        try:
            facts.filters = compiled(await self._clients.list_filters(viewer))
        except (Unavailable, DeadlineExceeded) as error:
            # As they were a moment ago; without any, posts are shown as they are to everybody.
            log.warning("compose.filters_from_cache", reason=error.reason)
            degradation.note(degradation.FILTERS)
        else:
            cache.put(viewer.account_id, facts.filters, now, changes)

    async def followed_tags(self, viewer: Identity) -> frozenset[str]:
        """Hashtags that the viewer follows; as they were a moment ago while user is away."""
        cache, now = self._cache.tags, self._clock.monotonic()
        held, is_fresh = cache.get(viewer.account_id, now)
        if is_fresh and held is not None:
            return held
        changes = cache.changes
        try:
            tags = frozenset(await self._clients.list_followed_tags(viewer))
        except AppError as error:  # Also of a user that is one release older, and knows no hashtags.
            log.warning("compose.tags_from_cache", reason=error.reason)
            degradation.note(degradation.FOLLOWED_TAGS)
            return held or frozenset()
        cache.put(viewer.account_id, tags, now, changes)
        return tags

    async def _load_relations(self, viewer: Identity | None, account_ids: Iterable[int], facts: Facts) -> None:
        if viewer is None or not viewer.account_id:
            return
        others = [account_id for account_id in account_ids if account_id != viewer.account_id]
        for start in range(0, len(others), MAX_PER_CALL):
            page = others[start : start + MAX_PER_CALL]
            facts.relations |= await self._clients.batch_get_relations(viewer, page)


def _own(viewer: Identity | None) -> int:
    return viewer.account_id if viewer else 0


def _versions(held: Mapping[int, PostFragment | AccountFragment | None]) -> dict[int, int]:
    return {number: item.version if item else 0 for number, item in held.items()}


def _take(result: BatchGetPostsResult, known: Mapping[int, PostFragment | None], facts: Facts) -> list[Post]:
    """Into the facts what is known in its latest version; the others are returned."""
    views = views_of(result)
    facts.views |= views
    fresh = [view.post for view in result.posts if view.HasField("post")]
    renewed = {post.post_id for post in fresh}
    for post_id, post in known.items():
        if post is not None and post_id in views and post_id not in renewed:
            facts.posts[post_id] = post
    return fresh


def _refresh(account: AccountFragment, counts: tuple[int, int, int, int], now: float) -> None:
    account.settled = 0 < account.checked_at <= now - COUNTS_SECONDS
    account.checked_at, account.changed = now, False
    if account.counts != counts:
        account.counts = counts
        account.body = account_body(account.head, counts)
