"""Completes what a crash left between a pending event and its publishing, once the sweeper finds it."""

from __future__ import annotations

from messaging_service.events import ToldConversation, ToldMessage, told_of
from messaging_service.metrics import COMPLETED_LATER
from messaging_service.models import Conversation, Head, SealedMessage
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.messages import MessageRepository
from messaging_service.service.notices import Notices
from rookery_common.kafka.events import Event


class Confirmer:
    """Says by a serial read whether what an event tells of is there, and does what should have followed from it."""

    def __init__(self, conversations: ConversationRepository, messages: MessageRepository, notices: Notices) -> None:
        self._conversations = conversations
        self._messages = messages
        self._notices = notices

    async def __call__(self, event: Event) -> bool:
        """False where the sequence, or the conversation's id, is another's: then nothing is told."""
        told = told_of(event)
        applied = await (self._message(told) if isinstance(told, ToldMessage) else self._conversation(told, event))
        if applied:
            COMPLETED_LATER.labels(type(told).__name__).inc()
        return applied

    async def _message(self, told: ToldMessage) -> bool:
        message = await self._messages.get(told.conversation_id, told.sequence, serial=True)
        if message is None or message.message_id != told.message_id:
            return False
        conversation = await self._conversations.get(told.conversation_id, serial=True)
        if conversation is None:
            return False
        before = await self._before(conversation, message)
        await self._conversations.index(conversation, before, Head(message.sequence, message.sent_us))
        await self._notices.publish(conversation, [message])
        return True

    async def _before(self, conversation: Conversation, message: SealedMessage) -> Head:
        """Where the conversation was before the message."""
        previous = None
        if message.sequence > 1:
            previous = await self._messages.get(message.conversation_id, message.sequence - 1)
        return Head(message.sequence - 1, previous.sent_us if previous else conversation.created_us)

    async def _conversation(self, told: ToldConversation, event: Event) -> bool:
        conversation = await self._conversations.get(told.conversation_id, serial=True)
        if conversation is None or conversation.event_id != event.event_id:
            return False
        await self._conversations.index(conversation, None, Head(0, conversation.created_us))
        return True
