"""Reblogs in homes: whose are shown, with which numbers, and which say nothing new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from gateway_service.compose.reblogs import ECHO_ENTRIES, echoes
from rookery.feed.v1.feed_service_pb2 import Reason
from rookery.post.v1 import post_pb2
from rookery_common.errors import Unavailable
from rookery_common.paging import Page

if TYPE_CHECKING:
    from tests.unit.composing.conftest import Gateway, World

ALICE, BOB, CAROL = 11, 12, 13


@pytest.fixture(autouse=True)
def _people(world: World) -> None:
    for account_id, name in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol")):
        if account_id not in world.accounts:
            world.account(account_id, name)


def post(world: World, post_id: int, author_id: int = ALICE) -> None:
    world.entry(BOB, world.post(post_id, author_id))


def reblog(world: World, reblog_id: int, original_id: int, author_id: int = CAROL) -> None:
    reason = Reason.REASON_OWN_POST if author_id == BOB else Reason.REASON_REBLOG
    world.entry(BOB, world.post(reblog_id, author_id, "", reblog_of_id=original_id), reason)


async def home(gateway: Gateway, world: World, limit: int = 20, **bounds: int) -> list[int]:
    page = await gateway.composer.home(world.tokens.identity(BOB), Page(limit, **bounds))
    return [int(orjson.loads(item)["id"]) for item in page.items]


async def test_a_reblog_has_the_numbers_and_marks_of_what_it_shows(world: World, gateway: Gateway) -> None:
    world.post(1, ALICE)
    world.post(2, CAROL, "", reblog_of_id=1)
    world.post_counts[1] = post_pb2.PostCounts(favourites=4, reblogs=1)
    world.marks[BOB, 1] = post_pb2.PostMarks(favourited=True, reblogged=True)
    world.follow(BOB, ALICE)
    world.follow(BOB, CAROL)
    status: dict[str, Any] = orjson.loads(await gateway.composer.status(world.tokens.identity(BOB), 2))
    for each in (status, status["reblog"]):
        assert (each["favourites_count"], each["reblogs_count"], each["favourited"]) == (4, 1, True)


async def test_reblogs_of_somebody_whose_reblogs_are_not_wanted_are_left_out(world: World, gateway: Gateway) -> None:
    world.follow(BOB, ALICE)
    world.relate(BOB, CAROL, following=True, showing_reblogs=False)
    world.post(1, ALICE)
    reblog(world, 2, 1)
    post(world, 3, CAROL)
    assert await home(gateway, world) == [3]


async def test_a_reblog_of_what_the_home_shows_anyway_is_left_out(world: World, gateway: Gateway) -> None:
    world.follow(BOB, ALICE)
    world.follow(BOB, CAROL)
    post(world, 1)
    post(world, 2)
    reblog(world, 3, 1)
    reblog(world, 4, 2)
    reblog(world, 5, 2, BOB)
    assert await home(gateway, world) == [2, 1]
    assert await home(gateway, world, 2) == [2, 1]
    assert await home(gateway, world, 2, min_id=2) == []
    world.hidden.add(1)
    assert await home(gateway, world) == [2]


async def test_of_several_reblogs_the_first_stays(world: World, gateway: Gateway) -> None:
    world.follow(BOB, ALICE)
    world.follow(BOB, CAROL)
    world.post(1, ALICE)
    for reblog_id, author_id in ((2, CAROL), (3, BOB), (4, CAROL)):
        reblog(world, reblog_id, 1, author_id)
    assert await home(gateway, world) == [2]
    assert await home(gateway, world, 1) == [2]
    world.follow(BOB, CAROL, muting=True)  # What is not shown makes nothing an echo.
    assert await home(gateway, world) == [3]


async def test_without_further_entries_a_page_is_compared_with_itself(world: World, gateway: Gateway) -> None:
    world.follow(BOB, ALICE)
    world.follow(BOB, CAROL)
    bob = world.tokens.identity(BOB)
    post(world, 1)
    reblog(world, 2, 1)
    world.post(3, ALICE)
    reblog(world, 4, 3)
    entries = list(world.homes[BOB])
    world.failures["BatchGetHome"] = Unavailable("Away.")
    assert [entry_id for entry_id, _ in await gateway.composer.home_entries(bob, entries)] == [4, 1]


def test_what_was_there_long_ago_may_come_up_again() -> None:
    stretch = list(range(100, 0, -1))
    originals = {100: 1, 60: 1, 59: 1, 20: 1}
    assert echoes(stretch, originals) == {59, 60}  # 60 and 59 are near 20, 100 is near none that is shown
    assert echoes(stretch, {41: 1, 1: 1}) == {41}
    assert echoes(stretch, {42: 1, 1: 1}) == set()
    assert ECHO_ENTRIES == 40
