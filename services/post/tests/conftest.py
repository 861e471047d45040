from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from post_fakes.rules import eraser as eraser
from post_fakes.rules import poll_ends as poll_ends
from post_fakes.rules import quotes as quotes
from post_fakes.rules import replies as replies
from post_fakes.rules import saved_drafts as saved_drafts
from post_fakes.rules import voters as voters
from post_fakes.uploads import library as library
from post_fakes.uploads import processing as processing

from post_service.clients import UserClient
from post_service.events import PostCodec, PostEvents
from post_service.models import Dimensions, Media, MediaType, Mention, Post, Visibility
from post_service.repository.cache import PostCache
from post_service.repository.engagements import EngagementRepository
from post_service.repository.mark_cache import MarkCache
from post_service.repository.marked import MarkedRepository
from post_service.repository.marks import MarkRepository
from post_service.repository.media import MediaRepository
from post_service.repository.pins import PinRepository
from post_service.repository.polls import PollRepository, VoteRepository
from post_service.repository.posts import PostRepository
from post_service.repository.revisions import RevisionRepository
from post_service.repository.schedule import ScheduleRepository
from post_service.repository.scheduled import ScheduledRepository
from post_service.schedule_models import JobKind
from post_service.service.create_post import PostWriter
from post_service.service.decide import Decisions
from post_service.service.delete_post import PostRemover, PostStores
from post_service.service.edit_post import PostEditor
from post_service.service.engage import Engagement
from post_service.service.list_engaged import EngagedAccounts
from post_service.service.list_marked import MarkedPosts
from post_service.service.list_posts import AccountPosts
from post_service.service.marks import MarkReader
from post_service.service.pins import Pins
from post_service.service.poll_ends import PollEnds
from post_service.service.polls import PollReader
from post_service.service.posts_of_authors import PostsOfAuthors
from post_service.service.profile_pictures import ProfilePictures
from post_service.service.publish_scheduled import ScheduledPublisher
from post_service.service.quotes import QuoteRule
from post_service.service.read_posts import PostReader
from post_service.service.reblog import Reblogger
from post_service.service.replies import ReplyRule
from post_service.service.revisions import Revisions
from post_service.service.scheduled_posts import ScheduledPosts
from post_service.service.scheduler import Scheduler
from post_service.service.settle import Settler
from post_service.service.threads import ThreadReader
from post_service.service.vote import Voting
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.ids import time_of
from rookery_common.testing import FakeClock, FakeIds

MakePost = Callable[..., Post]
MakeMedia = Callable[..., Media]
Write = Callable[..., Awaitable[Post]]

REQUIRED = {
    "POST_CQL_KEYSPACE": "rookery_post",
    "POST_REDIS_CACHE_URL": "redis://127.0.0.1:6379/0",
    "POST_REDIS_STATE_URL": "redis://127.0.0.1:6380/0",
    "POST_S3_ENDPOINT": "http://127.0.0.1:9000",
    "POST_S3_ACCESS_KEY": "key",
    "POST_S3_SECRET_KEY": "secret",
    "POST_S3_BUCKET": "rookery-post-media",
    "POST_MASTER_KEY": base64.b64encode(bytes(32)).decode(),
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What post must be told, and nothing else."""
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def alice() -> Identity:
    return Identity(account_id=101, session_id=1, app_id=1, scopes=frozenset({"read", "write"}), token="alice")


@pytest.fixture
def bob() -> Identity:
    return Identity(account_id=102, session_id=2, app_id=1, scopes=frozenset({"read", "write"}), token="bob")


@pytest.fixture
def carol() -> Identity:
    return Identity(account_id=103, session_id=3, app_id=1, scopes=frozenset({"read", "write"}), token="carol")


@pytest.fixture
def versions(clock: FakeClock) -> HybridClock:
    return HybridClock(clock)


@pytest.fixture
def codec() -> PostCodec:
    return PostCodec(lambda key: f"https://files.example/{key}")


@pytest.fixture
def pictures(media: MediaRepository, versions: HybridClock, clock: FakeClock) -> ProfilePictures:
    return ProfilePictures(media, versions, clock)


@pytest.fixture
def events(codec: PostCodec, clock: FakeClock) -> PostEvents:
    return PostEvents(codec, clock)


@pytest.fixture
def make_media(ids: FakeIds, versions: HybridClock) -> MakeMedia:
    """Builds an upload of account 101; what is named differs."""

    def make(**changes: object) -> Media:
        media_id = ids.mint()
        media = Media(
            media_id=media_id,
            account_id=101,
            type=MediaType.IMAGE,
            original_key=f"media/{media_id}/original.jpg",
            small_key=f"media/{media_id}/small.jpg",
            original=Dimensions(1200, 800),
            small=Dimensions(588, 392),
            blurhash="UBL_:rOpGG-oBUNG,qRj2so|=eE1w^n4S5NH",
            version=versions.next(),
        )
        return replace(media, **changes)  # type: ignore[arg-type] # names of fields, given by tests

    return make


@pytest.fixture
def make_post(ids: FakeIds, versions: HybridClock) -> MakePost:
    """Builds a public post of account 101 that has everything; what is named differs."""

    def make(**changes: object) -> Post:
        post_id = ids.mint()
        post = Post(
            post_id=post_id,
            author_id=101,
            text="Hello, world",
            spoiler_text="greeting",
            sensitive=True,
            visibility=Visibility.PUBLIC,
            language="en",
            in_reply_to_id=0,
            in_reply_to_account_id=0,
            thread_id=post_id,
            create_time=time_of(post_id),
            media=(),
            mentions=(Mention(102, "Bob"),),
            tags=("hello", "world"),
            application_name="Demo",
            application_website="https://demo.example",
            version=versions.next(),
        )
        return replace(post, **changes)  # type: ignore[arg-type] # names of fields, given by tests

    return make


@pytest.fixture
def write(posts: PostRepository, events: PostEvents, make_post: MakePost) -> Write:
    """Stores a post as `make_post` builds it."""

    async def write_post(**changes: object) -> Post:
        post = make_post(**changes)
        await posts.create(post, events.created(post))
        return post

    return write_post


@pytest.fixture
def mark_reader(marks: MarkRepository, mark_cache: MarkCache, versions: HybridClock) -> MarkReader:
    return MarkReader(marks, mark_cache, versions)


@pytest.fixture
def reader(
    posts: PostRepository,
    engagements: EngagementRepository,
    mark_reader: MarkReader,
    polls: PollRepository,
    cache: PostCache,
    codec: PostCodec,
    users: UserClient,
    versions: HybridClock,
) -> PostReader:
    return PostReader(posts, engagements, mark_reader, PollReader(polls), cache, codec, users, versions)


@pytest.fixture
def writer(
    posts: PostRepository,
    media: MediaRepository,
    cache: PostCache,
    reader: PostReader,
    users: UserClient,
    codec: PostCodec,
    events: PostEvents,
    poll_ends: PollEnds,
    ids: FakeIds,
    versions: HybridClock,
) -> PostWriter:
    return PostWriter(
        posts,
        media,
        cache,
        reader,
        users,
        codec,
        events,
        poll_ends,
        QuoteRule(posts, reader, users),
        ReplyRule(reader, codec, users),
        ids,
        versions,
        "rookery.example",
    )


@pytest.fixture
def account_posts(posts: PostRepository, reader: PostReader, codec: PostCodec) -> AccountPosts:
    return AccountPosts(posts, reader, codec)


@pytest.fixture
def posts_of_authors(posts: PostRepository, reader: PostReader) -> PostsOfAuthors:
    return PostsOfAuthors(posts, reader)


@pytest.fixture
def engagement(
    engagements: EngagementRepository,
    marks: MarkRepository,
    mark_reader: MarkReader,
    reader: PostReader,
    events: PostEvents,
    ids: FakeIds,
    versions: HybridClock,
    clock: FakeClock,
) -> Engagement:
    return Engagement(engagements, marks, mark_reader, reader, events, ids, versions, clock)


@pytest.fixture
def marked_posts(lists: MarkedRepository, marks: MarkRepository) -> MarkedPosts:
    return MarkedPosts(lists, marks)


@pytest.fixture
def engaged_accounts(engagements: EngagementRepository, reader: PostReader) -> EngagedAccounts:
    return EngagedAccounts(engagements, reader)


@pytest.fixture
def stores(
    posts: PostRepository, engagements: EngagementRepository, cache: PostCache, revisions: RevisionRepository
) -> PostStores:
    return PostStores(posts, engagements, cache, revisions)


@pytest.fixture
def settler(posts: PostRepository, revisions: RevisionRepository, events: PostEvents, versions: HybridClock) -> Settler:
    return Settler(posts, revisions, events, versions)


@pytest.fixture
def editor(
    posts: PostRepository,
    revisions: RevisionRepository,
    media: MediaRepository,
    reader: PostReader,
    remover: PostRemover,
    settler: Settler,
    users: UserClient,
    events: PostEvents,
    poll_ends: PollEnds,
    versions: HybridClock,
    clock: FakeClock,
) -> PostEditor:
    return PostEditor(
        posts, revisions, media, reader, remover, settler, users, events, poll_ends, versions, clock, "rookery.example"
    )


@pytest.fixture
def pins(
    pinned: PinRepository, posts: PostRepository, reader: PostReader, mark_reader: MarkReader, clock: FakeClock
) -> Pins:
    return Pins(pinned, posts, reader, mark_reader, clock)


@pytest.fixture
def voting(
    polls: PollRepository,
    votes: VoteRepository,
    posts: PostRepository,
    reader: PostReader,
    events: PostEvents,
    versions: HybridClock,
) -> Voting:
    return Voting(polls, votes, posts, reader, events, versions)


@pytest.fixture
def scheduled_posts(
    scheduled: ScheduledRepository,
    posts: PostRepository,
    media: MediaRepository,
    writer: PostWriter,
    ids: FakeIds,
    versions: HybridClock,
    clock: FakeClock,
) -> ScheduledPosts:
    return ScheduledPosts(scheduled, posts, media, writer, ids, versions, clock)


@pytest.fixture
def publisher(scheduled: ScheduledRepository, writer: PostWriter, ids: FakeIds, clock: FakeClock) -> ScheduledPublisher:
    return ScheduledPublisher(scheduled, writer, ids, clock)


@pytest.fixture
def scheduler(
    schedule: ScheduleRepository, publisher: ScheduledPublisher, poll_ends: PollEnds, clock: FakeClock
) -> Scheduler:
    return Scheduler(schedule, {JobKind.PUBLISH: publisher, JobKind.END_POLL: poll_ends}, clock)


@pytest.fixture
def history(posts: PostRepository, revisions: RevisionRepository, reader: PostReader) -> Revisions:
    return Revisions(posts, revisions, reader)


@pytest.fixture
def remover(
    stores: PostStores,
    reader: PostReader,
    mark_reader: MarkReader,
    codec: PostCodec,
    events: PostEvents,
    versions: HybridClock,
) -> PostRemover:
    return PostRemover(stores, reader, mark_reader, codec, events, versions)


@pytest.fixture
def reblogger(
    stores: PostStores,
    reader: PostReader,
    mark_reader: MarkReader,
    remover: PostRemover,
    codec: PostCodec,
    events: PostEvents,
    ids: FakeIds,
    versions: HybridClock,
) -> Reblogger:
    return Reblogger(stores, reader, mark_reader, remover, codec, events, ids, versions)


@pytest.fixture
def threads(posts: PostRepository, reader: PostReader, codec: PostCodec) -> ThreadReader:
    return ThreadReader(posts, reader, codec)


@pytest.fixture
def decisions(
    posts: PostRepository, reader: PostReader, settler: Settler, events: PostEvents, versions: HybridClock
) -> Decisions:
    return Decisions(posts, reader, settler, events, versions)
