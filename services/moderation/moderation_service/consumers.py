"""What moderation does with others' events; the handler may be given the same event any number of times."""

from __future__ import annotations

from datetime import UTC

from google.protobuf.message import Message

from moderation_service.models import State, Subject
from moderation_service.service.judging import Judge
from rookery.post.v1 import events_pb2, post_pb2
from rookery_common.kafka.events import Event

POST_TOPIC, POST_GROUP = "post.events.v1", "moderation.post-events"
_JUDGED = (events_pb2.PostCreated, events_pb2.PostUpdated, events_pb2.PostVisible)
_STATES = {
    post_pb2.POST_STATE_VISIBLE: State.VISIBLE,
    post_pb2.POST_STATE_HELD: State.HELD,
    post_pb2.POST_STATE_REMOVED: State.REMOVED,
}


class PostEventsHandler:
    """Judges each version of each post."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    async def __call__(self, event: Event) -> None:
        subject = subject_of(event.decode())
        if subject is not None:
            await self._judge.judge(POST_GROUP, event.event_id, subject)


def subject_of(message: Message) -> Subject | None:
    """The post to judge, in all the words that its readers see; None where the event brings none."""
    if not isinstance(message, _JUDGED):
        return None
    post = message.post
    texts = (post.text, post.spoiler_text, *(media.description for media in post.media))
    return Subject(
        post_id=post.post_id,
        author_id=post.author_id,
        version=post.version,
        created_at=post.create_time.ToDatetime(tzinfo=UTC),
        state=_STATES.get(post.state),
        texts=tuple(text for text in texts if text),
        is_reblog=bool(post.reblog_of_id),
    )
