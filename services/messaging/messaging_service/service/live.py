"""What open streams are told, made of the notices that travel."""

from __future__ import annotations

from collections.abc import Sequence

from messaging_service.models import Message, Notice
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.messages import MessageRepository
from messaging_service.service.seals import Seals


class MessageLoader:
    """Reads and opens messages: a few reads for however many streams listen."""

    def __init__(self, conversations: ConversationRepository, messages: MessageRepository, seals: Seals) -> None:
        self._conversations = conversations
        self._messages = messages
        self._seals = seals

    async def __call__(self, notices: Sequence[Notice]) -> Sequence[Message | None]:
        """The message of each notice; None for one that is not there. Raises Unavailable."""
        sealed = await self._messages.get_many(
            sorted({(notice.conversation_id, notice.sequence) for notice in notices})
        )
        conversations = await self._conversations.get_many({each.conversation_id for each in sealed})
        opened = {
            Notice(each.conversation_id, each.sequence): self._seals.open(conversations[each.conversation_id], each)
            for each in sealed
            if each.conversation_id in conversations
        }
        return [opened.get(notice) for notice in notices]
