"""Posts, their revisions and pins, and facts, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from post_fakes.store import Store
from post_service.models import (
    AuthoredRow,
    Engaged,
    Fact,
    FactKind,
    KeyClaim,
    Pinned,
    Post,
    PostState,
    Revision,
)
from post_service.repository.authored import AuthoredPost
from post_service.repository.engagements import BUCKETS, EngagementCounts, EngagementRepository, place_of
from post_service.repository.pins import PinRepository
from post_service.repository.posts import PostRepository
from post_service.repository.revisions import RevisionRepository
from post_service.service.revisions import revision_of
from rookery_common.ids import MAX_ID
from rookery_common.kafka.events import Event
from rookery_common.testing.clock import START


class MemoryPosts(PostRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get_many(self, post_ids: Iterable[int]) -> dict[int, Post]:
        self._store.require("cql")
        ids = list(post_ids)
        self._store.reads += len(ids)
        return {post_id: self._store.posts[post_id] for post_id in ids if post_id in self._store.posts}

    async def create(self, post: Post, event: Event, fact: Fact | None = None) -> None:
        self._store.require("cql")
        held = self._store.posts.get(post.post_id)
        if held is None or held.version < post.version:
            self._store.put(replace(post, media=tuple(replace(m, version=0) for m in post.media)))
            self._store.media |= {media.media_id: media for media in post.media}
        self._note(event, fact)

    async def bury(
        self, post: Post, tombstone: Post, event: Event, fact: Fact | None = None, *, with_media: bool = False
    ) -> None:
        self._store.require("cql")
        self._store.drop_card(post, START.date())
        self._store.put(tombstone)
        self._store.revisions.pop(post.post_id, None)
        for media in post.media:
            self._store.media[media.media_id] = replace(media, post_id=0, version=tombstone.version)
            if with_media:
                del self._store.media[media.media_id]
        self._note(event, fact)

    async def decide(self, post: Post, event: Event) -> None:
        if self._store.posts[post.post_id].state != PostState.DELETED:
            self._store.put(post)
        self._note(event, None)

    async def unsettle(self, reply: Post) -> None:
        """Nothing is noted here."""

    def _note(self, event: Event, fact: Fact | None) -> None:
        self._store.outbox.append(event)
        if fact:
            self._store.facts[fact.kind, fact.post_id, fact.account_id] = fact

    async def replies_of(self, post_ids: Sequence[int], limit: int) -> dict[int, list[int]]:
        found = {post_id: sorted(reply.post_id for reply in self._replies(post_id)) for post_id in post_ids}
        return {post_id: replies[:limit] for post_id, replies in found.items() if replies}

    def _replies(self, post_id: int) -> list[Post]:
        visible = (post for post in self._store.posts.values() if post.state == PostState.VISIBLE)
        return [post for post in visible if post.in_reply_to_id == post_id]

    async def publish(self, event: Event) -> None:
        self._store.published.append(event)

    async def find_claim(self, account_id: int, request_id: str) -> KeyClaim | None:
        self._store.require("cql")
        return self._store.claims.get((account_id, request_id))

    async def claim(self, account_id: int, request_id: str, claim: KeyClaim) -> KeyClaim:
        self._store.require("cql")
        return self._store.claims.setdefault((account_id, request_id), claim)

    async def authored(
        self, author_id: int, above: int, below: int, limit: int, *, newest: bool = True
    ) -> list[AuthoredRow]:
        self._store.require("cql")
        there = [post for post in self._store.posts.values() if post.state != PostState.DELETED]
        posts = [p for p in there if p.author_id == author_id and above < p.post_id < below]
        posts.sort(key=lambda post: post.post_id, reverse=newest)
        return [AuthoredRow(p.post_id, p.visibility, p.in_reply_to_account_id, bool(p.media)) for p in posts[:limit]]

    async def authored_by_any(
        self, author_ids: Sequence[int], above: int, below: int, limit: int, *, newest: bool = True
    ) -> list[AuthoredPost]:
        self._store.require("cql")
        there = [post for post in self._store.posts.values() if post.state != PostState.DELETED]
        posts = [p for p in there if p.author_id in author_ids and above < p.post_id < below]
        return sorted((AuthoredPost(p.post_id, p.author_id) for p in posts), reverse=newest)[:limit]

    async def newest_of_each(self, author_ids: Sequence[int], limit: int) -> list[AuthoredPost]:
        rows = [await self.authored_by_any([author_id], 0, MAX_ID, limit) for author_id in author_ids]
        return [row for part in rows for row in part]

    async def count_replies(self, post_ids: Sequence[int]) -> dict[int, int]:
        self._store.require("cql")
        return {post_id: len(self._replies(post_id)) for post_id in post_ids}


class MemoryRevisions(RevisionRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def edit(self, before: Post, edited: Post, event: Event) -> None:
        self._store.require("cql")
        held, told = self._store.posts[edited.post_id], edited
        state = edited.state if edited.state != before.state else held.state
        edited = replace(edited, state=state, media=tuple(replace(m, version=0) for m in edited.media))
        self._store.put(edited)
        revisions = self._store.revisions.setdefault(edited.post_id, {})
        if before.edit_time is None:
            revisions[0] = revision_of(before)
        revisions[told.version] = revision_of(edited)
        self._store.media |= {media.media_id: media for media in told.media}
        self._store.outbox.append(event)

    async def restate(self, post: Post, event: Event) -> None:
        self._store.posts[post.post_id] = replace(self._store.posts[post.post_id], version=post.version)
        self._store.outbox.append(event)

    async def count(self, post_id: int, limit: int) -> int:
        return len(await self.of(post_id, limit))

    async def of(self, post_id: int, limit: int) -> list[Revision]:
        kept = self._store.revisions.get(post_id, {})
        return [kept[version] for version in sorted(kept)][:limit]

    async def publish(self, event: Event) -> None:
        self._store.published.append(event)


class MemoryPins(PinRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, account_id: int, *, serial: bool = False) -> Pinned:
        self._store.require("cql")
        return self._store.pins.get(account_id, Pinned())

    async def change(
        self, account_id: int, before: Pinned, add: Collection[int], drop: Collection[int], now: datetime
    ) -> bool:
        if self._store.pins.get(account_id, Pinned()) != before:
            return False
        kept = tuple(post_id for post_id in before.post_ids if post_id not in drop)
        self._store.pins[account_id] = Pinned((*add, *kept), before.revision + 1)
        return True


class MemoryEngagements(EngagementRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, kind: FactKind, post_id: int, account_id: int) -> Fact:
        return self._store.facts.get((kind, post_id, account_id), Fact(kind, post_id, account_id))

    async def engaged(
        self, kind: FactKind, post_id: int, after: int, limit: int, *, before: int = 0, backwards: bool = False
    ) -> tuple[list[Engaged], int]:
        facts = {place_of(key[2]): fact for key, fact in self._store.facts.items() if key[:2] == (kind, post_id)}
        places = sorted(place for place, fact in facts.items() if fact.active)
        low, high = place_of(after) if after else (-1, 0), place_of(before) if before else (BUCKETS, 0)
        between = [place for place in places if low < place < high]
        page = [facts[place] for place in (between[::-1] if backwards else between)[:limit]]
        return [Engaged(f.account_id, f.since) for f in page], page[-1].account_id if len(page) == limit else 0

    async def holders(self, kind: FactKind, post_id: int) -> AsyncIterator[list[int]]:
        yield [key[2] for key, fact in self._store.facts.items() if key[:2] == (kind, post_id) and fact.active]

    async def put(self, fact: Fact, event: Event) -> None:
        self._store.require("cql")
        self._store.facts[fact.kind, fact.post_id, fact.account_id] = fact
        self._store.outbox.append(event)

    async def publish(self, event: Event) -> None:
        self._store.published.append(event)

    async def recount(self, fact: Fact) -> None:
        """Nothing is noted."""

    async def count(self, post_ids: Sequence[int]) -> dict[int, EngagementCounts]:
        self._store.require("cql")
        held = Counter((kind, post_id) for (kind, post_id, _), fact in self._store.facts.items() if fact.active)
        kinds = (FactKind.REBLOG, FactKind.FAVOURITE, FactKind.QUOTE)
        return {key: EngagementCounts(*(held[kind, key] for kind in kinds)) for key in post_ids}

    async def claim_reblog(self, account_id: int, post_id: int, reblog_id: int, held: int) -> int:
        if self._store.reblogs.get((account_id, post_id), 0) == held:
            self._store.reblogs[account_id, post_id] = reblog_id
        return self._store.reblogs[account_id, post_id]

    async def claimed_reblog(self, account_id: int, post_id: int) -> int:
        return self._store.reblogs.get((account_id, post_id), 0)
