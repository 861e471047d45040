"""What is told of relationships: each change of a follow, a block or a mute, with its new state."""

from __future__ import annotations

from google.protobuf.message import Message

from rookery.user.v1 import events_pb2, relationship_events_pb2
from rookery_common.clock import Clock
from rookery_common.kafka.events import Event, new_event
from user_service.events import SOURCE, TOPIC
from user_service.relationships.models import Block, Follow, Mute, Pair, Ties


class RelationshipEvents:
    """Makes events of now; the key of each is the pair of ids, the one who acts first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def of(self, before: Ties, after: Ties) -> list[Event]:
        """One for each thing that has changed between the two."""
        events = [
            self.follow(was, is_now)
            for was, is_now in ((before.follow, after.follow), (before.back, after.back))
            if is_now != was
        ]
        if after.block != before.block:
            events.append(self.block(after.block))
        if after.mute != before.mute:
            events.append(self.mute(before.mute, after.mute))
        return events

    def follow(self, before: Follow, after: Follow) -> Event:
        """What became of a follow or of a request for one."""
        follow = follow_message(after)
        message: Message
        if after.active:
            kind = events_pb2.FollowUpdated if before.active else events_pb2.FollowCreated
            message = kind(follow=follow)
        elif after.requested:
            message = relationship_events_pb2.FollowRequested(follow=follow)
        elif before.active:
            message = events_pb2.FollowEnded(follow=follow)
        else:
            message = relationship_events_pb2.FollowRequestEnded(follow=follow)
        return self._event((after.follower_id, after.followee_id), message, after.version)

    def block(self, block: Block) -> Event:
        """A block that begins or ends."""
        state = relationship_events_pb2.Block(
            blocker_id=block.blocker_id, blocked_id=block.blocked_id, active=block.active, version=block.version
        )
        state.block_time.FromDatetime(block.blocked_at)
        kind = relationship_events_pb2.BlockCreated if block.active else relationship_events_pb2.BlockEnded
        return self._event((block.blocker_id, block.blocked_id), kind(block=state), block.version)

    def mute(self, before: Mute, after: Mute) -> Event:
        """A mute that begins, has other settings, or ends. One that ran out and begins again begins at another time."""
        state = relationship_events_pb2.Mute(
            muter_id=after.muter_id,
            muted_id=after.muted_id,
            notifications=after.notifications,
            active=after.active,
            version=after.version,
        )
        state.mute_time.FromDatetime(after.muted_at)
        if after.expires_at is not None:
            state.expire_time.FromDatetime(after.expires_at)
        message: Message
        if not after.active:
            message = relationship_events_pb2.MuteEnded(mute=state)
        elif before.active and before.muted_at == after.muted_at:
            message = relationship_events_pb2.MuteUpdated(mute=state)
        else:
            message = relationship_events_pb2.MuteCreated(mute=state)
        return self._event((after.muter_id, after.muted_id), message, after.version)

    def _event(self, pair: Pair, message: Message, version: int) -> Event:
        key = f"{pair[0]}:{pair[1]}"
        return new_event(TOPIC, key, message, version=version, clock=self._clock, source=SOURCE)


def follow_message(follow: Follow) -> events_pb2.Follow:
    """The state of one follow as it is told."""
    message = events_pb2.Follow(
        follower_id=follow.follower_id,
        followee_id=follow.followee_id,
        reblogs=follow.reblogs,
        notify=follow.notify,
        languages=follow.languages,
        active=follow.active,
        version=follow.version,
        requested=follow.requested,
    )
    message.follow_time.FromDatetime(follow.followed_at)
    if follow.requested_at is not None:
        message.request_time.FromDatetime(follow.requested_at)
    return message
