"""What search makes of others' events; a batch may come again, and late: versions sort it out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rookery.post.v1 import events_pb2 as post_events
from rookery.user.v1 import events_pb2 as user_events
from rookery_common.kafka.events import Event
from search_service.documents import account_document, post_document
from search_service.models import FOR_GOOD, Document, Kind
from search_service.service.indexing import Indexer

POST_TOPIC: Final = "post.events.v1"
USER_TOPIC: Final = "user.events.v1"
POST_GROUP: Final = "search.post-events"
USER_GROUP: Final = "search.user-events"
POST_EVENTS: Final = (
    post_events.PostCreated,
    post_events.PostVisible,
    post_events.PostUpdated,
    post_events.PostDeleted,
)
USER_EVENTS: Final = (user_events.AccountCreated, user_events.AccountUpdated, user_events.AccountDeleted)


class PostEventsHandler:
    """Group search.post-events: all posts of a poll in one request."""

    def __init__(self, indexer: Indexer) -> None:
        self._indexer = indexer

    async def __call__(self, events: Sequence[Event]) -> None:
        found = [document for event in events if (document := _post(event)) is not None]
        await self._indexer.write(found)


class UserEventsHandler:
    """Group search.user-events: all profiles of a poll in one request."""

    def __init__(self, indexer: Indexer) -> None:
        self._indexer = indexer

    async def __call__(self, events: Sequence[Event]) -> None:
        found = [document for event in events if (document := _account(event)) is not None]
        await self._indexer.write(found)


def _post(event: Event) -> Document | None:
    message = event.decode()
    if isinstance(message, post_events.PostDeleted):
        return post_document(message.post, deleted=True)
    if isinstance(message, post_events.PostCreated | post_events.PostVisible | post_events.PostUpdated):
        return post_document(message.post)
    return None


def _account(event: Event) -> Document | None:
    message = event.decode()
    if isinstance(message, user_events.AccountCreated | user_events.AccountUpdated):
        return account_document(message.account)
    if isinstance(message, user_events.AccountDeleted):
        return Document.tombstone(Kind.ACCOUNTS, message.account_id, FOR_GOOD)
    return None
