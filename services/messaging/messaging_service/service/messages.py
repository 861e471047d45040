"""Sending and reading messages, for members only."""

from __future__ import annotations

from collections.abc import Sequence

from messaging_service.errors import InvalidField
from messaging_service.models import (
    DEFAULT_MESSAGES_PAGE,
    MAX_MESSAGES_PAGE,
    Message,
    MessageDraft,
)
from messaging_service.repository.messages import MessageRepository
from messaging_service.service.conversations import Conversations
from messaging_service.service.drafts import check_message
from messaging_service.service.message_log import MessageLog
from messaging_service.service.seals import Seals
from rookery_common.auth import Identity
from rookery_common.ids import MAX_ID


class Messages:
    """What members say to each other."""

    def __init__(
        self, conversations: Conversations, messages: MessageRepository, log: MessageLog, seals: Seals
    ) -> None:
        self._conversations = conversations
        self._messages = messages
        self._log = log
        self._seals = seals

    async def send(self, caller: Identity, conversation_id: int, request_id: str, text: str) -> Message:
        """The message with its sequence. Raises InvalidField, ConversationNotFound, Blocked, IdempotencyConflict."""
        draft = check_message(MessageDraft(caller.account_id, request_id, text))
        conversation = await self._conversations.of_member(caller.account_id, conversation_id)
        await self._conversations.check_may_write(caller, conversation)
        return await self._log.append(conversation, draft)

    async def page(
        self, caller_id: int, conversation_id: int, page_size: int, *, after: int, before: int, oldest_first: bool
    ) -> Sequence[Message]:
        """Those after one sequence, the oldest first; else those before the other (0: the end), the newest first."""
        size = _checked_size(page_size, after, before)
        conversation = await self._conversations.of_member(caller_id, conversation_id)
        head = await self._messages.head(conversation)
        below = min(before or MAX_ID, head.sequence + 1)
        if after or oldest_first:
            found = await self._messages.oldest(conversation_id, after, below, size)
        else:
            found = await self._messages.newest(conversation_id, 0, below, size)
        return [self._seals.open(conversation, sealed) for sealed in found]


def _checked_size(page_size: int, after: int, before: int) -> int:
    if not 0 <= page_size <= MAX_MESSAGES_PAGE:
        raise InvalidField("page_size", "ERR_INVALID", f"must be between 1 and {MAX_MESSAGES_PAGE}")
    for field, value in (("after_sequence", after), ("before_sequence", before)):
        if not 0 <= value <= MAX_ID:
            raise InvalidField(field, "ERR_INVALID", "is not a sequence")
    return page_size or DEFAULT_MESSAGES_PAGE
