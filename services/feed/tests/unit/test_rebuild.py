"""The follow graph from nothing. Runs over the fakes, and as a link in tests/engine over the engine."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from feed_service.follow_models import Follow, Follower
from feed_service.models import Change, Following, HomePage, PageQuery, PostChange
from feed_service.repository.follows import FollowerCursor, FollowRepository
from feed_service.repository.window_caches import WindowCaches
from feed_service.service.fan_out import FanOut
from feed_service.service.home import HomeReader
from feed_service.service.rebuild import WAITS, GraphRebuild
from rookery_common.errors import Unavailable
from rookery_common.testing import FakeClock

PEOPLE = range(1, 13)
# Where the same people live again, beside those of before.
ELSEWHERE = 1_000_000
PAGE = 7
Rebuild = Callable[["Snapshot"], GraphRebuild]
Graph = dict[int, tuple[Following, set[Follower]]]


class Snapshot:
    """All follows by their two ends, as user lists them, in pages whose ends fall anywhere."""

    def __init__(self, follows: Sequence[Follow]) -> None:
        self._follows = sorted(follows, key=lambda follow: (follow.reader_id, follow.author_id))
        self.failures = 0

    async def follows(self, token: str) -> tuple[Sequence[Follow], str]:
        if self.failures:
            self.failures -= 1
            raise Unavailable("user is away for a moment")
        first = int(token or 0)
        more = first + PAGE < len(self._follows)
        return self._follows[first : first + PAGE], str(first + PAGE) if more else ""


class Hurried(FakeClock):
    """A clock on which nobody sleeps."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


@pytest.fixture
def rebuild(follows: FollowRepository, window_caches: WindowCaches) -> Rebuild:
    return lambda snapshot: GraphRebuild(follows, window_caches, snapshot, Hurried(), lambda count: None)


def _history() -> list[Follow]:
    """Follows that begin, change and end, with versions that rise for each pair."""
    rng, versions, told = random.Random(8), dict[tuple[int, int], int](), list[Follow]()
    for _ in range(100):
        reader, author = rng.sample(PEOPLE, 2)
        version = versions[reader, author] = versions.get((reader, author), 0) + 1
        told.append(Follow(reader, author, active=rng.random() < 0.7, reblogs=rng.random() < 0.8, version=version))
    return told


def _moved(follow: Follow) -> Follow:
    ends = (follow.reader_id + ELSEWHERE, follow.author_id + ELSEWHERE)
    return Follow(*ends, active=follow.active, reblogs=follow.reblogs, version=follow.version)


async def _graph(follows: FollowRepository, offset: int = 0) -> Graph:
    graph: Graph = {}
    for person in PEOPLE:
        cursor, found = FollowerCursor(person + offset), set[Follower]()
        while not cursor.done:
            found |= {
                Follower(each.reader_id - offset, each.reblogs) for each in await follows.next_followers(cursor, PAGE)
            }
        following = await follows.following(person + offset)
        moved = [frozenset(each - offset for each in ids) for ids in (following.authors, following.without_reblogs)]
        graph[person] = (Following(*moved), found)
    return graph


async def test_a_graph_from_nothing_is_the_one_that_events_made(follows: FollowRepository, rebuild: Rebuild) -> None:
    history = _history()
    for follow in history:
        await follows.put(follow)
    newest = {(follow.reader_id, follow.author_id): _moved(follow) for follow in history}
    assert await rebuild(Snapshot(list(newest.values()))).run() == len(newest)
    made = await _graph(follows)
    assert any(followers for _, followers in made.values())
    assert await _graph(follows, ELSEWHERE) == made


async def test_again_or_beside_newer_events_it_changes_nothing(follows: FollowRepository, rebuild: Rebuild) -> None:
    history = _history()
    for follow in history:
        await follows.put(follow)
    made = await _graph(follows)
    newest = {(follow.reader_id, follow.author_id): follow for follow in history}
    oldest = {(follow.reader_id, follow.author_id): follow for follow in reversed(history)}
    for snapshot in (newest, newest, oldest):
        await rebuild(Snapshot(list(snapshot.values()))).run()
    assert await _graph(follows) == made


async def test_a_home_that_was_read_before_has_what_is_posted_after(
    home: HomeReader, fan_out: FanOut, entries: Any, rebuild: Rebuild
) -> None:
    reader, author = 1, 2
    assert await home.pages([(reader, PageQuery(20))]) == [HomePage([], False)]
    await rebuild(Snapshot([Follow(reader, author, active=True, reblogs=True, version=1)])).run()
    entry = entries.make(author)
    await fan_out.apply([PostChange(Change.VISIBLE, entry.entry_id, author)])
    assert await home.pages([(reader, PageQuery(20))]) == [HomePage([entry], False)]


async def test_an_outage_is_waited_for_and_one_that_lasts_ends_it(follows: FollowRepository, rebuild: Rebuild) -> None:
    snapshot = Snapshot([Follow(1, 2, active=True, reblogs=True, version=1)])
    snapshot.failures = len(WAITS)
    assert await rebuild(snapshot).run() == 1
    assert (await follows.following(1)).authors == {2}
    snapshot.failures = len(WAITS) + 1
    with pytest.raises(Unavailable):
        await rebuild(snapshot).run()
