"""What is told equals the contract's examples."""

from __future__ import annotations

from typing import cast

from messaging_service.events import TOPIC, MessagingEvents, ToldConversation, ToldMessage, told_of
from messaging_service.models import Conversation, DataKey, SealedMessage
from rookery.messaging.v1.events_pb2 import ConversationCreated, MessageSent
from rookery_common.testing.clock import FakeClock
from rookery_common.testing.golden import golden, golden_message, golden_names

CREATED, SENT = golden(TOPIC, "ConversationCreated"), golden(TOPIC, "MessageSent")


def conversation() -> Conversation:
    message = cast(ConversationCreated, golden_message(TOPIC, "ConversationCreated"))
    return Conversation(
        conversation_id=message.conversation_id,
        creator_id=message.creator_id,
        member_ids=tuple(message.member_ids),
        created_us=message.version,
        data_key=DataKey(b"key"),
        sealed_title=b"title",
        event_id=CREATED.event_id,
    )


def test_a_conversation_is_told_of_as_the_contract_has_it() -> None:
    event = MessagingEvents(FakeClock(CREATED.occurred_at)).conversation_created(conversation())
    assert event.decode() == CREATED.decode()
    assert (event.topic, event.type, event.key, event.event_id) == (TOPIC, CREATED.type, CREATED.key, CREATED.event_id)
    assert (event.aggregate_id, event.version, event.source) == (CREATED.aggregate_id, CREATED.version, "messaging")


def test_a_message_is_told_of_as_the_contract_has_it() -> None:
    message = cast(MessageSent, golden_message(TOPIC, "MessageSent"))
    sealed = SealedMessage(
        conversation_id=message.conversation_id,
        sequence=message.sequence,
        message_id=message.message_id,
        sender_id=message.sender_id,
        sent_us=message.create_time.ToMicroseconds(),
        body=b"sealed",
    )
    event = MessagingEvents(FakeClock(SENT.occurred_at)).message_sent(sealed, conversation(), SENT.traceparent)
    assert event.decode() == SENT.decode()
    assert (event.topic, event.type, event.key, event.traceparent) == (TOPIC, SENT.type, SENT.key, SENT.traceparent)
    assert (event.aggregate_id, event.version, event.source) == (SENT.aggregate_id, SENT.version, "messaging")


def test_our_own_events_are_read_again() -> None:
    assert told_of(CREATED) == ToldConversation(int(CREATED.key))
    assert told_of(SENT) == ToldMessage(int(SENT.key), 1, int(SENT.aggregate_id))
    assert set(golden_names(TOPIC)) == {"ConversationCreated", "MessageSent"}
