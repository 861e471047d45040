"""In-memory stand-ins. The tests that run over them, and as links in tests/engine over engines, keep them honest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from feed_fakes.cql import MemoryAuthorPosts, MemoryFollows, MemoryMarks, MemoryPublic, MemoryReaders, MemoryTimelines
from feed_fakes.redis import MemoryRankings, MemorySeen, MemoryStretches, MemoryWindows
from feed_fakes.store import Store

from feed_service.models import (
    LiveUpdate,
    MergedUpdate,
)
from feed_service.repository.live import MERGED_UPDATES, UPDATES
from rookery_common.testing import FakeClock
from rookery_common.testing.live import MemoryStreams


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def timelines(store: Store, clock: FakeClock) -> MemoryTimelines:
    return MemoryTimelines(store, clock)


@pytest.fixture
def public_rows(store: Store) -> MemoryPublic:
    return MemoryPublic(store)


@pytest.fixture
def follows(store: Store) -> MemoryFollows:
    return MemoryFollows(store)


@pytest.fixture
def author_posts(store: Store, clock: FakeClock) -> MemoryAuthorPosts:
    return MemoryAuthorPosts(store, clock)


@pytest.fixture
def marks(store: Store) -> MemoryMarks:
    return MemoryMarks(store)


@pytest.fixture
def rankings(store: Store) -> MemoryRankings:
    return MemoryRankings(store)


@pytest.fixture
def stretches(store: Store) -> MemoryStretches:
    return MemoryStretches(store)


@pytest.fixture
def readers(store: Store) -> MemoryReaders:
    return MemoryReaders(store)


@pytest.fixture
def seen(store: Store) -> MemorySeen:
    return MemorySeen(store)


@pytest.fixture
def windows(store: Store) -> MemoryWindows:
    return MemoryWindows(store)


@pytest.fixture
def next_store() -> Store:
    """What another cache holds."""
    return Store()


@pytest.fixture
def next_windows(next_store: Store) -> MemoryWindows:
    return MemoryWindows(next_store)


@pytest.fixture
def streams(store: Store) -> MemoryStreams[LiveUpdate]:
    return _streams(store)


@pytest.fixture
def public_streams(store: Store) -> MemoryStreams[LiveUpdate]:
    return _streams(store)


@pytest.fixture
def merged_streams(store: Store) -> MemoryStreams[MergedUpdate]:
    return MemoryStreams(MERGED_UPDATES, _asking(store))


def _streams(store: Store) -> MemoryStreams[LiveUpdate]:
    return MemoryStreams(UPDATES, _asking(store))


def _asking(store: Store) -> Callable[[], Awaitable[None]]:
    async def ask() -> None:
        store.ask("state")

    return ask
