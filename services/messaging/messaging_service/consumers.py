"""What messaging makes of others' events. The handler may be given an event again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from messaging_service.direct_models import DirectChange, DirectPost
from messaging_service.errors import WrongId
from messaging_service.service.direct_threads import DirectThreadWriter
from rookery.post.v1 import events_pb2 as post_events
from rookery.post.v1 import post_pb2
from rookery_common.ids import MAX_ID
from rookery_common.kafka.events import Event

POST_TOPIC: Final = "post.events.v1"
POST_GROUP: Final = "messaging.post-events"
_VISIBLE: Final = post_pb2.PostState.POST_STATE_VISIBLE
_DIRECT: Final = post_pb2.Visibility.VISIBILITY_DIRECT
_News = post_events.PostCreated | post_events.PostVisible
_Change = _News | post_events.PostUpdated | post_events.PostDeleted


class PostEventsHandler:
    """Group messaging.post-events: direct posts that may be seen, and those that may no more."""

    def __init__(self, threads: DirectThreadWriter) -> None:
        self._threads = threads

    async def __call__(self, events: Sequence[Event]) -> None:
        await self._threads.apply([change for event in events if (change := _change(event)) is not None])


def _change(event: Event) -> DirectChange | None:
    message = event.decode()
    if not isinstance(message, _Change) or message.post.visibility != _DIRECT:
        return None
    post = message.post
    account_ids = {_id(post.author_id, "author_id")} | {
        _id(mention.account_id, "mentions.account_id") for mention in post.mentions
    }
    post_id = _id(post.post_id, "post_id")
    is_shown = post.state == _VISIBLE and not isinstance(message, post_events.PostDeleted)
    return DirectChange(
        DirectPost(post_id, post.thread_id or post_id, post.author_id, tuple(sorted(account_ids))),
        version=post.version,
        is_shown=is_shown,
        is_news=is_shown and isinstance(message, _News),
        at_ms=int(event.occurred_at.timestamp() * 1000),
    )


def _id(number: int, field: str) -> int:
    """Raises WrongId: an event that names nobody is a mistake to look at."""
    if not 0 < number <= MAX_ID:
        raise WrongId(field)
    return number
