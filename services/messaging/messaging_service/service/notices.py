"""Tells open streams that there are messages, as far as Redis is there to tell it."""

from __future__ import annotations

from collections.abc import Sequence

from messaging_service.models import Conversation, Notice, SealedMessage
from rookery_common.live.announcer import Announcer


class Notices:
    """That there is a message and for whom is all that travels; the text stays where it is encrypted."""

    def __init__(self, announcer: Announcer[Notice]) -> None:
        self._announcer = announcer

    async def publish(self, conversation: Conversation, messages: Sequence[SealedMessage]) -> None:
        """To all members, the sender's own other connections among them; in the order of the messages."""
        members = conversation.member_ids
        await self._announcer.tell(
            [(members, Notice(message.conversation_id, message.sequence)) for message in messages]
        )
