"""An account that is unlocked lets those follow who wait, whatever becomes of the group that sees to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rookery_common.clients.postgres import Postgres
from rookery_common.ids import uuid7
from rookery_common.kafka.events import Event
from rookery_common.testing.consuming import group_on_trial, one_by_one, prove
from rookery_common.testing.golden import golden
from user_service.consumers import ACCOUNT_GROUP, ACCOUNT_TOPIC, AccountEventsHandler
from user_service.relationships.models import FollowSettings

if TYPE_CHECKING:
    from tests.conftest import World


def _unlocked(account_id: int) -> Event:
    event = golden(ACCOUNT_TOPIC, "AccountUpdated")
    message: Any = event.decode()
    message.account.account_id, message.account.locked = account_id, False
    return replace(event, key=str(account_id), payload=message.SerializeToString(), event_id=uuid7())


async def test_who_waits_follows_once(real_world: World, pg: Postgres, kafka_bootstrap: str, topic_prefix: str) -> None:
    fan = await real_world.sign_up("fan")
    stars = [await real_world.sign_up(f"star{number}") for number in range(4)]
    for locked in (True, False):
        async with pg.transaction() as tx:
            await tx.execute("lock", "UPDATE accounts SET locked = $1 WHERE account_id = ANY($2)", locked, stars)
        if locked:
            for star in stars:
                await real_world.relationships.follow(fan, star, FollowSettings())

    async def following() -> int:
        return (await real_world.counts(fan)).following

    handler = one_by_one(AccountEventsHandler(real_world.relationships))
    events = [_unlocked(star) for star in stars]
    async with group_on_trial(
        kafka_bootstrap, topic_prefix, ACCOUNT_GROUP, ACCOUNT_TOPIC, handler, alone=True
    ) as trial:
        assert await prove(trial, events[:2], events[2:], following) == len(stars)
