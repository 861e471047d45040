"""Whatever becomes of the groups of user, their effect is that of each event told once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rookery.auth.v1.events_pb2 import CredentialsCreated
from rookery_common.ids import uuid7
from rookery_common.kafka.events import Event
from rookery_common.testing.consuming import group_on_trial, one_by_one, prove
from rookery_common.testing.golden import golden
from user_service.consumers import (
    AUTH_GROUP,
    AUTH_TOPIC,
    POST_GROUP,
    POST_TOPIC,
    AuthEventsHandler,
    PostEventsHandler,
)

if TYPE_CHECKING:
    from tests.conftest import World


def _created(post_id: int, author_id: int) -> Event:
    created = golden(POST_TOPIC, "PostCreated")
    message: Any = created.decode()
    message.post.post_id, message.post.author_id = post_id, author_id
    return replace(created, key=str(post_id), payload=message.SerializeToString(), event_id=uuid7())


async def test_posts_are_counted_once(real_world: World, kafka_bootstrap: str, topic_prefix: str) -> None:
    alice = await real_world.sign_up("alice")

    async def counted() -> int:
        return (await real_world.counts(alice)).statuses

    handler = PostEventsHandler(real_world.service)
    events = [_created(number, alice) for number in range(1, 31)]
    async with group_on_trial(kafka_bootstrap, topic_prefix, POST_GROUP, POST_TOPIC, handler) as trial:
        assert await prove(trial, events[:20], events[20:], counted) == 30


async def test_sign_ups_are_finished_once(real_world: World, kafka_bootstrap: str, topic_prefix: str) -> None:
    service = real_world.service
    reserved = [await service.reserve_account(f"r{number}", f"bird{number}") for number in range(4)]

    def credentials(number: int) -> Event:
        account_id = reserved[number].account_id
        message = CredentialsCreated(account_id=account_id, request_id=f"r{number}")
        event = golden(AUTH_TOPIC, "CredentialsCreated")
        return replace(event, key=str(account_id), payload=message.SerializeToString(), event_id=uuid7())

    async def there() -> dict[int, int]:
        views = await service.account_views([each.account_id for each in reserved])
        return {account_id: view.version for account_id, view in views.items()}

    handler = one_by_one(AuthEventsHandler(service))
    events = [credentials(number) for number in range(4)]

    async with group_on_trial(kafka_bootstrap, topic_prefix, AUTH_GROUP, AUTH_TOPIC, handler, alone=True) as trial:
        assert await prove(trial, events[:2], events[2:], there) == {each.account_id: 1 for each in reserved}
