"""The one place that composes: ids are hydrated, filtered for the viewer, and joined from rendered fragments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import orjson

from gateway_service import degradation
from gateway_service.cache import Fragments
from gateway_service.clients import Clients
from gateway_service.columns import Entry, Skeleton
from gateway_service.compose.audience import ListRule, Rule, why_not_public
from gateway_service.compose.direct import DirectConversations
from gateway_service.compose.entities import Entities
from gateway_service.compose.facts import Ahead, Facts, had
from gateway_service.compose.hydrate import Hydrator
from gateway_service.compose.marks import Mark, leave_vote
from gateway_service.compose.posting import PostingDefaults
from gateway_service.compose.preferences import Preferences, rule_of
from gateway_service.compose.present import Presenter
from gateway_service.compose.reblogs import ECHO_ENTRIES, echoes
from gateway_service.compose.telling import Telling
from gateway_service.compose.told import Groups
from gateway_service.config import Settings
from gateway_service.errors import RecordNotFound
from gateway_service.metrics import ECHOES
from gateway_service.schemas.relationships import relationship as relationship_body
from rookery.feed.v1.feed_service_pb2 import ListPublicTimelineRequest, Reason
from rookery.messaging.v1.direct_thread_service_pb2 import DirectThread
from rookery.notification.v1.group_service_pb2 import NotificationGroup
from rookery.notification.v1.notification_service_pb2 import Notification
from rookery.post.v1.draft_service_pb2 import Draft
from rookery.post.v1.edit_service_pb2 import Revision
from rookery.post.v1.media_pb2 import Media
from rookery.post.v1.post_pb2 import Post
from rookery.post.v1.schedule_service_pb2 import ScheduledPost
from rookery.user.v1.account_pb2 import Account
from rookery.user.v1.filter_service_pb2 import FILTER_CONTEXT_PUBLIC
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.errors import DeadlineExceeded, Unavailable
from rookery_common.logs import get_logger
from rookery_common.paging import Page

MAX_ROUNDS = 3
_FOLLOWED_AUTHOR = Reason.REASON_FOLLOWED_AUTHOR
log = get_logger()


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """Statuses of a timeline, newest first, between the entries of these ids, shown or not (0 for an empty page)."""

    items: list[bytes]
    first_id: int
    last_id: int
    more: bool


Viewer = TypeVar("Viewer", Identity, Identity | None)
Wanted = ListPublicTimelineRequest
EVERYTHING = Wanted()


class Composer:
    """Composes every answer that shows statuses or accounts."""

    def __init__(self, clients: Clients, cache: Fragments, clock: Clock, settings: Settings) -> None:
        self._clients = clients
        self._entities = Entities(settings)
        self.renderer = self._entities.renderer
        self._hydrator = Hydrator(clients, cache, self._entities, clock)
        self.look_ahead = self._hydrator.look_ahead
        self._telling = Telling(clients, self._hydrator, self._entities, clock)
        self._direct = DirectConversations(self._hydrator, clock)
        self._cache = cache
        self._clock = clock
        self.preferences = Preferences(clients, cache, clock)
        self.posting = PostingDefaults(clients, cache, clock)

    async def status(self, viewer: Identity | None, post_id: int) -> bytes:
        """One Status. Raises RecordNotFound also where the viewer may not see it."""
        found = await self.statuses(viewer, [post_id])
        if not found:
            raise RecordNotFound
        return found[0]

    async def statuses(self, viewer: Identity | None, post_ids: Sequence[int]) -> list[bytes]:
        """Statuses in this order, without those that the viewer may not see."""
        if not post_ids:
            return []
        return self._presenter(viewer, await self._facts(viewer, post_ids)).listed(post_ids)

    async def before(self, viewer: Identity | None, post_id: int) -> Facts:
        """What is to be known of a post before the viewer does something with it. Raises RecordNotFound as `status`."""
        facts = await self._facts(viewer, [post_id])
        if not self._presenter(viewer, facts).listed([post_id]):
            raise RecordNotFound
        return facts

    async def before_writing(self, viewer: Identity, facts: Facts | None = None) -> Facts:
        """The facts, with the viewer as an author: who can't be shown is refused before anything is made."""
        known = facts or Facts()
        await self._hydrator.author(viewer, known)
        if viewer.account_id not in known.accounts:
            raise RecordNotFound
        return known

    async def done(self, viewer: Identity, post_id: int, before: Facts, mark: Mark) -> bytes:
        """A status after the viewer has marked it, or taken a mark back."""
        return await self._after(viewer, post_id, before, lambda: mark.leave_on(post_id, before))

    async def made(self, viewer: Identity, post: Post, before: Facts) -> bytes:
        """A status that the viewer has made or edited."""
        return await self._after(viewer, post.post_id, before, lambda: self._hydrator.add(post, before))

    async def made_now(self, viewer: Identity, post: Post, before: Facts) -> bytes:
        """A status that there was not before this request: nobody has marked it yet."""
        if post.in_reply_to_id or post.HasField("quote"):
            # What it answers may be muted; what it quotes is shown with it.
            return await self.made(viewer, post, before)
        await self._hydrator.renew_author(viewer, before)
        self._hydrator.add(post, before)
        return self._presenter(viewer, before).listed([post.post_id])[0]

    async def poll(self, viewer: Identity | None, post_id: int) -> bytes:
        """The Poll of a post, or of what it reblogs. Raises RecordNotFound also where the viewer may not see it, and
        Unavailable while its votes can't be read."""
        facts = await self._facts(viewer, [post_id])
        presenter = self._presenter(viewer, facts)
        if not presenter.listed([post_id]):
            raise RecordNotFound
        return presenter.poll_of(post_id)

    async def voted(self, viewer: Identity, post_id: int, before: Facts, choices: Sequence[int]) -> bytes:
        """A poll in which the viewer has just voted."""
        shown = await self._unless_away(self.poll(viewer, post_id), degradation.AS_WRITTEN)
        if shown is not None:
            return shown
        leave_vote(choices, post_id, before)
        return self._presenter(viewer, before).poll_of(post_id)

    async def account(self, viewer: Identity | None, account_id: int) -> bytes:
        """One Account. Raises RecordNotFound."""
        found = await self.accounts(viewer, [account_id])
        if not found:
            raise RecordNotFound
        return found[0]

    async def accounts(self, viewer: Identity | None, account_ids: Sequence[int]) -> list[bytes]:
        """Accounts in this order, without unknown ones."""
        found = await self.accounts_by_id(viewer, account_ids)
        return [found[account_id] for account_id in account_ids if account_id in found]

    async def accounts_by_id(self, viewer: Identity | None, account_ids: Sequence[int]) -> dict[int, bytes]:
        """As `accounts`, each under its id."""
        if not account_ids:
            return {}
        found = await self._hydrator.accounts(viewer, account_ids)
        return {account_id: account.body for account_id, account in found.items()}

    async def people(self, viewer: Identity | None, account_ids: Sequence[int]) -> list[bytes]:
        """As `accounts`, for what lists and finds others: without those whom a block keeps from the viewer."""
        if not account_ids:
            return []
        return self._presenter(viewer, await self._hydrator.people(viewer, account_ids)).people(account_ids)

    def community(self) -> bytes:
        """The Account of the community itself, for what no person has done; nobody can look it up."""
        return self._entities.community()

    async def notifications(
        self, viewer: Identity, told: Sequence[Notification], *, filtered: bool = False
    ) -> list[tuple[int, bytes]]:
        """Those notifications that the viewer is shown now, in this order, each with its id."""
        if not told:
            return []
        return (await self._telling.told(viewer, told, filtered=filtered)).shown(told)

    async def notification_requests(
        self, viewer: Identity, told: Sequence[Notification]
    ) -> dict[int, tuple[int, bytes]]:
        """Those of whom something waits among these, newest first: how much, and the entity, by the account."""
        made = await self._telling.told(viewer, told, filtered=True)
        requests = made.requests(told).items()
        return {account_id: (request.count, made.request_body(account_id, request)) for account_id, request in requests}

    async def notification_groups(
        self, viewer: Identity, groups: Sequence[NotificationGroup], *, filtered: bool = False
    ) -> Groups:
        """Those groups of notifications that the viewer is shown now."""
        newest = [group.newest for group in groups]
        others = [account_id for group in groups for account_id in group.account_ids]
        return (await self._telling.told(viewer, newest, others, filtered=filtered)).groups(groups)

    async def conversations(self, viewer: Identity, threads: Sequence[DirectThread]) -> dict[int, bytes]:
        """Conversations by the id of their thread, in this order, with what the viewer is shown of them now."""
        return await self._direct.shown(viewer, threads)

    async def relationships(self, viewer: Identity, account_ids: Sequence[int]) -> list[bytes]:
        """Relationships in this order, without unknown accounts."""
        if not account_ids:
            return []
        answer = await self._clients.batch_get_relationships(viewer, account_ids)
        found = {relationship.account_id: relationship for relationship in answer}
        return [relationship_body(found[account_id]) for account_id in account_ids if account_id in found]

    def revisions(self, viewer: Identity | None, post_id: int, facts: Facts, said: Sequence[Revision]) -> list[bytes]:
        """StatusEdits of a post that is listed, in this order, each with its author and quote as they are shown now."""
        members = self._presenter(viewer, facts).members_of_revisions(post_id)
        return [b"%b%b}" % (self._entities.revision(revision), members) for revision in said]

    def scheduled(self, scheduled: ScheduledPost) -> bytes:
        """One ScheduledStatus."""
        return orjson.dumps(self._entities.scheduled(scheduled))

    def draft(self, draft: Draft) -> bytes:
        """One draft."""
        return orjson.dumps(self._entities.draft(draft))

    def media(self, media: Media) -> bytes:
        """One MediaAttachment."""
        return orjson.dumps(self._entities.media(media))

    async def home(self, viewer: Identity, page: Page, ahead: Ahead | None = None) -> TimelinePage:
        """A page of the viewer's home, of which the beginning may have been asked for."""
        first = had(ahead.skeleton) if ahead else None

        async def ask(viewer: Identity, _wanted: Wanted, bounds: Page) -> Skeleton:
            return first if first and bounds is page else await self.skeleton(viewer, bounds)

        async def compose(viewer: Identity, entries: Sequence[Entry]) -> list[tuple[int, bytes]]:
            return await self.home_entries(viewer, entries, ahead if first and entries is first.entries else None)

        return await self._filled(viewer, EVERYTHING, page, ask, compose)

    async def home_entries(
        self, viewer: Identity, entries: Sequence[Entry], ahead: Ahead | None = None
    ) -> list[tuple[int, bytes]]:
        """Those entries that belong in the viewer's home as the viewer wants it, as `entries`."""
        rule = rule_of(await self.preferences.of(viewer))
        return await self.entries(viewer, entries, rule, looks_further=True, ahead=ahead)

    async def public(self, viewer: Identity | None, wanted: Wanted, page: Page) -> TimelinePage:
        """A page of what is the same for everybody, of the posts that are wanted, without what the viewer avoids."""
        return await self._filled(viewer, wanted, page, self._ask_public, self.everybodys)

    async def skeleton(self, viewer: Identity, bounds: Page) -> Skeleton:
        """The ids of a page of the viewer's home, with those of the hashtags that the viewer follows."""
        return await self._clients.batch_get_home(viewer, bounds, await self.followed_tags(viewer))

    async def followed_tags(self, viewer: Identity) -> frozenset[str]:
        """Hashtags that the viewer follows, as hashtags are compared."""
        return await self._hydrator.followed_tags(viewer)

    def forget_followed_tags(self, account_id: int) -> None:
        """They have changed: the next page is composed with those of then."""
        self._cache.tags.drop(account_id)

    async def _ask_public(self, viewer: Identity | None, wanted: Wanted, bounds: Page) -> Skeleton:
        answer = await self._clients.list_public_timeline(viewer, wanted, bounds)
        return Skeleton(answer.entries, answer.more, answer.reached_id)

    async def everybodys(self, viewer: Identity | None, entries: Sequence[Entry]) -> list[tuple[int, bytes]]:
        """Those entries of a timeline of everybody that the viewer is shown, in this order, with their statuses."""
        post_ids = [entry.entry_id for entry in entries]
        facts = await self._hydrator.posts(viewer, post_ids, {entry.author_id for entry in entries})
        await self._hydrator.originals(viewer, facts)
        return self._presenter(viewer, facts).timeline(entries, why_not_public, FILTER_CONTEXT_PUBLIC)

    async def _filled(
        self,
        viewer: Viewer,
        wanted: Wanted,
        page: Page,
        ask: Callable[[Viewer, Wanted, Page], Awaitable[Skeleton]],
        compose: Callable[[Viewer, Sequence[Entry]], Awaitable[list[tuple[int, bytes]]]],
    ) -> TimelinePage:
        """What may not be shown is made up for, in at most three rounds; a page may still be short, or empty, with
        `more`.
        """
        upwards = page.min_id is not None and page.max_id is None
        shown: list[bytes] = []
        first_id = last_id = 0
        answer, bounds = Skeleton((), more=True), page
        for _ in range(MAX_ROUNDS):
            answer = await ask(viewer, wanted, bounds)
            entries = answer.entries
            if entries:
                found = [status for _, status in await compose(viewer, entries)]
                shown = found + shown if upwards else shown + found
                first_id = entries[0].entry_id if upwards or not first_id else first_id
                last_id = last_id if upwards and last_id else entries[-1].entry_id
            missing = page.limit - len(shown)
            if not entries or answer.reached_id or not answer.more or missing <= 0:
                break
            further = {"min_id": first_id} if upwards else {"max_id": last_id}
            bounds = replace(page, limit=missing, **further)
        if answer.reached_id:
            first_id, last_id = (answer.reached_id, last_id) if upwards else (first_id, answer.reached_id)
        return TimelinePage(shown, first_id, last_id, answer.more)

    async def of_list(self, viewer: Identity, rule: ListRule, page: Page) -> TimelinePage:
        """A page of the timeline of a list; it may be short, or empty, with `more`."""
        answer = await self._clients.get_list_timeline(viewer, sorted(rule.members), page)
        entries, reached_id = answer.entries, answer.reached_id
        shown = [status for _, status in await self.entries(viewer, entries, rule)]
        upwards = page.min_id is not None and page.max_id is None
        first_id = reached_id if upwards and reached_id else entries[0].entry_id if entries else 0
        last_id = reached_id if reached_id and not upwards else entries[-1].entry_id if entries else 0
        return TimelinePage(shown, first_id, last_id, more=bool(reached_id))

    async def entries(
        self,
        viewer: Identity,
        entries: Sequence[Entry],
        rule: Rule,
        *,
        looks_further: bool = False,
        ahead: Ahead | None = None,
    ) -> list[tuple[int, bytes]]:
        """Those entries that the rule lets pass, in this order, with their statuses.

        With `looks_further` reblogs of what the home shows a little further down are left out too.
        """
        if not entries:
            return []
        post_ids = [entry.entry_id for entry in entries]
        author_ids = {entry.author_id for entry in entries}
        facts = await self._hydrator.posts(viewer, post_ids, author_ids, replies=True, ahead=ahead)
        await self._hydrator.originals(viewer, facts)
        shown = self._presenter(viewer, facts).timeline(entries, rule)
        if not any(post.reblog_of_id for post in facts.posts.values()):
            return shown
        originals = {entry_id: facts.posts[entry_id].reblog_of_id or entry_id for entry_id, _ in shown}
        if looks_further:
            dropped = await self._echoes(viewer, post_ids, originals)
        else:
            dropped = echoes(sorted(post_ids, reverse=True), originals)
        ECHOES.inc(len(dropped))
        return [(entry_id, status) for entry_id, status in shown if entry_id not in dropped]

    def forget_filters(self, account_id: int) -> None:
        """They have changed: the next page is composed with those of then."""
        self._cache.filters.drop(account_id)

    async def changed(self, viewer: Identity, account: Account, before: Facts) -> bytes:
        """The viewer's own account, just changed; with the counts of before where they can't be asked."""
        shown = await self._unless_away(self.account(viewer, account.account_id), degradation.NAMES)
        if shown is not None:
            return shown
        held = before.accounts[account.account_id]
        return self._entities.account(account, held.counts, held.checked_at).body

    async def _facts(self, viewer: Identity | None, post_ids: Sequence[int]) -> Facts:
        facts = await self._hydrator.posts(viewer, post_ids)
        await self._hydrator.originals(viewer, facts)
        return facts

    async def _after(self, viewer: Identity, post_id: int, before: Facts, write: Callable[[], None]) -> bytes:
        """The status as it is; else as it was, with what the write did to it."""
        shown = await self._unless_away(self.status(viewer, post_id), degradation.AS_WRITTEN)
        if shown is not None:
            return shown
        write()
        return self._presenter(viewer, before).listed([post_id])[0]

    async def _unless_away(self, shown: Awaitable[bytes], fallback: degradation.Fallback) -> bytes | None:
        """None where a client would be told to try again later: nobody is, for what is done already."""
        try:
            return await shown
        except (Unavailable, DeadlineExceeded) as error:
            log.warning("compose.as_written", part=fallback.part, reason=error.reason)
        degradation.note(fallback)
        return None

    def _presenter(self, viewer: Identity | None, facts: Facts) -> Presenter:
        return Presenter(viewer, facts, self._clock.unix_ms() / 1000)

    async def _echoes(self, viewer: Identity, entry_ids: Sequence[int], originals: dict[int, int]) -> set[int]:
        """Which of the entries are reblogs of what the home shows a little further down."""
        bounds = Page(ECHO_ENTRIES, max_id=min(entry_ids))
        try:
            older = (await self.skeleton(viewer, bounds)).entries
            wanted = set(originals.values())
            maybe = [each for each in older if each.reason != _FOLLOWED_AUTHOR or each.entry_id in wanted]
            facts = await self._hydrator.posts(viewer, [each.entry_id for each in maybe], replies=True)
            await self._hydrator.originals(viewer, facts)
        except (Unavailable, DeadlineExceeded) as error:
            # A reblog too many is better than no page.
            log.warning("compose.echoes_unknown", reason=error.reason)
            return echoes(sorted(entry_ids, reverse=True), originals)
        shown = self._presenter(viewer, facts).timeline(maybe)
        further = {entry_id: facts.posts[entry_id].reblog_of_id or entry_id for entry_id, _ in shown}
        stretch = [*sorted(entry_ids, reverse=True), *(each.entry_id for each in older)]
        return echoes(stretch, originals | further)
