"""The next release's migration runs while this release serves, and its new columns disturb nothing that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery_common.clients.postgres import Postgres
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from user_service.filters.repository import FilterRepository
from user_service.lists.repository import ListRepository
from user_service.profiles.repository import ProfileRepository
from user_service.relationships.models import FollowSettings

if TYPE_CHECKING:
    from tests.conftest import World

TABLES = (
    "accounts",
    "account_settings",
    "follows_by_follower",
    "blocks_by_blocker",
    "mutes",
    "post_facts",
    "filters",
    "lists",
    "remarks",
)


async def _use_all(world: World, pg: Postgres, outbox: PostgresOutbox, alice: int, bob: int) -> None:
    """What reads rows; transactions first: outside of them the driver mends by itself what the change has spoilt."""
    async with world.repository.transaction() as users:
        assert await users.account(alice)
        await users.lock_posts([(alice, 7)])
    profiles, filters = ProfileRepository(pg, outbox), FilterRepository(pg, outbox)
    async with profiles.transaction() as changed:
        assert await changed.lock_profile(alice)
    async with filters.transaction() as changing:
        assert await changing.lock_filters(alice) == []
    lists = ListRepository(pg, outbox)
    async with lists.transaction(alice) as listing:
        assert await listing.lock() == []
    await world.relationships.follow(alice, bob, FollowSettings())
    await world.relationships.unfollow(alice, bob)
    assert await profiles.profile(alice)
    assert await filters.filters(alice) == []
    assert await lists.lists(alice) == []
    assert await world.repository.accounts([alice], primary=True)
    assert await world.repository.accounts_by_username(["alice"], primary=True)
    assert await world.repository.list_accounts(0, 10)


async def test_columns_of_a_later_release_disturb_nothing_that_runs(
    real_world: World, pg: Postgres, outbox: PostgresOutbox
) -> None:
    alice, bob = await real_world.sign_up("alice"), await real_world.sign_up("bob")
    # Often enough that the driver has prepared the statements on the connection that it takes again.
    for _ in range(2):
        await _use_all(real_world, pg, outbox, alice, bob)
    async with pg.transaction() as tx:
        for table in TABLES:
            await tx.execute("later", f"ALTER TABLE {table} ADD COLUMN later text NOT NULL DEFAULT 'new'")
    await _use_all(real_world, pg, outbox, alice, bob)
