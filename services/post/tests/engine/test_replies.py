"""Counting replies: however many there are, few rows are read."""

from __future__ import annotations

import pytest

from post_service.repository import posts as posts_module
from post_service.repository.posts import PostRepository
from rookery_common.clients.cassandra import Cql
from rookery_common.ids import lowest_id_at
from rookery_common.testing import FakeClock

PARENT = 7
DAY = 24 * 3600


async def reply(cql: Cql, clock: FakeClock, count: int) -> None:
    first = lowest_id_at(clock.unix_ms())
    timestamp = clock.unix_ms() * 1000
    await cql.many("reply_put", [(PARENT, first + number, 101, timestamp) for number in range(count)])


async def settled(cql: Cql) -> int:
    (row,) = await cql.execute("reply_newest", (PARENT,))
    return row.counted or 0


async def test_replies_that_can_not_come_late_any_more_are_counted_once(
    cql: Cql, posts: PostRepository, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts_module, "REPLIES_PER_READ", 100)
    await reply(cql, clock, 250)
    assert await posts.count_replies([PARENT]) == {PARENT: 250}
    assert await settled(cql) == 0
    clock.advance(3 * DAY)
    await reply(cql, clock, 30)
    assert await posts.count_replies([PARENT]) == {PARENT: 280}
    assert await settled(cql) == 250
    await reply(cql, clock, 31)  # one more, the rest again
    assert await posts.count_replies([PARENT]) == {PARENT: 281}
    clock.advance(3 * DAY)
    assert await posts.count_replies([PARENT]) == {PARENT: 281}
    assert await settled(cql) == 250  # so few are not worth a write


async def test_a_flood_is_counted_in_bounded_steps(
    cql: Cql, posts: PostRepository, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts_module, "REPLIES_PER_READ", 50)
    monkeypatch.setattr(posts_module, "REPLY_READS", 4)
    await reply(cql, clock, 500)
    assert await posts.count_replies([PARENT]) == {PARENT: 200}
    clock.advance(3 * DAY)
    for expected in (200, 400, 500, 500):
        assert await posts.count_replies([PARENT]) == {PARENT: expected}
