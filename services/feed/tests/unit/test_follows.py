"""The follow graph. Runs over the fakes, and as a link in tests/engine over the engine."""

from __future__ import annotations

from typing import Any

from feed_service.follow_models import Follow, Follower
from feed_service.repository.follows import FollowerCursor, FollowRepository

ALICE, BOB, CAROL = 101, 102, 103


async def _followers(follows: FollowRepository, author_id: int, page: int = 7) -> list[Follower]:
    cursor, found = FollowerCursor(author_id), list[Follower]()
    while not cursor.done:
        found += await follows.next_followers(cursor, page)
    return found


async def test_a_follow_is_seen_from_both_ends(follows: FollowRepository, people: Any) -> None:
    await people.follows(BOB, ALICE, CAROL)
    assert (await follows.following(BOB)).authors == {ALICE, CAROL}
    assert await _followers(follows, ALICE) == [Follower(BOB, True)]
    assert await follows.who_follows(ALICE, [BOB, CAROL]) == [Follower(BOB, True)]
    assert await follows.who_follows(ALICE, []) == []


async def test_an_ended_follow_is_gone_from_both_ends_and_can_begin_again(
    follows: FollowRepository, people: Any
) -> None:
    for active in (True, False, True, False):
        await follows.put(people.follow(BOB, ALICE, active=active))
        assert ((await follows.following(BOB)).authors == {ALICE}) is active
        assert bool(await _followers(follows, ALICE)) is active
        assert bool(await follows.who_follows(ALICE, [BOB])) is active


async def test_an_older_version_changes_nothing(follows: FollowRepository) -> None:
    await follows.put(Follow(BOB, ALICE, False, True, 5))
    await follows.put(Follow(BOB, ALICE, True, True, 4))
    assert (await follows.following(BOB)).authors == frozenset()
    assert await _followers(follows, ALICE) == []


async def test_follows_that_begin_and_end_are_put_together(follows: FollowRepository, people: Any) -> None:
    readers = range(1000, 1030)
    await follows.put(*(people.follow(reader, ALICE) for reader in readers[:20]))
    # Some known and some new, of one reader and of many.
    changes = [people.follow(reader, ALICE, active=reader % 2 == 0) for reader in readers]
    await follows.put(*changes, *(people.follow(readers[0], author) for author in (BOB, CAROL)))
    even = {reader for reader in readers if reader % 2 == 0}
    assert {follower.reader_id for follower in await _followers(follows, ALICE)} == even
    assert (await follows.following(readers[0])).authors == {ALICE, BOB, CAROL}
    assert (await follows.following(readers[1])).authors == frozenset()
    assert {follower.reader_id for follower in await _followers(follows, BOB)} == {readers[0]}


async def test_reblogs_that_are_not_wanted_are_remembered(follows: FollowRepository, people: Any) -> None:
    await people.follows(BOB, ALICE, reblogs=False)
    assert (await follows.following(BOB)).without_reblogs == {ALICE}
    assert await _followers(follows, ALICE) == [Follower(BOB, False)]
    await people.follows(BOB, ALICE, reblogs=True)
    assert (await follows.following(BOB)).without_reblogs == frozenset()


async def test_followers_come_in_pages_each_once(follows: FollowRepository, people: Any) -> None:
    for reader_id in range(1000, 1021):
        await people.follows(reader_id, ALICE)
    assert [follower.reader_id for follower in await _followers(follows, ALICE)] == list(range(1000, 1021))
    assert len(await _followers(follows, ALICE, page=21)) == 21


async def test_nobody_follows_an_unknown_author(follows: FollowRepository) -> None:
    assert await _followers(follows, 999) == []
    assert (await follows.following(999)).authors == frozenset()
