"""Erases what a deleted account has said, and takes it out of its conversations."""

from __future__ import annotations

from collections.abc import Sequence

from messaging_service.models import TOP, bucket_of
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.messages import MessageRepository
from rookery_common.erasure import ErasureStep


class AccountErasure:
    """A conversation after the other, each a bucket of messages at a time.

    Others see that there was a message, so that sequences keep without a gap. The conversation's key stays theirs.
    """

    def __init__(self, conversations: ConversationRepository, messages: MessageRepository) -> None:
        self._conversations = conversations
        self._messages = messages

    @property
    def steps(self) -> Sequence[ErasureStep]:
        return (self._erase_some,)

    async def _erase_some(self, account_id: int) -> int:
        """The account's list tells what is left, and loses a conversation's row last."""
        rows = await self._conversations.indexed(account_id, TOP, 1)
        if not rows:
            return 0
        row, conversation_id = rows[0], rows[0].conversation_id
        conversation = await self._conversations.get(conversation_id, serial=True)
        if conversation is None:
            await self._conversations.forget(account_id, row)
            return 1
        # First, so that what others write from now on does not bring it back into the account's list.
        if account_id in conversation.member_ids and not await self._conversations.leave(conversation, account_id):
            return 1
        head = await self._messages.head(conversation, serial=True)
        bucket = await self._conversations.erased_to(account_id, conversation_id)
        erased = await self._messages.erase(conversation_id, bucket, account_id)
        if bucket < bucket_of(head.sequence):
            await self._conversations.erase_from(account_id, conversation_id, bucket + 1)
        else:
            await self._conversations.forget(account_id, row)
        return max(1, erased)
