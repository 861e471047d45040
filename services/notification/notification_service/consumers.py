"""What notification makes of others' events. Handlers may be given an event again, and in any order between topics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from notification_service.errors import WrongId
from notification_service.models import (
    Act,
    Decision,
    Kind,
    Notification,
    PollEnd,
    PostChange,
    PostGone,
    PostSeen,
    Watch,
)
from notification_service.placement import notification_of
from notification_service.push_models import Due
from notification_service.repository.watchers import WatcherRepository
from notification_service.service.decisions import DecisionTeller
from notification_service.service.edits import EditTeller
from notification_service.service.polls import PollTeller
from notification_service.service.posts import PostTeller
from notification_service.service.push import Subscriptions
from notification_service.service.pusher import Pusher
from notification_service.service.staff import StaffTeller
from notification_service.service.standing import StandingTeller
from notification_service.service.tell import Teller, is_told
from notification_service.service.watch import WatchTeller
from rookery.auth.v1.events_pb2 import PasswordChanged, SessionRevoked, SignedIn
from rookery.messaging.v1.events_pb2 import MessageSent
from rookery.moderation.v1.decision_pb2 import DecisionState
from rookery.moderation.v1.events_pb2 import PostDecided, ReportCreated
from rookery.notification.v1.push_events_pb2 import PushDue
from rookery.post.v1 import engagement_events_pb2 as engagement
from rookery.post.v1 import events_pb2 as post_events
from rookery.post.v1 import post_pb2
from rookery.user.v1 import events_pb2 as user_events
from rookery.user.v1 import relationship_events_pb2 as relationship_events
from rookery_common.ids import MAX_ID
from rookery_common.kafka.events import Event

POST_TOPIC: Final = "post.events.v1"
USER_TOPIC: Final = "user.events.v1"
ENGAGEMENT_TOPIC: Final = "post.engagement.v1"
DECISION_TOPIC: Final = "moderation.decisions.v1"
REPORT_TOPIC: Final = "moderation.reports.v1"
MESSAGE_TOPIC: Final = "messaging.events.v1"
AUTH_TOPIC: Final = "auth.events.v1"
POST_GROUP: Final = "notification.post-events"
USER_GROUP: Final = "notification.user-events"
ENGAGEMENT_GROUP: Final = "notification.engagement"
DECISION_GROUP: Final = "notification.moderation-decisions"
MESSAGE_GROUP: Final = "notification.messaging-events"
AUTH_GROUP: Final = "notification.auth-events"
PUSH_GROUP: Final = "notification.pushes"
STAFF_GROUP: Final = "notification.staff"
STAFF_EVENTS: Final = (user_events.AccountCreated, ReportCreated)
_Seen = post_events.PostCreated | post_events.PostVisible | post_events.PostUpdated


class PostEventsHandler:
    """Group notification.post-events: mentions, reblogs, edits, and new posts for who watches, of what may be seen."""

    def __init__(self, posts: PostTeller, watchers: WatchTeller, edits: EditTeller) -> None:
        self._posts = posts
        self._watchers = watchers
        self._edits = edits

    async def __call__(self, events: Sequence[Event]) -> None:
        found = [change for event in events if (change := _post_change(event)) is not None]
        if found:
            await self._posts.apply(found)
            seen = [each for each in found if isinstance(each, PostSeen)]
            await self._watchers.tell([each for each in seen if each.is_for_watchers])
            await self._edits.tell([each for each in seen if each.edited_at_ms])


class UserEventsHandler:
    """Group notification.user-events: who wants to hear of each post of whom, and what `ActsHandler` takes."""

    def __init__(self, acts: ActsHandler, watchers: WatcherRepository) -> None:
        self._acts = acts
        self._watchers = watchers

    async def __call__(self, events: Sequence[Event]) -> None:
        await self._watchers.put([watch for event in events if (watch := _watch(event)) is not None])
        await self._acts(events)


class EngagementHandler:
    """Group notification.engagement: polls that are over, and what `ActsHandler` takes."""

    def __init__(self, acts: ActsHandler, polls: PollTeller) -> None:
        self._acts = acts
        self._polls = polls

    async def __call__(self, events: Sequence[Event]) -> None:
        await self._acts(events)
        await self._polls.tell([end for event in events if (end := _poll_end(event)) is not None])


class SessionsHandler:
    """Group notification.auth-events: what was done with an account is told to its owner, and what a session that has
    ended was pushed to is forgotten."""

    def __init__(self, subscriptions: Subscriptions, teller: Teller) -> None:
        self._subscriptions = subscriptions
        self._teller = teller

    async def __call__(self, events: Sequence[Event]) -> None:
        await self._teller.tell_acts([act for event in events if (act := _notice(event)) is not None])
        for event in events:
            message = event.decode()
            if isinstance(message, SessionRevoked):
                await self._subscriptions.delete(_id(message.account_id, "account_id"), message.session_id)


class StaffHandler:
    """Group notification.staff: who has signed up, and which reports were filed; a lane of its own, since auth is asked
    who the staff is."""

    def __init__(self, staff: StaffTeller) -> None:
        self._staff = staff

    async def __call__(self, events: Sequence[Event]) -> None:
        await self._staff.tell([act for event in events if (act := _business(event)) is not None])


class PushesHandler:
    """Group notification.pushes: what is to be pushed."""

    def __init__(self, pusher: Pusher) -> None:
        self._pusher = pusher

    async def __call__(self, events: Sequence[Event]) -> None:
        await self._pusher.push([due for event in events if (due := _due(event)) is not None])


class ActsHandler:
    """Of the topics of users and of engagement: follows, requests for them, favourites; their ends.

    The time of either is part of its state, so that its end names the same notification as its beginning did.
    """

    def __init__(self, teller: Teller) -> None:
        self._teller = teller

    async def __call__(self, events: Sequence[Event]) -> None:
        found = [act for event in events for act in _acts(event)]
        await self._teller.tell_acts(act for act, is_ended in found if not is_ended)
        ended = [notification_of(act) for act, is_ended in found if is_ended and is_told(act)]
        await self._teller.put_away(ended, "taken_back")


class DecisionsHandler:
    """Group notification.moderation-decisions: posts that were taken down, and those that may be seen again."""

    def __init__(self, decisions: DecisionTeller) -> None:
        self._decisions = decisions

    async def __call__(self, events: Sequence[Event]) -> None:
        await self._decisions.apply([found for event in events if (found := _decision(event)) is not None])


class MessagesHandler:
    """Group notification.messaging-events: that there is something new in a conversation."""

    def __init__(self, standing: StandingTeller) -> None:
        self._standing = standing

    async def __call__(self, events: Sequence[Event]) -> None:
        await self._standing.tell([act for event in events for act in _messages(event)])


def _notice(event: Event) -> Act | None:
    """Of the community's own account, about nothing that could be shown."""
    message = event.decode()
    if isinstance(message, SignedIn):
        kind, source_id, moment = Kind.SIGN_IN, message.session_id, message.sign_in_time
    elif isinstance(message, PasswordChanged):
        kind, source_id, moment = Kind.PASSWORD_CHANGED, 0, message.change_time
    else:
        return None
    return Act(_id(message.account_id, "account_id"), kind, 0, 0, source_id, _ms(moment, event))


def _business(event: Event) -> Act | None:
    """The staff's, whoever that is."""
    message = event.decode()
    if isinstance(message, user_events.AccountCreated):
        account_id = _id(message.account.account_id, "account_id")
        return Act(0, Kind.ADMIN_SIGN_UP, account_id, 0, 0, _event_ms(event))
    if isinstance(message, ReportCreated):
        report_id, at_ms = _id(message.report_id, "report_id"), _ms(message.create_time, event)
        return Act(0, Kind.ADMIN_REPORT, message.account_id, report_id, report_id, at_ms)
    return None


def _poll_end(event: Event) -> PollEnd | None:
    message = event.decode()
    if not isinstance(message, engagement.PollEnded):
        return None
    end = message.end
    author_id = _id(end.post_author_id, "post_author_id")
    return PollEnd(_id(end.post_id, "post_id"), end.ballot, author_id, _ms(end.expire_time, event))


def _due(event: Event) -> Due | None:
    message = event.decode()
    if not isinstance(message, PushDue):
        return None
    told = message.notification
    kind = Kind(told.type)
    subject_id = told.conversation_id or told.report_id or told.post_id
    notification = Notification(
        _id(told.notification_id, "notification_id"),
        _id(told.recipient_id, "recipient_id"),
        kind,
        told.account_id,
        subject_id,
    )
    return Due(notification, _event_ms(event))


def _decision(event: Event) -> Decision | None:
    """What is held is still being decided on."""
    message = event.decode()
    if not isinstance(message, PostDecided) or message.decision.state == DecisionState.DECISION_STATE_HELD:
        return None
    decision = message.decision
    return Decision(
        post_id=_id(decision.post_id, "post_id"),
        author_id=_id(decision.account_id, "account_id"),
        is_removed=decision.state == DecisionState.DECISION_STATE_REMOVED,
        at_ms=_ms(decision.decide_time, event),
    )


def _messages(event: Event) -> list[Act]:
    message = event.decode()
    if not isinstance(message, MessageSent):
        return []
    conversation_id, sender_id = _id(message.conversation_id, "conversation_id"), _id(message.sender_id, "sender_id")
    at_ms = _ms(message.create_time, event)
    return [
        Act(_id(member_id, "member_ids"), Kind.MESSAGE, sender_id, conversation_id, conversation_id, at_ms)
        for member_id in message.member_ids
    ]


def _watch(event: Event) -> Watch | None:
    """A follow that begins or ends without the wish says nothing: whatever ended the wish has said so."""
    message = event.decode()
    if not isinstance(message, user_events.FollowCreated | user_events.FollowUpdated | user_events.FollowEnded):
        return None
    follow = message.follow
    is_wanted = follow.active and follow.notify
    if not follow.notify and not isinstance(message, user_events.FollowUpdated):
        return None
    return Watch(
        author_id=_id(follow.followee_id, "followee_id"),
        watcher_id=_id(follow.follower_id, "follower_id"),
        active=is_wanted,
        version=follow.version,
    )


def _acts(event: Event) -> list[tuple[Act, bool]]:
    """What was done, and whether it was taken back, or is done with."""
    message = event.decode()
    if isinstance(message, user_events.FollowCreated | user_events.FollowEnded):
        follow = (_follow(message.follow, event), isinstance(message, user_events.FollowEnded))
        return (
            [follow, (_request(message.follow, event), True)] if message.follow.HasField("request_time") else [follow]
        )
    if isinstance(message, relationship_events.FollowRequested | relationship_events.FollowRequestEnded):
        is_ended = isinstance(message, relationship_events.FollowRequestEnded)
        return [(_request(message.follow, event), is_ended)]
    if isinstance(message, engagement.PostFavourited | engagement.PostUnfavourited):
        return [(_favourite(message.favourite, event), isinstance(message, engagement.PostUnfavourited))]
    return []


def _follow(follow: user_events.Follow, event: Event) -> Act:
    return Act(
        recipient_id=_id(follow.followee_id, "followee_id"),
        kind=Kind.FOLLOW,
        account_id=_id(follow.follower_id, "follower_id"),
        subject_id=0,
        source_id=0,
        at_ms=_ms(follow.follow_time, event),
    )


def _request(follow: user_events.Follow, event: Event) -> Act:
    """By the time of the request, which its end and the follow that it became carry too."""
    asked = replace(_follow(follow, event), kind=Kind.FOLLOW_REQUEST)
    return replace(asked, at_ms=_ms(follow.request_time, event))


def _favourite(favourite: engagement.Favourite, event: Event) -> Act:
    post_id = _id(favourite.post_id, "post_id")
    return Act(
        recipient_id=_id(favourite.post_author_id, "post_author_id"),
        kind=Kind.FAVOURITE,
        account_id=_id(favourite.account_id, "account_id"),
        subject_id=post_id,
        source_id=post_id,
        at_ms=_ms(favourite.create_time, event),
    )


def _post_change(event: Event) -> PostChange | None:
    message = event.decode()
    if isinstance(message, post_events.PostDeleted):
        gone = message.post
        return PostGone(_id(gone.post_id, "post_id"), gone.author_id, gone.reblog_of_id)
    if not isinstance(message, _Seen) or message.post.state != post_pb2.PostState.POST_STATE_VISIBLE:
        return None
    post = message.post
    return PostSeen(
        post_id=_id(post.post_id, "post_id"),
        author_id=_id(post.author_id, "author_id"),
        mentioned=[_id(mention.account_id, "mentions.account_id") for mention in post.mentions],
        reblog_of_id=post.reblog_of_id,
        at_ms=_event_ms(event),
        is_for_watchers=not isinstance(message, post_events.PostUpdated) and _is_for_watchers(post),
        quoted_author_id=post.quote.author_id if post.quote.state == post_pb2.QUOTE_STATE_ACCEPTED else 0,
        unquoted_author_id=post.quote.author_id if post.quote.state == post_pb2.QUOTE_STATE_REVOKED else 0,
        edited_at_ms=post.edit_time.ToMilliseconds() if isinstance(message, post_events.PostUpdated) else 0,
    )


def _is_for_watchers(post: post_pb2.Post) -> bool:
    is_answer = post.in_reply_to_account_id not in (0, post.author_id)
    return not post.reblog_of_id and not is_answer and post.visibility != post_pb2.Visibility.VISIBILITY_DIRECT


def _id(number: int, field: str) -> int:
    """Raises WrongId: an event that names nobody is a mistake to look at, not somebody to tell."""
    if not 0 < number <= MAX_ID:
        raise WrongId(field)
    return number


def _ms(moment: Timestamp, event: Event) -> int:
    return moment.ToMilliseconds() if moment.seconds else _event_ms(event)


def _event_ms(event: Event) -> int:
    return int(event.occurred_at.timestamp() * 1000)
