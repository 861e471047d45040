"""In-memory stand-ins; test_repository.py and test_cache.py run over them, and from tests/engine over the engines."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import pytest

from post_service.clients import Relation, UserClient
from post_service.errors import BrokenFile, FileTooLarge
from post_service.imaging.formats import Kind
from post_service.imaging.pool import ImageWorkers
from post_service.imaging.worker import answer_for
from post_service.models import (
    AuthoredRow,
    Bookmark,
    CountedPost,
    Engaged,
    Fact,
    FactKind,
    KeyClaim,
    MarkedPost,
    MarkKind,
    Media,
    Mention,
    Pinned,
    Post,
    PostCounts,
    PostMarks,
    PostState,
    ProcessedImage,
    ProfilePicture,
    Purpose,
    Revision,
    UploadClaim,
    UploadNote,
)
from post_service.repository.cache import PostCache
from post_service.repository.engagements import EngagementCounts, EngagementRepository
from post_service.repository.mark_cache import MarkCache
from post_service.repository.marked import MarkedRepository
from post_service.repository.marks import PINS, MarkRepository, Sheet, Week, week_of
from post_service.repository.media import UPLOAD_SHARDS, MediaRepository
from post_service.repository.pins import PinRepository
from post_service.repository.posts import PostRepository
from post_service.repository.revisions import RevisionRepository
from post_service.service.media import MediaLibrary
from post_service.service.revisions import revision_of
from post_service.service.sweep_uploads import UploadSweeper
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.clients.s3 import S3
from rookery_common.errors import Unavailable
from rookery_common.kafka.events import Event
from rookery_common.testing import FakeClock, FakeIds


@dataclass
class Store:
    """What the engines hold, and which of them are away."""

    posts: dict[int, Post] = field(default_factory=dict)
    media: dict[int, Media] = field(default_factory=dict)
    claims: dict[tuple[int, str], KeyClaim] = field(default_factory=dict)
    uploads: dict[tuple[date, int], UploadNote] = field(default_factory=dict)
    upload_claims: dict[tuple[int, str], UploadClaim] = field(default_factory=dict)
    outbox: list[Event] = field(default_factory=list)
    published: list[Event] = field(default_factory=list)
    cached: dict[int, tuple[CountedPost, int]] = field(default_factory=dict)
    revisions: dict[int, dict[int, Revision]] = field(default_factory=dict)
    pins: dict[int, Pinned] = field(default_factory=dict)
    facts: dict[tuple[FactKind, int, int], Fact] = field(default_factory=dict)
    bookmarks: dict[tuple[int, int], Bookmark] = field(default_factory=dict)
    reblogs: dict[tuple[int, int], int] = field(default_factory=dict)
    sheets: dict[Week, tuple[Sheet, int]] = field(default_factory=dict)
    files: dict[str, tuple[bytes, str, str]] = field(default_factory=dict)
    pictures: dict[tuple[int, Purpose], ProfilePicture] = field(default_factory=dict)
    blocks: set[tuple[int, int]] = field(default_factory=set)
    unknown_accounts: set[int] = field(default_factory=set)
    away: set[str] = field(default_factory=set)
    reads: int = 0

    def require(self, engine: str) -> None:
        if engine in self.away:
            raise Unavailable(f"{engine} is away")


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
            self._store.posts[post.post_id] = replace(post, media=tuple(replace(m, version=0) for m in post.media))
            self._store.media |= {media.media_id: media for media in post.media}
        self._note(event, fact)

    async def bury(self, post: Post, tombstone: Post, event: Event, fact: Fact | None = None) -> None:
        self._store.require("cql")
        self._store.posts[post.post_id] = tombstone
        self._store.revisions.pop(post.post_id, None)
        self._store.media |= {m.media_id: replace(m, post_id=0, version=tombstone.version) for m in post.media}
        self._note(event, fact)

    async def decide(self, post: Post, event: Event) -> None:
        if self._store.posts[post.post_id].state != PostState.DELETED:
            self._store.posts[post.post_id] = post
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
        self._store.posts[edited.post_id] = edited
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

    async def engaged(self, kind: FactKind, post_id: int, after: int, limit: int) -> tuple[list[Engaged], int]:
        """In the order of ids, of which the buckets are a part here."""
        facts = sorted((f for f in self._store.facts.values() if f.active), key=lambda fact: fact.account_id)
        found = [Engaged(f.account_id, f.since) for f in facts if (f.kind, f.post_id) == (kind, post_id)]
        page = [engaged for engaged in found if engaged.account_id > after][:limit]
        return page, page[-1].account_id if len(page) == limit else 0

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
        return {key: EngagementCounts(held[FactKind.REBLOG, key], held[FactKind.FAVOURITE, key]) for key in post_ids}

    async def claim_reblog(self, account_id: int, post_id: int, reblog_id: int, held: int) -> int:
        if self._store.reblogs.get((account_id, post_id), 0) == held:
            self._store.reblogs[account_id, post_id] = reblog_id
        return self._store.reblogs[account_id, post_id]

    async def claimed_reblog(self, account_id: int, post_id: int) -> int:
        return self._store.reblogs.get((account_id, post_id), 0)


class MemoryMarks(MarkRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def sheets(self, weeks: Sequence[Week]) -> dict[Week, Sheet]:
        self._store.require("cql")
        keys = {(account, post) for _, post, account in self._store.facts} | self._store.bookmarks.keys()
        sheets = {week: Sheet({}) for week in weeks}
        for account_id, post_id in keys:
            if week_of(account_id, post_id) in sheets and any(marks := self._of(account_id, post_id)):
                sheets[week_of(account_id, post_id)].marks[post_id] = marks
        for week in weeks:
            if week.number == PINS:
                pinned = self._store.pins.get(week.account_id, Pinned())
                sheets[week].marks.update(dict.fromkeys(pinned.post_ids, PostMarks(pinned=True)))
        return sheets

    def _of(self, account_id: int, post_id: int) -> PostMarks:
        facts, bookmark = self._store.facts, self._store.bookmarks.get((account_id, post_id))
        favourited, reblogged = (facts.get((kind, post_id, account_id)) for kind in FactKind)
        return PostMarks(*(held is not None and held.active for held in (favourited, reblogged, bookmark)))

    async def find_bookmark(self, account_id: int, post_id: int) -> Bookmark:
        return self._store.bookmarks.get((account_id, post_id), Bookmark(post_id, account_id))

    async def put_bookmark(self, bookmark: Bookmark) -> None:
        self._store.bookmarks[bookmark.account_id, bookmark.post_id] = bookmark

    async def held(self, account_id: int, kind: MarkKind, marked: Sequence[MarkedPost]) -> list[MarkedPost]:
        """The lists are made of what holds."""
        return list(marked)


class MemoryLists(MarkedRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self, account_id: int, kind: MarkKind, above: int, below: int, limit: int, *, newest: bool = True
    ) -> list[MarkedPost]:
        self._store.require("cql")
        marks: list[Fact | Bookmark] = [f for f in self._store.facts.values() if f.kind is FactKind.FAVOURITE]
        if kind is MarkKind.BOOKMARK:
            marks = list(self._store.bookmarks.values())
        found = [MarkedPost(m.mark_id, m.post_id) for m in marks if m.account_id == account_id and m.active]
        return sorted((m for m in found if above < m.mark_id < below), reverse=newest)[:limit]


class MemoryMedia(MediaRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get_many(self, media_ids: Sequence[int]) -> dict[int, Media]:
        self._store.require("cql")
        return {media_id: self._store.media[media_id] for media_id in media_ids if media_id in self._store.media}

    async def put(self, media: Media) -> None:
        self._store.require("cql")
        self._store.media[media.media_id] = media

    async def describe(self, media: Media) -> None:
        held = self._store.media[media.media_id]
        changed = replace(held, description=media.description, focus=media.focus, version=media.version)
        self._store.media[media.media_id] = changed

    async def find_claim(self, account_id: int, request_id: str) -> UploadClaim | None:
        return self._store.upload_claims.get((account_id, request_id))

    async def claim(self, account_id: int, request_id: str, claim: UploadClaim) -> UploadClaim:
        self._store.require("cql")
        return self._store.upload_claims.setdefault((account_id, request_id), claim)

    async def note_upload(self, note: UploadNote) -> None:
        self._store.require("cql")
        self._store.uploads[note.day, note.media_id] = note

    async def noted_uploads(self, day: date, shard: int, after: int, limit: int) -> list[UploadNote]:
        notes = (n for n in self._store.uploads.values() if n.day == day and n.media_id % UPLOAD_SHARDS == shard)
        return sorted((n for n in notes if n.media_id > after), key=lambda n: n.media_id)[:limit]

    async def forget_upload(self, note: UploadNote) -> None:
        self._store.uploads.pop((note.day, note.media_id), None)

    async def profile_pictures(self, account_id: int) -> dict[Purpose, ProfilePicture]:
        return {purpose: shown for (owner, purpose), shown in self._store.pictures.items() if owner == account_id}

    async def change_profile_picture(
        self, shown: ProfilePicture, kept: Media | None, freed: Media | None, today: date
    ) -> None:
        self._store.pictures[shown.account_id, shown.purpose] = shown
        for media in (kept, freed):
            if media is not None:
                self._store.media[media.media_id] = media
        if freed is not None:
            await self.note_upload(UploadNote(today, freed.media_id, freed.original_key, freed.small_key))


class MemoryCache(PostCache):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get_many(self, post_ids: Sequence[int]) -> dict[int, CountedPost]:
        if "redis" in self._store.away:
            return {}
        cached = self._store.cached
        return {post_id: cached[post_id][0] for post_id in post_ids if post_id in cached}

    async def put(self, counted: CountedPost, stamp: int) -> None:
        if "redis" not in self._store.away:
            await self.overwrite(counted, stamp)

    async def overwrite(self, counted: CountedPost, stamp: int) -> None:
        self._store.require("redis")
        held, stamp = self._store.cached.get(counted.post.post_id, (counted, stamp))
        was_deleted, is_deleted = (post.state == PostState.DELETED for post in (held.post, counted.post))
        if (is_deleted, counted.post.version) >= (was_deleted, held.post.version):
            self._store.cached[counted.post.post_id] = (CountedPost(counted.post, held.counts), stamp)

    async def put_counts(self, post_id: int, counts: PostCounts, stamp: int) -> None:
        held = self._store.cached.get(post_id)
        if "redis" not in self._store.away and held is not None and held[1] <= stamp:
            self._store.cached[post_id] = (CountedPost(held[0].post, counts), stamp)

    async def fill(self, posts: Iterable[CountedPost], stamp: int) -> None:
        if "redis" not in self._store.away:
            for counted in posts:
                self._store.cached.setdefault(counted.post.post_id, (counted, stamp))


class MemoryMarkCache(MarkCache):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get_many(self, weeks: Sequence[Week]) -> dict[Week, Sheet]:
        held = {} if "redis" in self._store.away else self._store.sheets
        return {week: held[week][0] for week in weeks if week in held}

    async def put(self, sheets: Mapping[Week, Sheet], stamp: int) -> None:
        for week, sheet in sheets.items():
            if "redis" not in self._store.away and stamp >= self._store.sheets.get(week, (sheet, 0))[1]:
                self._store.sheets[week] = (sheet, stamp)


class MemoryUsers(UserClient):
    def __init__(self, store: Store, accounts: dict[str, Mention], follows: dict[int, set[int]]) -> None:
        self._store = store
        self._accounts = accounts
        self._follows = follows

    async def find_accounts(self, usernames: Sequence[str]) -> list[Mention]:
        self._store.require("user")
        return [self._accounts[name.lower()] for name in usernames if name.lower() in self._accounts]

    async def relations(self, viewer: Identity, account_ids: Sequence[int]) -> dict[int, Relation]:
        self._store.require("user")
        follows, me = self._follows[viewer.account_id], viewer.account_id
        known = [account_id for account_id in account_ids if account_id not in self._store.unknown_accounts]
        return {
            each: Relation(each in follows, not self._store.blocks.isdisjoint({(me, each), (each, me)}))
            for each in known
        }


class MemoryFiles(S3):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, key: str, data: bytes, content_type: str, cache_control: str = "") -> None:
        self._store.require("s3")
        self._store.files[key] = (data, content_type, cache_control)

    async def delete(self, key: str) -> None:
        self._store.require("s3")
        self._store.files.pop(key, None)


class InlineWorkers(ImageWorkers):
    """Processes in this process: for pictures that tests make themselves."""

    async def process(self, data: bytes, kind: Kind, purpose: Purpose = Purpose.POST) -> ProcessedImage:
        answer = answer_for(data, kind, purpose)
        if isinstance(answer, ProcessedImage):
            return answer
        raise (FileTooLarge if answer.reason == "FILE_TOO_LARGE" else BrokenFile)(answer.description)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def away(store: Store) -> set[str]:
    """Names of what does not answer: cql, redis, s3, user."""
    return store.away


@pytest.fixture
def published(store: Store) -> list[Event]:
    return store.published


@pytest.fixture
def accounts() -> dict[str, Mention]:
    """Accounts by lower-case username."""
    return {name.lower(): Mention(number, name) for number, name in ((101, "alice"), (102, "Bob"), (103, "carol"))}


@pytest.fixture
def follows() -> dict[int, set[int]]:
    """Whom each account follows."""
    return defaultdict(set)


@pytest.fixture
def posts(store: Store) -> PostRepository:
    return MemoryPosts(store)


@pytest.fixture
def revisions(store: Store) -> RevisionRepository:
    return MemoryRevisions(store)


@pytest.fixture
def pinned(store: Store) -> PinRepository:
    return MemoryPins(store)


@pytest.fixture
def media(store: Store) -> MediaRepository:
    return MemoryMedia(store)


@pytest.fixture
def cache(store: Store) -> PostCache:
    return MemoryCache(store)


@pytest.fixture
def users(store: Store, accounts: dict[str, Mention], follows: dict[int, set[int]]) -> UserClient:
    return MemoryUsers(store, accounts, follows)


@pytest.fixture
def engagements(store: Store) -> EngagementRepository:
    return MemoryEngagements(store)


@pytest.fixture
def marks(store: Store) -> MarkRepository:
    return MemoryMarks(store)


@pytest.fixture
def lists(store: Store) -> MarkedRepository:
    return MemoryLists(store)


@pytest.fixture
def mark_cache(store: Store) -> MarkCache:
    return MemoryMarkCache(store)


@pytest.fixture
def files(store: Store) -> dict[str, tuple[bytes, str, str]]:
    """What S3 holds: content, type and cache control by key."""
    return store.files


@pytest.fixture
def library(
    store: Store, media: MediaRepository, ids: FakeIds, versions: HybridClock, clock: FakeClock
) -> MediaLibrary:
    return MediaLibrary(media, MemoryFiles(store), InlineWorkers(), ids, versions, clock)


@pytest.fixture
def sweeper(store: Store, media: MediaRepository, clock: FakeClock) -> UploadSweeper:
    return UploadSweeper(media, MemoryFiles(store), clock)


@pytest.fixture
def uploads(store: Store) -> dict[tuple[date, int], UploadNote]:
    """The notes of what was put into S3."""
    return store.uploads
