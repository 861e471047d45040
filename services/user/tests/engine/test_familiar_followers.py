"""Whom one follows among another's followers, over Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery_common.clients.postgres import Postgres
from user_service.relationships.models import FollowSettings

if TYPE_CHECKING:
    from tests.conftest import World

NAMES = ("alice", "bob", "carol", "dan", "star")


async def _hide(pg: Postgres, account_id: int) -> None:
    async with pg.transaction() as tx:
        await tx.execute("hide", "UPDATE accounts SET hide_collections = true WHERE account_id = $1", account_id)


async def test_familiar_followers_are_those_whom_one_follows_and_nobody_who_hides_that(
    real_world: World, pg: Postgres
) -> None:
    alice, bob, carol, dan, star = [await real_world.sign_up(name) for name in NAMES]
    for follower, followee in ((alice, bob), (alice, carol), (bob, star), (carol, star), (dan, star), (bob, dan)):
        await real_world.relationships.follow(follower, followee, FollowSettings())
    familiar = real_world.lists.familiar
    assert await familiar(alice, [star, dan, 404]) == [(star, [carol, bob]), (dan, [bob]), (404, [])]
    await real_world.relationships.unfollow(alice, carol)
    assert await familiar(alice, [star]) == [(star, [bob])]
    await real_world.relationships.block(star, alice)
    assert await familiar(alice, [star]) == [(star, [])]
    assert await familiar(alice, [dan]) == [(dan, [bob])]
    await _hide(pg, bob)
    assert await familiar(alice, [dan]) == [(dan, [])]
    await real_world.relationships.follow(alice, carol, FollowSettings())
    await real_world.relationships.follow(carol, dan, FollowSettings())
    assert await familiar(alice, [dan]) == [(dan, [carol])]
    await _hide(pg, dan)
    assert await familiar(alice, [dan]) == [(dan, [])]
