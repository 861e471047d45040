"""What the user service does with others' events; each handler may be given the same event any number of times."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from google.protobuf.message import Message

from rookery.auth.v1 import events_pb2 as auth_events_pb2
from rookery.post.v1 import events_pb2 as post_events_pb2
from rookery.user.v1 import events_pb2
from rookery_common.kafka.events import Event
from user_service.errors import AccountDeleted
from user_service.models import PostFact
from user_service.post_facts import fact_of
from user_service.profiles.links import LinkChecks
from user_service.relationships.service import Relationships
from user_service.service import UserService

AUTH_TOPIC, AUTH_GROUP = "auth.events.v1", "user.auth-events"
POST_TOPIC, POST_GROUP = "post.events.v1", "user.post-events"
ACCOUNT_TOPIC, ACCOUNT_GROUP = "user.events.v1", "user.account-events"
# Apart from the group above: a page that doesn't answer holds up other pages alone.
LINK_GROUP = "user.link-checks"
AUTH_EVENTS = (auth_events_pb2.CredentialsCreated,)
ACCOUNT_EVENTS = (events_pb2.AccountUpdated,)
POST_EVENTS = (
    post_events_pb2.PostCreated,
    post_events_pb2.PostVisible,
    post_events_pb2.PostUpdated,
    post_events_pb2.PostDeleted,
)


class AuthEventsHandler:
    """Finishes a sign-up that died between the credentials and the confirmation."""

    def __init__(self, service: UserService) -> None:
        self._service = service

    async def __call__(self, event: Event) -> None:
        message = event.decode()
        if isinstance(message, auth_events_pb2.CredentialsCreated):
            with suppress(AccountDeleted):  # It was confirmed, and is gone since.
                await self._service.confirm_account(message.account_id, message.request_id)


class AccountEventsHandler:
    """Lets those follow who have asked to, once an account is not locked any more."""

    def __init__(self, relationships: Relationships) -> None:
        self._relationships = relationships

    async def __call__(self, event: Event) -> None:
        message = event.decode()
        if isinstance(message, events_pb2.AccountUpdated) and not message.account.locked:
            await self._relationships.grant_waiting(message.account.account_id)


class LinkEventsHandler:
    """Looks whether the pages that a changed profile names link back to it."""

    def __init__(self, links: LinkChecks) -> None:
        self._links = links

    async def __call__(self, event: Event) -> None:
        message = event.decode()
        if isinstance(message, events_pb2.AccountUpdated):
            await self._links.check(message.account.account_id, message.account.version)


class PostEventsHandler:
    """Counts each author's posts, many events in one transaction."""

    def __init__(self, service: UserService) -> None:
        self._service = service

    async def __call__(self, events: Sequence[Event]) -> None:
        facts = [fact for event in events if (fact := post_fact(event.decode())) is not None]
        if facts:
            await self._service.count_posts(facts)


def post_fact(message: Message) -> PostFact | None:
    """What an event says about its post's place in the count; None where it says nothing."""
    if not isinstance(message, POST_EVENTS):
        return None
    return fact_of(message.post, deleted=isinstance(message, post_events_pb2.PostDeleted))
