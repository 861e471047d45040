"""In-memory stand-ins; what are links in tests/engine run over them, and from there over the engines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import date

import pytest
from post_fakes.cards import MemoryCards
from post_fakes.drafts import MemoryDrafts
from post_fakes.erasures import MemoryErasures
from post_fakes.marks import MemoryCache, MemoryLists, MemoryMarkCache, MemoryMarks
from post_fakes.media import InlineWorkers, MemoryFiles, MemoryMedia, MemoryUnfinished, MemoryUsers
from post_fakes.polls import MemoryPollEnds, MemoryPolls, MemoryVotes
from post_fakes.posts import MemoryEngagements, MemoryPins, MemoryPosts, MemoryRevisions
from post_fakes.quotes import MemoryQuotes
from post_fakes.replies import MemoryReplies
from post_fakes.schedule import MemorySchedule, MemoryScheduled
from post_fakes.store import Store

from post_service.clients import UserClient
from post_service.imaging.pool import ImageWorkers
from post_service.models import (
    Mention,
    UploadNote,
)
from post_service.repository.cache import PostCache
from post_service.repository.cards import CardRepository
from post_service.repository.engagements import EngagementRepository
from post_service.repository.erasures import ErasureRepository
from post_service.repository.mark_cache import MarkCache
from post_service.repository.marked import MarkedRepository
from post_service.repository.marks import MarkRepository
from post_service.repository.media import MediaRepository
from post_service.repository.pins import PinRepository
from post_service.repository.polls import PollEndRepository, PollRepository, VoteRepository
from post_service.repository.posts import PostRepository
from post_service.repository.quotes import QuoteRepository
from post_service.repository.replies import ReplyRepository
from post_service.repository.revisions import RevisionRepository
from post_service.repository.saved_drafts import SavedDraftRepository
from post_service.repository.schedule import ScheduleRepository
from post_service.repository.scheduled import ScheduledRepository
from post_service.repository.unfinished_media import UnfinishedMediaRepository
from post_service.service.sweep_uploads import UploadSweeper
from rookery_common.clients.s3_parts import S3Parts
from rookery_common.kafka.events import Event
from rookery_common.testing import FakeClock
from rookery_common.testing.crash import CrashAt, crash_at


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
def told(store: Store) -> Callable[[], Awaitable[list[Event]]]:
    """All that was recorded to be told of."""

    async def recorded() -> list[Event]:
        return store.outbox

    return recorded


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
def quoted(store: Store) -> QuoteRepository:
    return MemoryQuotes(store)


@pytest.fixture
def replied(store: Store) -> ReplyRepository:
    return MemoryReplies(store)


@pytest.fixture
def polls(store: Store) -> PollRepository:
    return MemoryPolls(store)


@pytest.fixture
def votes(store: Store) -> VoteRepository:
    return MemoryVotes(store)


@pytest.fixture
def ends(store: Store) -> PollEndRepository:
    return MemoryPollEnds(store)


@pytest.fixture
def crashing() -> Callable[..., AbstractAsyncContextManager[CrashAt]]:
    """Dies at the n-th line: what is in memory is written without a wait."""
    return crash_at


@pytest.fixture
def schedule(store: Store) -> ScheduleRepository:
    return MemorySchedule(store)


@pytest.fixture
def progress(store: Store) -> ErasureRepository:
    return MemoryErasures(store)


@pytest.fixture
def scheduled(store: Store) -> ScheduledRepository:
    return MemoryScheduled(store)


@pytest.fixture
def drafts(store: Store) -> SavedDraftRepository:
    return MemoryDrafts(store)


@pytest.fixture
def media(store: Store) -> MediaRepository:
    return MemoryMedia(store)


@pytest.fixture
def cards(store: Store) -> CardRepository:
    return MemoryCards(store)


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
def objects(store: Store) -> S3Parts:
    return MemoryFiles(store)


@pytest.fixture
def unfinished(store: Store) -> UnfinishedMediaRepository:
    return MemoryUnfinished(store)


@pytest.fixture
def workers() -> ImageWorkers:
    return InlineWorkers()


@pytest.fixture
def sweeper(store: Store, media: MediaRepository, cards: CardRepository, clock: FakeClock) -> UploadSweeper:
    return UploadSweeper(media, cards, MemoryFiles(store), clock)


@pytest.fixture
def uploads(store: Store) -> dict[tuple[date, int], UploadNote]:
    """The notes of what was put into S3."""
    return store.uploads
