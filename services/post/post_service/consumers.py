"""What post makes of others' events; a handler may be given the same event any number of times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from post_service.events import MEDIA_TOPIC as MEDIA_TOPIC
from post_service.events import TOPIC, work_of
from post_service.models import Decision, PostState, Purpose
from post_service.service.decide import Decisions
from post_service.service.delete_post import PostRemover
from post_service.service.link_cards import LinkCards
from post_service.service.process_media import MediaProcessing
from post_service.service.profile_pictures import ProfilePictures
from post_service.service.read_posts import PostReader
from rookery.moderation.v1 import decision_pb2, events_pb2
from rookery.post.v1.events_pb2 import PostCreated, PostDeleted, PostUpdated, PostVisible
from rookery.post.v1.media_events_pb2 import MediaDue
from rookery.user.v1.events_pb2 import AccountUpdated
from rookery_common.errors import InvalidArgument
from rookery_common.kafka.events import Event

DECISIONS_TOPIC: Final = "moderation.decisions.v1"
DECISIONS_GROUP: Final = "post.moderation-decisions"
DELETIONS_TOPIC: Final = TOPIC
DELETIONS_GROUP: Final = "post.deletions"
DELETION_EVENTS: Final = (PostDeleted, PostUpdated)
# Apart from the deletions: a page that doesn't answer holds up other cards alone.
LINK_CARDS_TOPIC: Final = TOPIC
LINK_CARDS_GROUP: Final = "post.link-cards"
MEDIA_GROUP: Final = "post.media"
PROFILES_TOPIC: Final = "user.events.v1"
PROFILES_GROUP: Final = "post.user-events"
PROFILE_EVENTS: Final = (AccountUpdated,)
_STATES: Final[Mapping[int, PostState]] = {
    decision_pb2.DECISION_STATE_VISIBLE: PostState.VISIBLE,
    decision_pb2.DECISION_STATE_HELD: PostState.HELD,
    decision_pb2.DECISION_STATE_REMOVED: PostState.REMOVED,
}


class UnknownDecision(InvalidArgument):
    """A state that this version of the service does not know: it must not be passed over."""

    reason = "UNKNOWN_DECISION"


class DecisionsHandler:
    """Group post.moderation-decisions: one decision at a time, in the order of each post."""

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions

    async def __call__(self, event: Event) -> None:
        message = event.decode()
        if isinstance(message, events_pb2.PostDecided):
            await self._decisions.apply(_decision(message.decision))


class DeletionsHandler:
    """Group post.deletions: what goes with a deleted post and may be many, and what edits leave in the cache."""

    def __init__(self, remover: PostRemover, reader: PostReader) -> None:
        self._remover = remover
        self._reader = reader

    async def __call__(self, event: Event) -> None:
        message = event.decode()
        if isinstance(message, PostDeleted) and not message.post.reblog_of_id:
            await self._remover.remove_reblogs(message.post.post_id)
        elif isinstance(message, PostUpdated):
            await self._reader.refresh(message.post.post_id)


class LinkCardsHandler:
    """Group post.link-cards: many posts at once; afterwards each has the card of its link."""

    def __init__(self, cards: LinkCards) -> None:
        self._cards = cards

    async def __call__(self, events: Sequence[Event]) -> None:
        messages = (event.decode() for event in events)
        told = [each.post for each in messages if isinstance(each, PostCreated | PostVisible | PostUpdated)]
        await self._cards.settle({post.post_id for post in told if post.card.link or "://" in post.text})


class MediaHandler:
    """Group post.media: one upload at a time, as many at once as may be processed."""

    def __init__(self, processing: MediaProcessing) -> None:
        self._processing = processing

    async def __call__(self, event: Event) -> None:
        message = event.decode()
        if isinstance(message, MediaDue):
            await self._processing.process(work_of(event, message))


class ProfilesHandler:
    """Group post.user-events: which pictures profiles show, in the order of each account."""

    def __init__(self, pictures: ProfilePictures) -> None:
        self._pictures = pictures

    async def __call__(self, event: Event) -> None:
        message = event.decode()
        if isinstance(message, AccountUpdated):
            account = message.account
            shown = {Purpose.AVATAR: account.avatar_media_id, Purpose.HEADER: account.header_media_id}
            await self._pictures.settle(account.account_id, shown, account.version)


def _decision(decision: decision_pb2.Decision) -> Decision:
    state = _STATES.get(decision.state)
    if state is None:
        raise UnknownDecision("the decision has a state that is not known here")
    return Decision(decision.post_id, state, decision.version)
