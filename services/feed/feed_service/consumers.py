"""What feed makes of others' events. All handlers may be given an event again, and in any order between topics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from feed_service.clients import follow_of
from feed_service.events import part_of
from feed_service.follow_models import Follow
from feed_service.models import Change, Mark, MarkChange, MarkKind, Part, PostChange, PublicChange, PublicEntry
from feed_service.repository.marks import MarkRepository
from feed_service.service.fan_out import FanOut
from feed_service.service.follows import FollowKeeper
from feed_service.service.public import PublicTimelines
from rookery.feed.v1.events_pb2 import FanOutDue
from rookery.post.v1 import engagement_events_pb2 as engagement_events
from rookery.post.v1 import events_pb2 as post_events
from rookery.post.v1 import post_pb2
from rookery.user.v1 import events_pb2 as user_events
from rookery_common.kafka.events import Event

POST_TOPIC: Final = "post.events.v1"
ENGAGEMENT_TOPIC: Final = "post.engagement.v1"
USER_TOPIC: Final = "user.events.v1"
POST_GROUP: Final = "feed.post-events"
FANOUT_GROUP: Final = "feed.fanout"
ENGAGEMENT_GROUP: Final = "feed.engagement"
USER_GROUP: Final = "feed.user-events"
# At once: for each that is new, up to 40 posts come into a home.
FOLLOWS_AT_ONCE: Final = 100
USER_EVENTS: Final = (user_events.FollowCreated, user_events.FollowUpdated, user_events.FollowEnded)
_PostEvent = post_events.PostCreated | post_events.PostVisible | post_events.PostUpdated | post_events.PostDeleted
_Favourite = engagement_events.PostFavourited | engagement_events.PostUnfavourited


class Lane(Protocol):
    """Where the parts of large fan-outs go."""

    async def hand_over(self, parts: Sequence[Part]) -> None: ...


class PostEventsHandler:
    """Group feed.post-events: all events of a poll at once."""

    def __init__(self, fan_out: FanOut, public: PublicTimelines, marks: MarkRepository, bulk: Lane) -> None:
        self._fan_out = fan_out
        self._bulk = bulk
        self._public = public
        self._marks = marks

    async def __call__(self, events: Sequence[Event]) -> None:
        messages = [message for event in events if isinstance(message := event.decode(), _PostEvent)]
        if messages:
            parts = await self._fan_out.apply(list(map(_post_change, messages)))
            if parts:
                await self._bulk.hand_over(parts)
            await self._public.apply([change for each in messages if (change := _public_change(each)) is not None])
            await self._marks.put([_reply(each) for each in messages if _answers_another(each.post)])


class FanOutHandler:
    """Group feed.fanout: one part of a large fan-out at a time, beside what others post."""

    def __init__(self, fan_out: FanOut) -> None:
        self._fan_out = fan_out

    async def __call__(self, event: Event) -> None:
        message = event.decode()
        if isinstance(message, FanOutDue):
            await self._fan_out.deliver(part_of(message))


class EngagementHandler:
    """Group feed.engagement: whose posts readers like, all events of a poll at once."""

    def __init__(self, marks: MarkRepository) -> None:
        self._marks = marks

    async def __call__(self, events: Sequence[Event]) -> None:
        messages = [message for event in events if isinstance(message := event.decode(), _Favourite)]
        await self._marks.put([_favourite(message.favourite) for message in messages])


class UserEventsHandler:
    """Group feed.user-events: all follows of a poll at once, of each pair the last."""

    def __init__(self, follows: FollowKeeper) -> None:
        self._follows = follows

    async def __call__(self, events: Sequence[Event]) -> None:
        messages = [message for event in events if isinstance(message := event.decode(), USER_EVENTS)]
        last: dict[tuple[int, int], Follow] = {}
        for follow in (follow_of(message.follow) for message in messages):
            if follow.ends not in last or last[follow.ends].version < follow.version:
                last[follow.ends] = follow
        new = {
            (message.follow.follower_id, message.follow.followee_id)
            for message in messages
            if isinstance(message, user_events.FollowCreated)
        }
        begun = [follow for pair, follow in last.items() if follow.active and pair in new]
        if last:
            await self._follows.apply(list(last.values()), begun)


def _post_change(message: _PostEvent) -> PostChange:
    post = message.post
    is_direct = post.visibility == post_pb2.Visibility.VISIBILITY_DIRECT
    return PostChange(
        change=_change(message),
        post_id=post.post_id,
        author_id=post.author_id,
        is_reblog=post.reblog_of_id != 0,
        only_to=frozenset(mention.account_id for mention in post.mentions) if is_direct else None,
    )


def _public_change(message: _PostEvent) -> PublicChange | None:
    post = message.post
    if post.visibility != post_pb2.Visibility.VISIBILITY_PUBLIC or post.reblog_of_id:
        return None
    change = _change(message)
    if change is Change.HELD:
        return None
    return PublicChange(
        entry=PublicEntry(post.post_id, post.author_id, frozenset(post.tags), bool(post.media)),
        version=post.version,
        shown=change in (Change.VISIBLE, Change.EDITED),
        is_answer=post.in_reply_to_account_id not in (0, post.author_id),
        is_known=change is not Change.VISIBLE,
    )


def _change(message: _PostEvent) -> Change:
    """What the post's state makes of the event; what is held after it was seen is hidden from all but its author."""
    state = message.post.state
    if isinstance(message, post_events.PostDeleted) or state in (
        post_pb2.PostState.POST_STATE_DELETED,
        post_pb2.PostState.POST_STATE_REMOVED,
    ):
        return Change.GONE
    if state == post_pb2.PostState.POST_STATE_VISIBLE:
        return Change.EDITED if isinstance(message, post_events.PostUpdated) else Change.VISIBLE
    return Change.HELD if isinstance(message, post_events.PostCreated) else Change.HIDDEN


def _answers_another(post: post_pb2.Post) -> bool:
    return post.in_reply_to_account_id not in (0, post.author_id)


def _reply(message: _PostEvent) -> MarkChange:
    post = message.post
    mark = Mark(post.post_id, post.in_reply_to_account_id, MarkKind.REPLY)
    return MarkChange(post.author_id, mark, _change(message) is not Change.GONE, post.version)


def _favourite(favourite: engagement_events.Favourite) -> MarkChange:
    mark = Mark(favourite.post_id, favourite.post_author_id, MarkKind.FAVOURITE)
    return MarkChange(favourite.account_id, mark, favourite.active, favourite.version)
