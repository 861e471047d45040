"""Hashtags of posts that were told of before hashtags were kept: counted by asking post, once however often."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rookery_common.clients.postgres import Postgres
from rookery_common.errors import Unavailable
from rookery_common.testing import FakeClock
from user_service.clients import PostArchive
from user_service.models import PostFact
from user_service.tags import counting
from user_service.tags.counting import AuthorRepository, HashtagCounting, Progress

if TYPE_CHECKING:
    from tests.conftest import World

_COUNTS = "SELECT author_id, name, statuses FROM tag_counts WHERE statuses <> 0 ORDER BY author_id, name LIMIT 100"


class Archive(PostArchive):
    """Posts in pages of two; `failing` is asked for in vain."""

    def __init__(self, posts: list[PostFact]) -> None:
        self.posts = sorted(posts, key=lambda post: -post.post_id)
        self.failing = 0
        self.asked: list[int] = []

    async def posts_of(self, account_id: int, below: int) -> tuple[list[PostFact], int]:
        if account_id == self.failing:
            raise Unavailable("Restarting.")
        self.asked.append(account_id)
        own = [post for post in self.posts if post.author_id == account_id and not 0 < below <= post.post_id]
        return own[:2], own[1].post_id if len(own) > 2 else 0


async def _people(world: World, clock: FakeClock) -> tuple[list[int], list[PostFact]]:
    """Three of them, of whom the first two have posted with hashtags, as post tells of it."""
    people = [await world.sign_up(name) for name in ("alice", "bob", "carol")]
    clock.advance(timedelta(hours=1).total_seconds())
    posts = [PostFact(people[n % 2], n + 1, 1, True, False, clock.now(), ("birds", f"tag{n}")) for n in range(6)]
    return people, posts


async def _counts(pg: Postgres) -> dict[tuple[int, str], int]:
    async with pg.read(primary=True) as read:
        return {(row["author_id"], row["name"]): row["statuses"] for row in await read.fetch("counts", _COUNTS)}


async def test_what_was_told_of_without_hashtags_counts_once_for_them(
    real_world: World, pg: Postgres, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "ACCOUNTS_AT_ONCE", 1)
    (alice, bob, carol), posts = await _people(real_world, clock)
    await real_world.service.count_posts([replace(post, tags=()) for post in posts])
    assert await _counts(pg) == {}
    archive, told = Archive(posts), list[int]()
    work = HashtagCounting(
        AuthorRepository(pg), archive, real_world.service, lambda progress: told.append(progress.account_id)
    )
    assert await work.run(0) == Progress(authors=2, posts=6, account_id=carol)
    expected = {(alice, "birds"): 3, (bob, "birds"): 3} | {(posts[n].author_id, f"tag{n}"): 1 for n in range(6)}
    assert await _counts(pg) == expected
    assert told == [alice, bob, carol]
    assert archive.asked == [alice, alice, bob, bob]
    # Whom nothing is left of is not asked for again; an event that comes again counts nothing.
    assert await work.run(0) == Progress(account_id=carol)
    await real_world.service.count_posts(posts)
    assert await _counts(pg) == expected


async def test_what_has_changed_meanwhile_is_not_undone(real_world: World, pg: Postgres, clock: FakeClock) -> None:
    (alice, bob, _), posts = await _people(real_world, clock)
    await real_world.service.count_posts([replace(post, tags=()) for post in posts])
    edited = replace(posts[0], version=2, tags=("rooks",))
    deleted = replace(posts[1], version=2, counted=False, deleted=True, tags=())
    await real_world.service.count_posts([edited, deleted])
    await HashtagCounting(AuthorRepository(pg), Archive(posts), real_world.service, lambda _: None).run(0)
    counts = await _counts(pg)
    assert (counts[alice, "birds"], counts[alice, "rooks"], counts[bob, "birds"]) == (2, 1, 2)
    assert (alice, "tag0") not in counts
    assert (bob, "tag1") not in counts


async def test_what_failed_goes_on_above_the_last_that_was_told_of(
    real_world: World, pg: Postgres, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "ACCOUNTS_AT_ONCE", 1)
    (alice, bob, _), posts = await _people(real_world, clock)
    await real_world.service.count_posts([replace(post, tags=()) for post in posts])
    archive, told = Archive(posts), list[int]()
    work = HashtagCounting(
        AuthorRepository(pg), archive, real_world.service, lambda progress: told.append(progress.account_id)
    )
    archive.failing = bob
    with pytest.raises(Unavailable):
        await work.run(0)
    assert told == [alice]
    archive.failing = 0
    await work.run(told[-1])
    assert (await _counts(pg))[bob, "birds"] == 3
