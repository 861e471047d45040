"""What is said, encrypted under its conversation's data key; and digests by which requests are told apart."""

from __future__ import annotations

import json

from messaging_service.models import (
    ERASED,
    Conversation,
    ConversationDraft,
    DataKey,
    Message,
    MessageDraft,
    SealedMessage,
)
from rookery_common.crypto import BlindIndex, FieldCipher, WrappedKey


class Seals:
    """Seals and opens. The digests are keyed: a short text can't be guessed from one."""

    def __init__(self, cipher: FieldCipher, digests: BlindIndex) -> None:
        self._cipher = cipher
        self._digests = digests

    def new_key(self) -> DataKey:
        """The data key of a new conversation, wrapped."""
        return DataKey(self._cipher.new_data_key())

    def seal_title(self, key: DataKey, conversation_id: int, title: str) -> bytes:
        return self._cipher.encrypt(WrappedKey(key), title, _title_context(conversation_id))

    def title(self, conversation: Conversation) -> str:
        context = _title_context(conversation.conversation_id)
        return self._cipher.decrypt(WrappedKey(conversation.data_key), conversation.sealed_title, context)

    def seal_text(self, conversation: Conversation, message_id: int, text: str) -> bytes:
        context = _text_context(conversation.conversation_id, message_id)
        return self._cipher.encrypt(WrappedKey(conversation.data_key), text, context)

    def open(self, conversation: Conversation, sealed: SealedMessage) -> Message:
        """Raises DecryptionFailed if it is not as it was sealed; what was erased has no text any more."""
        context, deleted = _text_context(sealed.conversation_id, sealed.message_id), sealed.body == ERASED
        return Message(
            conversation_id=sealed.conversation_id,
            sequence=sealed.sequence,
            message_id=sealed.message_id,
            sender_id=sealed.sender_id,
            sent_us=sealed.sent_us,
            text="" if deleted else self._cipher.decrypt(WrappedKey(conversation.data_key), sealed.body, context),
            deleted=deleted,
        )

    def draft_digest(self, draft: ConversationDraft) -> bytes:
        """Of all that makes two requests for a conversation the same."""
        return self._digests.digest(json.dumps([sorted(draft.others), draft.title]), "conversation")

    def text_digest(self, conversation_id: int, draft: MessageDraft) -> bytes:
        """Of all that makes two requests to send the same."""
        return self._digests.digest(json.dumps([conversation_id, draft.text]), "message")


def _title_context(conversation_id: int) -> str:
    return f"conversations.title:{conversation_id}"


def _text_context(conversation_id: int, message_id: int) -> str:
    return f"messages.body:{conversation_id}:{message_id}"
