"""In-memory stand-ins; test_repository.py and test_cache.py run over them, and from tests/engine over the engines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import date

import pytest
import pytest_asyncio

from post_service.clients import UserClient
from post_service.errors import BrokenFile, FileTooLarge
from post_service.events import PostCodec, PostEvents
from post_service.imaging.formats import Kind
from post_service.imaging.pool import ImageWorkers
from post_service.imaging.worker import answer_for
from post_service.models import (
    AuthoredRow,
    CountedPost,
    KeyClaim,
    Media,
    Mention,
    Post,
    PostCounts,
    ProcessedImage,
    UploadNote,
)
from post_service.repository.cache import PostCache
from post_service.repository.media import UPLOAD_SHARDS, MediaRepository
from post_service.repository.posts import PostRepository
from post_service.service.create_post import PostWriter
from post_service.service.list_posts import AccountPosts
from post_service.service.media import MediaLibrary
from post_service.service.read_posts import PostReader
from post_service.service.sweep_uploads import UploadSweeper
from post_service.servicer import ALLOWED_CALLERS, PostServicer
from post_service.versions import HybridClock
from rookery.post.v1.post_service_pb2_grpc import PostServiceStub, add_PostServiceServicer_to_server
from rookery_common.auth import Identity
from rookery_common.clients.s3 import S3
from rookery_common.errors import Unavailable
from rookery_common.kafka.events import Event
from rookery_common.rpc.client import RpcClient
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.rpc import Network, Tokens, settings_of


@dataclass
class Store:
    """What the engines hold, and which of them are away."""

    posts: dict[int, Post] = field(default_factory=dict)
    media: dict[int, Media] = field(default_factory=dict)
    claims: dict[tuple[int, str], KeyClaim] = field(default_factory=dict)
    uploads: dict[tuple[date, int], UploadNote] = field(default_factory=dict)
    outbox: list[Event] = field(default_factory=list)
    published: list[Event] = field(default_factory=list)
    cached: dict[int, tuple[CountedPost, int]] = field(default_factory=dict)
    files: dict[str, tuple[bytes, str, str]] = field(default_factory=dict)
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

    async def create(self, post: Post, event: Event) -> None:
        self._store.require("cql")
        held = self._store.posts.get(post.post_id)
        if held is None or held.version < post.version:
            self._store.posts[post.post_id] = replace(post, media=tuple(replace(m, version=0) for m in post.media))
            self._store.media |= {media.media_id: media for media in post.media}
        self._store.outbox.append(event)

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
        posts = [p for p in self._store.posts.values() if p.author_id == author_id and above < p.post_id < below]
        posts.sort(key=lambda post: post.post_id, reverse=newest)
        return [AuthoredRow(p.post_id, p.visibility, p.in_reply_to_account_id, bool(p.media)) for p in posts[:limit]]

    async def count_replies(self, post_ids: Sequence[int]) -> dict[int, int]:
        self._store.require("cql")
        replied = [post.in_reply_to_id for post in self._store.posts.values()]
        return {post_id: replied.count(post_id) for post_id in post_ids}


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

    async def note_upload(self, note: UploadNote) -> None:
        self._store.require("cql")
        self._store.uploads[note.day, note.media_id] = note

    async def noted_uploads(self, day: date, shard: int, after: int, limit: int) -> list[UploadNote]:
        notes = [note for note in self._store.uploads.values() if note.day == day and note.media_id > after]
        notes = [note for note in notes if note.media_id % UPLOAD_SHARDS == shard]
        return sorted(notes, key=lambda note: note.media_id)[:limit]

    async def forget_upload(self, note: UploadNote) -> None:
        self._store.uploads.pop((note.day, note.media_id), None)


class MemoryCache(PostCache):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get_many(self, post_ids: Sequence[int]) -> dict[int, CountedPost]:
        if "redis" in self._store.away:
            return {}
        cached = self._store.cached
        return {post_id: cached[post_id][0] for post_id in post_ids if post_id in cached}

    async def put(self, counted: CountedPost, stamp: int) -> None:
        if "redis" in self._store.away:
            return
        held, stamp = self._store.cached.get(counted.post.post_id, (counted, stamp))
        if held.post.version <= counted.post.version:
            self._store.cached[counted.post.post_id] = (CountedPost(counted.post, held.counts), stamp)

    async def put_counts(self, post_id: int, counts: PostCounts, stamp: int) -> None:
        held = self._store.cached.get(post_id)
        if "redis" not in self._store.away and held is not None and held[1] <= stamp:
            self._store.cached[post_id] = (CountedPost(held[0].post, counts), stamp)

    async def fill(self, posts: Iterable[CountedPost], stamp: int) -> None:
        if "redis" not in self._store.away:
            for counted in posts:
                self._store.cached.setdefault(counted.post.post_id, (counted, stamp))


class MemoryUsers(UserClient):
    def __init__(self, store: Store, accounts: dict[str, Mention], follows: dict[int, set[int]]) -> None:
        self._store = store
        self._accounts = accounts
        self._follows = follows

    async def find_accounts(self, usernames: Sequence[str]) -> list[Mention]:
        self._store.require("user")
        return [self._accounts[name.lower()] for name in usernames if name.lower() in self._accounts]

    async def followed_by(self, viewer: Identity, account_ids: Sequence[int]) -> frozenset[int]:
        self._store.require("user")
        return frozenset(self._follows[viewer.account_id].intersection(account_ids))


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

    async def process(self, data: bytes, kind: Kind) -> ProcessedImage:
        answer = answer_for(data, kind)
        if isinstance(answer, ProcessedImage):
            return answer
        refused = FileTooLarge if answer.reason == "FILE_TOO_LARGE" else BrokenFile
        raise refused(answer.description)


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
def media(store: Store) -> MediaRepository:
    return MemoryMedia(store)


@pytest.fixture
def cache(store: Store) -> PostCache:
    return MemoryCache(store)


@pytest.fixture
def users(store: Store, accounts: dict[str, Mention], follows: dict[int, set[int]]) -> UserClient:
    return MemoryUsers(store, accounts, follows)


@pytest.fixture
def reader(
    posts: PostRepository, cache: PostCache, codec: PostCodec, users: UserClient, versions: HybridClock
) -> PostReader:
    return PostReader(posts, cache, codec, users, versions)


@pytest.fixture
def writer(
    posts: PostRepository,
    media: MediaRepository,
    cache: PostCache,
    reader: PostReader,
    users: UserClient,
    codec: PostCodec,
    events: PostEvents,
    ids: FakeIds,
    versions: HybridClock,
) -> PostWriter:
    return PostWriter(posts, media, cache, reader, users, codec, events, ids, versions, "rookery.example")


@pytest.fixture
def account_posts(posts: PostRepository, reader: PostReader) -> AccountPosts:
    return AccountPosts(posts, reader)


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


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest_asyncio.fixture
async def clients(
    writer: PostWriter,
    reader: PostReader,
    account_posts: AccountPosts,
    library: MediaLibrary,
    codec: PostCodec,
    tokens: Tokens,
) -> AsyncIterator[dict[str, RpcClient]]:
    """The service behind real gRPC, as gateway, feed and search call it."""
    servicer = PostServicer(writer, reader, account_posts, library, codec, tokens.verifier)
    registration = (add_PostServiceServicer_to_server, servicer, "rookery.post.v1.PostService")
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        server = await network.serve(registration, settings=settings_of("post"), allowed_callers=ALLOWED_CALLERS)
        yield {
            name: await network.client(server.port, PostServiceStub, service="post", settings=settings_of(name))
            for name in ("gateway", "feed", "search")
        }
