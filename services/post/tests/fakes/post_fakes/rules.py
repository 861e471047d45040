"""Rules about drafts, polls, quotes and replies, over fakes or engines: fixtures that conftest.py hands on."""

from __future__ import annotations

import pytest

from post_service.events import PostEvents
from post_service.repository.erasures import ErasureRepository
from post_service.repository.marked import MarkedRepository
from post_service.repository.marks import MarkRepository
from post_service.repository.media import MediaRepository
from post_service.repository.pins import PinRepository
from post_service.repository.polls import PollEndRepository, PollRepository
from post_service.repository.posts import PostRepository
from post_service.repository.quotes import QuoteRepository
from post_service.repository.replies import ReplyRepository
from post_service.repository.saved_drafts import SavedDraftRepository
from post_service.repository.schedule import ScheduleRepository
from post_service.repository.scheduled import ScheduledRepository
from post_service.service.create_post import PostWriter
from post_service.service.delete_post import PostRemover
from post_service.service.engage import Engagement
from post_service.service.erase_account import MarkErasure, PostErasure
from post_service.service.list_voters import Voters
from post_service.service.poll_ends import PollEnds
from post_service.service.profile_pictures import ProfilePictures
from post_service.service.quotes import Quotes
from post_service.service.read_posts import PostReader
from post_service.service.replies import Replies
from post_service.service.saved_drafts import SavedDrafts
from post_service.service.scheduled_posts import ScheduledPosts
from post_service.service.settle import Settler
from post_service.versions import HybridClock
from rookery_common.clock import SystemClock
from rookery_common.erasure import Eraser, StepwiseEraser
from rookery_common.testing import FakeClock, FakeIds


@pytest.fixture
def eraser(
    posts: PostRepository,
    remover: PostRemover,
    progress: ErasureRepository,
    scheduled: ScheduledRepository,
    scheduled_posts: ScheduledPosts,
    drafts: SavedDraftRepository,
    saved_drafts: SavedDrafts,
    pinned: PinRepository,
    pictures: ProfilePictures,
    marks: MarkRepository,
    lists: MarkedRepository,
    engagement: Engagement,
    versions: HybridClock,
    clock: FakeClock,
) -> Eraser:
    """Takes a step a call, as if each took its second."""
    written = PostErasure(
        posts, remover, progress, (scheduled, scheduled_posts), (drafts, saved_drafts), pinned, pictures, clock
    )
    marked = MarkErasure(marks, lists, engagement, versions, clock)
    return StepwiseEraser([*written.steps, *marked.steps], SlowClock())


class SlowClock(SystemClock):
    """A second passes between any two looks at it."""

    _looks = 0

    def monotonic(self) -> float:
        self._looks += 1
        return float(self._looks)


@pytest.fixture
def poll_ends(
    ends: PollEndRepository, schedule: ScheduleRepository, posts: PostRepository, events: PostEvents, clock: FakeClock
) -> PollEnds:
    return PollEnds(ends, schedule, posts, events, clock)


@pytest.fixture
def saved_drafts(
    drafts: SavedDraftRepository,
    posts: PostRepository,
    media: MediaRepository,
    writer: PostWriter,
    ids: FakeIds,
    versions: HybridClock,
    clock: FakeClock,
) -> SavedDrafts:
    return SavedDrafts(drafts, posts, media, writer, ids, versions, clock)


@pytest.fixture
def voters(polls: PollRepository) -> Voters:
    return Voters(polls)


@pytest.fixture
def quotes(
    quoted: QuoteRepository,
    posts: PostRepository,
    reader: PostReader,
    settler: Settler,
    events: PostEvents,
    versions: HybridClock,
) -> Quotes:
    return Quotes(quoted, posts, reader, settler, events, versions)


@pytest.fixture
def replies(
    replied: ReplyRepository,
    posts: PostRepository,
    reader: PostReader,
    settler: Settler,
    events: PostEvents,
    versions: HybridClock,
) -> Replies:
    return Replies(replied, posts, reader, settler, events, versions)
