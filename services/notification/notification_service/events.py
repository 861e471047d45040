"""What notification publishes: its own lane of pushes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from notification_service.messages import notification_message
from notification_service.models import Notification
from rookery.notification.v1.push_events_pb2 import PushDue
from rookery_common.clock import Clock
from rookery_common.ids import ms_of
from rookery_common.kafka.events import Event, new_event
from rookery_common.kafka.producer import Producer

PUSH_TOPIC: Final = "notification.pushes.v1"
SOURCE: Final = "notification"


class PushLane:
    """By recipient, so that one process sends to a subscription at a time."""

    def __init__(self, producer: Producer, clock: Clock) -> None:
        self._producer = producer
        self._clock = clock

    async def put(self, notifications: Sequence[Notification]) -> None:
        """Raises NotPublished: then some of them may be there."""
        await self._producer.send_all([push_due(each, self._clock) for each in notifications])


def push_due(told: Notification, clock: Clock) -> Event:
    """That a notification is to be pushed; its version is its time."""
    message = PushDue(notification=notification_message(told))
    version = ms_of(told.notification_id)
    return new_event(PUSH_TOPIC, str(told.recipient_id), message, version=version, clock=clock, source=SOURCE)
