"""Conversations and messages as contract messages, and as events on their topic, which never carry a text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from messaging_service.models import Conversation, ConversationView, Message, SealedMessage, moment
from rookery.messaging.v1 import events_pb2
from rookery.messaging.v1 import messaging_service_pb2 as pb
from rookery_common.clock import Clock
from rookery_common.kafka.events import Event, new_event

TOPIC: Final = "messaging.events.v1"
SOURCE: Final = "messaging"


@dataclass(frozen=True, slots=True)
class ToldMessage:
    """The message that an event tells of."""

    conversation_id: int
    sequence: int
    message_id: int


@dataclass(frozen=True, slots=True)
class ToldConversation:
    """The conversation that an event tells of."""

    conversation_id: int


class MessagingEvents:
    """What is told; the key is the conversation, the version the time of its making or of the message's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def conversation_created(self, conversation: Conversation) -> Event:
        """Under the id that the conversation's row has too."""
        message = events_pb2.ConversationCreated(
            conversation_id=conversation.conversation_id,
            member_ids=conversation.member_ids,
            creator_id=conversation.creator_id,
            version=conversation.created_us,
        )
        message.create_time.FromDatetime(moment(conversation.created_us))
        key = str(conversation.conversation_id)
        event = new_event(TOPIC, key, message, version=conversation.created_us, clock=self._clock, source=SOURCE)
        return replace(event, event_id=conversation.event_id)

    def message_sent(self, message: SealedMessage, conversation: Conversation, traceparent: str) -> Event:
        told = events_pb2.MessageSent(
            message_id=message.message_id,
            conversation_id=message.conversation_id,
            sequence=message.sequence,
            sender_id=message.sender_id,
            member_ids=conversation.member_ids,
        )
        told.create_time.FromDatetime(moment(message.sent_us))
        event = new_event(
            TOPIC,
            str(message.conversation_id),
            told,
            version=message.sent_us,
            clock=self._clock,
            source=SOURCE,
            aggregate_id=str(message.message_id),
        )
        return replace(event, traceparent=traceparent)


def told_of(event: Event) -> ToldMessage | ToldConversation:
    """What one of our own events tells of."""
    told = event.decode()
    if isinstance(told, events_pb2.MessageSent):
        return ToldMessage(told.conversation_id, told.sequence, told.message_id)
    if isinstance(told, events_pb2.ConversationCreated):
        return ToldConversation(told.conversation_id)
    raise ValueError(f"{event.type} is no event of messaging")


def conversation_message(view: ConversationView) -> pb.Conversation:
    conversation = view.conversation
    message = pb.Conversation(
        conversation_id=conversation.conversation_id,
        title=view.title,
        member_ids=conversation.member_ids,
        creator_id=conversation.creator_id,
        last_sequence=view.head.sequence,
        read_sequence=view.read_sequence,
    )
    message.create_time.FromDatetime(moment(conversation.created_us))
    return message


def message_message(message: Message) -> pb.Message:
    found = pb.Message(
        message_id=message.message_id,
        conversation_id=message.conversation_id,
        sequence=message.sequence,
        sender_id=message.sender_id,
        text=message.text,
        deleted=message.deleted,
    )
    found.create_time.FromDatetime(moment(message.sent_us))
    return found
