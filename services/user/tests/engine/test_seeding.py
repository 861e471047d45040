"""People made up in bulk: whole after any interruption, counted exactly, and served like others."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from rookery_common.clients.postgres import Postgres
from rookery_common.testing.postgres import MigratedPostgres
from user_service.errors import SeedRefused
from user_service.relationships.models import FollowSettings
from user_service.seeding import service as seeding
from user_service.seeding.models import Plan, Progress
from user_service.seeding.repository import seed_repository
from user_service.seeding.service import Seeding

if TYPE_CHECKING:
    from tests.conftest import World

PLAN = Plan(seed=7, accounts=60, follows=5)


class Interrupted(Exception):
    """The operator's Ctrl-C."""


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeding, "ACCOUNTS_AT_ONCE", 20)
    monkeypatch.setattr(seeding, "EDGES_AT_ONCE", 50)


async def _load(dsn: str, plan: Plan, *, beside_others: bool = False, until: int = 10**9) -> Progress:
    """Interrupted after so many parts."""
    parts = 0

    def report(progress: Progress) -> None:
        nonlocal parts
        parts += 1
        if parts == until:
            raise Interrupted

    async with seed_repository(dsn) as repository:
        return await Seeding(repository, report).run(plan, beside_others=beside_others)


async def _rows(pg: Postgres, sql: str) -> set[tuple[int, ...]]:
    async with pg.read(primary=True) as connection:
        return {tuple(row) for row in await connection.fetch("rows", sql)}


@pytest.mark.parametrize("until", [1, 3, 5])
async def test_a_load_that_was_interrupted_goes_on_and_ends_as_the_plan_says(
    pg: Postgres, database: MigratedPostgres, real_world: World, until: int
) -> None:
    with pytest.raises(Interrupted):
        await _load(database.dsn, PLAN, until=until)
    for _ in range(2):  # on, and again
        await _load(database.dsn, PLAN)
    edges = list(PLAN.edges(0, PLAN.accounts))
    wanted = {edge[:3] for edge in edges}
    assert await _rows(pg, "SELECT follower_id, followee_id, follow_id FROM follows_by_follower WHERE active") == wanted
    assert await _rows(pg, "SELECT follower_id, followee_id, follow_id FROM follows_by_followee") == wanted

    people = {person.account_id: person for person in PLAN.people(0, PLAN.accounts)}
    views = await real_world.service.account_views(people)
    followers = Counter(edge.followee_id for edge in edges)
    assert {id_: view.counts.followers for id_, view in views.items()} == {id_: followers[id_] for id_ in people}
    assert {view.counts.following for view in views.values()} == {PLAN.follows}
    assert await _rows(pg, "SELECT sum(accounts)::bigint FROM community_counts") == {(PLAN.accounts,)}

    star, fan = max(followers, key=lambda id_: followers[id_]), edges[0].follower_id
    found = await real_world.service.lookup_accounts([people[star].username])
    assert [each.account_id for each in found] == [star]
    before = followers[star]
    newcomer = await real_world.sign_up("newcomer")
    await real_world.relationships.follow(newcomer, star, FollowSettings())
    assert (await real_world.counts(star)).followers == before + 1
    await real_world.relationships.block(fan, edges[0].followee_id)
    assert (await real_world.counts(fan)).following == PLAN.follows - 1


async def test_what_is_there_already_is_in_the_way_unless_it_is_said_not_to_be(
    database: MigratedPostgres, real_world: World
) -> None:
    await real_world.sign_up("alice")
    with pytest.raises(SeedRefused, match="--beside-others"):
        await _load(database.dsn, PLAN)
    assert (await _load(database.dsn, PLAN, beside_others=True)).followers == PLAN.accounts
    with pytest.raises(SeedRefused, match="60 accounts and 5 follows"):
        await _load(database.dsn, Plan(PLAN.seed, PLAN.accounts + 1, PLAN.follows))
    await _load(database.dsn, Plan(PLAN.seed + 1, 20, 2), beside_others=True)


async def test_two_loads_do_not_run_at_once(pg: Postgres, database: MigratedPostgres) -> None:
    async with seed_repository(database.dsn) as repository:
        assert await repository.lock()
        with pytest.raises(SeedRefused, match="another"):
            await _load(database.dsn, PLAN)
    await _load(database.dsn, PLAN)
