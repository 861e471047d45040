"""Tells open streams that there are messages, as far as Redis is there to tell it."""

from __future__ import annotations

from collections.abc import Sequence

from messaging_service.metrics import LIVE_LOST
from messaging_service.models import Conversation, Notice, SealedMessage
from messaging_service.repository.live import LiveStreams
from rookery_common.errors import AppError
from rookery_common.logs import get_logger

log = get_logger()


class Notices:
    """Streams are a courtesy: without their Redis messages are sent all the same, and who listens sees a gap later."""

    def __init__(self, streams: LiveStreams) -> None:
        self._streams = streams
        self._lost = 0

    async def publish(self, conversation: Conversation, messages: Sequence[SealedMessage]) -> None:
        """To all members, the sender's own other connections among them; in the order of the messages."""
        members = conversation.member_ids
        notices = [Notice(message.conversation_id, message.sequence, members) for message in messages]
        lost, self._lost = self._lost, 0
        try:
            await self._streams.publish(notices, lost=lost)
        except AppError as error:  # Whatever it is: the messages are written, and must not be reported as failed.
            self._lost += lost + len(notices)
            LIVE_LOST.inc(len(notices))
            log.warning("live.notices_lost", notices=len(notices), reason=error.reason)
