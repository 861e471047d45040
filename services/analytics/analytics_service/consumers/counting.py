"""Group analytics.counts: which events count, and as what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from google.protobuf.message import Message

from analytics_service.models import Measure, Observation
from analytics_service.service.counting import Counting
from rookery.analytics.v1 import events_pb2 as analytics_events
from rookery.post.v1 import engagement_events_pb2 as engagement_events
from rookery.post.v1 import events_pb2 as post_events
from rookery.user.v1 import events_pb2 as user_events
from rookery_common.kafka.events import Event, Position

GROUP: Final = "analytics.counts"
TOPICS: Final = ("user.events.v1", "post.events.v1", "post.engagement.v1", "analytics.interactions.v1")
# Nobody waits for a count, and whatever is counted of a window at once costs one row.
PACE_SECONDS: Final = 1.0
_Meaning = tuple[frozenset[Measure], int]


class CountingHandler:
    """All events of a fetch at once."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting

    async def __call__(self, events: Sequence[Event]) -> None:
        found = [observation for event in events if (observation := observation_of(event)) is not None]
        if found:
            await self._counting.add(found)


def observation_of(event: Event) -> Observation | None:
    """None where nothing is counted."""
    meaning = _meaning(event.decode())
    if meaning is None:
        return None
    measures, account_id = meaning
    position = position_of(event)
    return Observation(
        event_id=event.event_id,
        source=f"{event.topic}/{position.partition}",
        offset=position.offset,
        at_seconds=int(event.occurred_at.timestamp()),
        measures=measures | {Measure.ACTIVE_USERS} if account_id else measures,
        account_id=account_id,
    )


def position_of(event: Event) -> Position:
    """Where a consumer has read it; ValueError for an event that was not read."""
    if event.position is None:
        raise ValueError("an event without its position can't be told from its repetition")
    return event.position


def _meaning(message: Message) -> _Meaning | None:
    """What an event adds to, and who did it. What ends something, or changes it, takes nothing back: it was done."""
    match message:
        case user_events.AccountCreated():
            return frozenset({Measure.NEW_USERS}), message.account.account_id
        case user_events.FollowCreated():
            return frozenset({Measure.FOLLOWS}), message.follow.follower_id
        case post_events.PostCreated():
            return _of_post(message)
        case engagement_events.PostFavourited():
            return frozenset({Measure.FAVOURITES, Measure.INTERACTIONS}), message.favourite.account_id
        case analytics_events.InteractionRecorded():
            return _of_interaction(message), 0
    return None


def _of_post(message: post_events.PostCreated) -> _Meaning:
    """A reblog is no new post, but an interaction, as a reply is."""
    post = message.post
    if post.reblog_of_id:
        return frozenset({Measure.INTERACTIONS}), post.author_id
    if post.in_reply_to_id:
        return frozenset({Measure.NEW_POSTS, Measure.INTERACTIONS}), post.author_id
    return frozenset({Measure.NEW_POSTS}), post.author_id


def _of_interaction(message: analytics_events.InteractionRecorded) -> frozenset[Measure]:
    """That a post was on a screen is not yet something that its reader did."""
    if message.kind == analytics_events.InteractionKind.INTERACTION_KIND_IMPRESSION:
        return frozenset({Measure.IMPRESSIONS})
    return frozenset({Measure.INTERACTIONS})
