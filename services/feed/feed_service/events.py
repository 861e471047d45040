"""Feed's own work in Kafka: deliveries to the many followers of one author, beside the lane of everybody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from feed_service.models import Change, Part, PostChange
from rookery.feed.v1.events_pb2 import FanOutDue
from rookery_common.clock import Clock
from rookery_common.kafka.events import Event, new_event
from rookery_common.kafka.producer import Producer

FANOUT_TOPIC: Final = "feed.fanout.v1"
_KINDS: Final = {
    Change.VISIBLE: FanOutDue.CHANGE_VISIBLE,
    Change.EDITED: FanOutDue.CHANGE_EDITED,
    Change.HIDDEN: FanOutDue.CHANGE_HIDDEN,
    Change.GONE: FanOutDue.CHANGE_GONE,
}
_CHANGES: Final = {kind: change for change, kind in _KINDS.items()}


class BulkLane:
    """Hands parts of fan-outs over; what one of them did before another of the same post and bucket stays before it."""

    def __init__(self, producer: Producer, clock: Clock) -> None:
        self._producer = producer
        self._clock = clock

    async def hand_over(self, parts: Sequence[Part]) -> None:
        """Returns when Kafka has them. Raises Unavailable: then it is to be done again."""
        await self._producer.send_all([fan_out_due(part, self._clock) for part in parts])


def fan_out_due(part: Part, clock: Clock) -> Event:
    """A part of a fan-out as work."""
    change = part.change
    message = FanOutDue(
        change=_KINDS[change.change],
        post_id=change.post_id,
        author_id=change.author_id,
        is_reblog=change.is_reblog,
        bucket=part.bucket,
    )
    key = f"{change.post_id}:{part.bucket}"
    return new_event(FANOUT_TOPIC, key, message, version=clock.unix_ms(), clock=clock, source="feed")


def part_of(message: FanOutDue) -> Part:
    """Work as a part of a fan-out."""
    change = PostChange(_CHANGES[message.change], message.post_id, message.author_id, is_reblog=message.is_reblog)
    return Part(change, message.bucket)
