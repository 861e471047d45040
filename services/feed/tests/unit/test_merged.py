"""Authors whom too many follow, in homes. Runs over the fakes, and as a link in tests/engine over the engines."""

from __future__ import annotations

import random
from typing import Any

import pytest

from feed_service.models import Change, Entry, HomePage, ListPage, PageQuery, PostChange, Reason
from feed_service.repository.author_posts import AuthorPostRepository
from feed_service.repository.follows import FollowRepository
from feed_service.repository.timelines import TimelineRepository
from feed_service.service import merged as module
from feed_service.service.fan_out import FanOut
from feed_service.service.follows import FollowKeeper
from feed_service.service.home import HomeReader
from feed_service.service.lists import ListReader
from feed_service.service.merged import TAIL_SECONDS
from feed_service.service.modes import GRACE_SECONDS, LOOK_GRACES, Modes
from rookery_common.testing import FakeClock

ALICE, BOB, CAROL, DAN, STAR = 101, 102, 103, 104, 900


@pytest.fixture
async def star(people: Any, modes: Modes, clock: FakeClock) -> int:
    """Somebody whose posts are merged: Bob, Carol and Dan follow, Alice does not."""
    for reader_id in (BOB, CAROL, DAN):
        await people.follows(reader_id, STAR)
    await modes.look([STAR])
    clock.advance(GRACE_SECONDS)
    return STAR


def _post(entry: Entry, change: Change = Change.VISIBLE) -> PostChange:
    return PostChange(change, entry.entry_id, entry.author_id, is_reblog=entry.reason is Reason.REBLOG)


async def _page(home: HomeReader, reader_id: int, page: PageQuery | None = None) -> HomePage:
    (answer,) = await home.pages([(reader_id, page or PageQuery(80))])
    assert isinstance(answer, HomePage)
    return answer


@pytest.mark.parametrize("warm", [True, False])
async def test_a_merged_post_is_stored_once_and_in_the_home_of_each_follower(
    fan_out: FanOut,
    home: HomeReader,
    entries: Any,
    star: int,
    timelines: TimelineRepository,
    clock: FakeClock,
    warm: bool,
) -> None:
    if warm:
        for reader_id in (ALICE, BOB, STAR):
            assert await _page(home, reader_id) == HomePage([], False)
        clock.advance(TAIL_SECONDS)
    post = entries.make(star)
    for _ in range(2):
        assert await fan_out.apply([_post(post)]) == []
    assert await timelines.older(BOB, post.entry_id + 1, 0, 10) == []
    assert await _page(home, BOB) == await _page(home, CAROL) == HomePage([post], False)
    assert await _page(home, STAR) == HomePage([Entry(post.entry_id, STAR, Reason.OWN_POST)], False)
    assert await _page(home, ALICE) == HomePage([], False)


@pytest.mark.parametrize("is_redis_lost", [False, True])
async def test_what_was_delivered_before_and_after_is_in_a_home_once_and_in_order(
    fan_out: FanOut,
    home: HomeReader,
    people: Any,
    entries: Any,
    follows: FollowRepository,
    windows: Any,
    clock: FakeClock,
    is_redis_lost: bool,
) -> None:
    for reader_id in (BOB, CAROL, DAN):
        await people.follows(reader_id, STAR)
    made: list[Entry] = []

    async def posts() -> None:
        made.extend(entries.many(4, STAR))
        await fan_out.apply([_post(post) for post in made[-4:]])
        assert (await _page(home, BOB)).entries == made[::-1]
        if is_redis_lost:
            await windows.forget_everything()

    await posts()
    clock.advance(GRACE_SECONDS)
    await posts()
    for reader_id in (BOB, CAROL, DAN):
        await follows.put(people.follow(reader_id, STAR, active=reader_id == BOB))
        await windows.forget_following(reader_id)
    clock.advance(GRACE_SECONDS * LOOK_GRACES)
    await posts()
    clock.advance(GRACE_SECONDS)
    await posts()
    assert await _page(home, CAROL) == HomePage([], False)


async def test_pages_of_a_merged_home_meet_without_a_seam(
    fan_out: FanOut, home: HomeReader, people: Any, entries: Any, star: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TAIL_POSTS", 10)
    await people.follows(BOB, ALICE)
    choices, made = random.Random(4), list[Entry]()
    for _ in range(90):
        made.append(entries.make(choices.choice([star, star, ALICE])))
        await fan_out.apply([_post(made[-1])])
    answer = await _page(home, BOB, PageQuery(7))
    down = [*answer.entries]
    while answer.more:
        answer = await _page(home, BOB, PageQuery(7, max_id=down[-1].entry_id))
        down += answer.entries
    assert down == made[::-1]
    answer = await _page(home, BOB, PageQuery(7, min_id=made[0].entry_id))
    upwards = [*answer.entries]
    while answer.more:
        answer = await _page(home, BOB, PageQuery(7, min_id=upwards[0].entry_id))
        upwards = [*answer.entries, *upwards]
    assert upwards == made[:0:-1]
    middle = PageQuery(20, max_id=made[50].entry_id, since_id=made[40].entry_id)
    assert await _page(home, BOB, middle) == HomePage(made[49:40:-1], False)


async def test_unwanted_reblogs_and_who_is_followed_no_longer_are_left_out(
    fan_out: FanOut,
    home: HomeReader,
    keeper: FollowKeeper,
    people: Any,
    entries: Any,
    star: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "TAIL_POSTS", 4)
    posts = entries.many(3, star)
    reblogs = [entries.make(star, Reason.REBLOG) for _ in range(12)]
    await fan_out.apply([_post(entry) for entry in (*posts, *reblogs)])
    assert await _page(home, BOB) == HomePage([*reblogs[::-1], *posts[::-1]], False)
    await keeper.apply([people.follow(BOB, STAR, reblogs=False)], [])
    assert await _page(home, BOB) == HomePage(posts[::-1], False)
    assert await _page(home, BOB, PageQuery(2)) == HomePage(posts[:0:-1], True)
    assert await _page(home, BOB, PageQuery(2, min_id=posts[0].entry_id)) == HomePage(posts[:0:-1], False)
    await keeper.apply([people.follow(BOB, STAR, active=False)], [])
    assert await _page(home, BOB) == HomePage([], False)
    assert len((await _page(home, CAROL)).entries) == 15


async def test_a_new_follower_finds_what_was_merged_before(
    fan_out: FanOut, home: HomeReader, keeper: FollowKeeper, people: Any, posts: Any, entries: Any, star: int
) -> None:
    made = entries.many(3, star)
    await fan_out.apply([_post(post) for post in made])
    assert await _page(home, ALICE) == HomePage([], False)
    posts.by_author[star] = made[1:]
    new = people.follow(ALICE, star)
    await keeper.apply([new], [new])
    assert await _page(home, ALICE) == HomePage(made[::-1], False)


async def test_a_list_has_its_merged_members_too(
    fan_out: FanOut, lists: ListReader, people: Any, entries: Any, star: int
) -> None:
    await people.follows(BOB, ALICE)
    made = [entries.make(author) for author in (star, ALICE, star, ALICE, star, star)]
    await fan_out.apply([_post(post) for post in made])
    members, found, max_id = frozenset({ALICE, STAR}), list[Entry](), 0
    while not found or max_id:
        page = await lists.page(BOB, members, PageQuery(2, max_id=max_id))
        found += page.entries
        max_id = page.reached_id
    assert found == made[::-1]
    upwards = await lists.page(BOB, members, PageQuery(2, min_id=made[0].entry_id))
    assert upwards == ListPage([made[2], made[1]], made[2].entry_id)
    assert (await lists.page(BOB, frozenset({ALICE}), PageQuery(9))).entries == [made[3], made[1]]
    assert (await lists.page(ALICE, members, PageQuery(9))).entries == []


async def test_merged_posts_are_kept_by_author_and_forgotten_together(
    author_posts: AuthorPostRepository, entries: Any
) -> None:
    made = [entries.make(STAR), entries.make(STAR, Reason.REBLOG), entries.make(STAR)]
    await author_posts.put([*made, *made, entries.make(ALICE)])
    top = made[-1].entry_id + 1
    assert await author_posts.older(STAR, top, 0, 2) == [made[2], made[1]]
    assert await author_posts.newer(STAR, top, made[0].entry_id, 9) == made[1:]
    await author_posts.forget(STAR)
    assert await author_posts.older(STAR, top, 0, 2) == []
