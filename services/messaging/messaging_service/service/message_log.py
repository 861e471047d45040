"""Appends messages to conversations: sequences without a gap, each message once, whoever writes and whenever one dies.

Of each message its event is noted as pending, and the request's attempt with it; then one LWT on the partition's last
sequence writes the message; then members' lists, streams and topic are told. Like a group commit: one LWT takes what
has come while the last was under way, so that writers in one process do not race each other.

Exactly once: the head is known before a request's attempts are read, and the LWT holds only if that still is the head.
Any earlier attempt of the same request that took effect did so before, so it was noted, and is found.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterable, Sequence
from contextvars import Context
from dataclasses import dataclass, field, replace
from typing import Final

from messaging_service import metrics
from messaging_service.errors import ConversationBusy, IdempotencyConflict, TooManyWaiting
from messaging_service.events import MessagingEvents
from messaging_service.models import (
    BUCKET_MESSAGES,
    Attempt,
    Conversation,
    Head,
    Message,
    MessageDraft,
    SealedMessage,
    bucket_of,
    hour_of,
)
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.messages import MessageRepository
from messaging_service.service.notices import Notices
from messaging_service.service.seals import Seals
from rookery_common.clients.calls import UnknownOutcome
from rookery_common.clock import Clock
from rookery_common.errors import AppError, Internal, Unavailable
from rookery_common.ids import IdSource
from rookery_common.kafka.events import Event
from rookery_common.logs import get_logger
from rookery_common.rpc.deadline import start_deadline
from rookery_common.telemetry import current_traceparent

MAX_GROUP: Final = 16
MAX_WAITING: Final = 500
MAX_TRIES: Final = 30
GROUP_SECONDS: Final = 8.0
LONGEST_PAUSE_SECONDS: Final = 0.1
log = get_logger()


@dataclass(slots=True)
class _Waiting:
    """A message that waits for its sequence, and what its attempts have in common."""

    draft: MessageDraft
    digest: bytes
    traceparent: str
    answer: asyncio.Future[Message]
    message_id: int = 0
    event: Event | None = None

    @property
    def request(self) -> tuple[int, str]:
        return self.draft.sender_id, self.draft.request_id


@dataclass(slots=True)
class _Lane:
    """The messages that one conversation waits for in this process; `head` is where it was when last heard of."""

    conversation: Conversation
    waiting: deque[_Waiting] = field(default_factory=deque)
    head: Head | None = None
    task: asyncio.Task[None] | None = None

    def take(self) -> list[_Waiting]:
        """The next few, none of them twice the same request; whose callers have gone are dropped."""
        group: dict[tuple[int, str], _Waiting] = {}
        while self.waiting and len(group) < MAX_GROUP and self.waiting[0].request not in group:
            waiting = self.waiting.popleft()
            if not waiting.answer.done():
                group[waiting.request] = waiting
        return list(group.values())


class MessageLog:
    """Component: the only writer of messages."""

    def __init__(
        self,
        conversations: ConversationRepository,
        messages: MessageRepository,
        notices: Notices,
        seals: Seals,
        events: MessagingEvents,
        ids: IdSource,
        clock: Clock,
    ) -> None:
        self._conversations = conversations
        self._messages = messages
        self._notices = notices
        self._seals = seals
        self._events = events
        self._ids = ids
        self._clock = clock
        self._lanes: dict[int, _Lane] = {}

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Waits for what is being written; after the server, which takes no more."""
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def append(self, conversation: Conversation, draft: MessageDraft) -> Message:
        """The message with its sequence, or the one that the same request sent before.

        Raises IdempotencyConflict, TooManyWaiting, ConversationBusy; Unavailable where the outcome is not known, which
        repeating the request tells.
        """
        lane = self._lanes.setdefault(conversation.conversation_id, _Lane(conversation))
        if len(lane.waiting) >= MAX_WAITING:
            raise TooManyWaiting
        digest = self._seals.text_digest(conversation.conversation_id, draft)
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        lane.waiting.append(_Waiting(draft, digest, current_traceparent(), answer))
        if lane.task is None:
            # In a context of its own: it writes for many, and must not end with one's deadline.
            lane.task = asyncio.get_running_loop().create_task(self._run(lane), context=Context())
        return await answer

    async def _run(self, lane: _Lane) -> None:
        try:
            while lane.waiting:
                await self._serve(lane, lane.take())
        finally:
            del self._lanes[lane.conversation.conversation_id]
            _fail(lane.waiting, Unavailable("the message was not sent"))

    async def _serve(self, lane: _Lane, group: Sequence[_Waiting]) -> None:
        start_deadline(GROUP_SECONDS)
        try:
            await self._commit(lane, group)
        except AppError as error:
            lane.head = None
            _fail(group, error)
        except BaseException:
            _fail(group, Internal("internal error"))
            raise

    async def _commit(self, lane: _Lane, group: Sequence[_Waiting]) -> None:
        for tries in range(MAX_TRIES):
            if lane.head is None:
                # Serial once somebody else has been faster: what is under way there is settled first.
                lane.head = await self._messages.head(lane.conversation, serial=tries > 0)
            await asyncio.gather(*(self._answer_repeated(lane.conversation, waiting) for waiting in group))
            group = [waiting for waiting in group if not waiting.answer.done()]
            if not group:
                return
            room = BUCKET_MESSAGES - lane.head.sequence % BUCKET_MESSAGES
            if await self._write(lane, group[:room]):
                group = group[room:]
                continue
            metrics.SEQUENCES_LOST.inc()
            lane.head = None
            await self._clock.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))  # noqa: S311 - spreads the writers
        if group:
            raise ConversationBusy

    async def _answer_repeated(self, conversation: Conversation, waiting: _Waiting) -> None:
        """Answers a request whose message is there already, or whose request_id was used for another."""
        attempts = await self._messages.attempts(conversation.conversation_id, waiting.draft)
        if any(attempt.body_hash != waiting.digest for attempt in attempts):
            _fail([waiting], IdempotencyConflict())
            return
        tried = {(attempt.sequence, attempt.message_id) for attempt in attempts}
        keys = {(conversation.conversation_id, attempt.sequence) for attempt in attempts}
        for sealed in await self._messages.get_many(keys):
            if (sealed.sequence, sealed.message_id) in tried:
                _answer(waiting, self._seals.open(conversation, sealed))

    async def _write(self, lane: _Lane, group: Sequence[_Waiting]) -> bool:
        """False where another process has taken the sequence meanwhile: then nothing was written."""
        if lane.head is None:
            raise ValueError("the head is known before anything is written")
        conversation, before = lane.conversation, lane.head
        messages = self._sealed(conversation, before, group)
        events = [self._event(conversation, *pair) for pair in zip(group, messages, strict=True)]
        await asyncio.gather(
            self._messages.add_pending(events),
            *(
                self._messages.note_attempt(
                    conversation.conversation_id,
                    waiting.draft,
                    Attempt(message.sequence, message.message_id, waiting.digest),
                )
                for waiting, message in zip(group, messages, strict=True)
            ),
        )
        if not await self._append(before, messages):
            return False
        lane.head = Head(messages[-1].sequence, messages[-1].sent_us)
        metrics.GROUP_MESSAGES.observe(len(messages))
        metrics.MESSAGES_SENT.inc(len(messages))
        await self._finish(conversation, before, group, messages, events)
        return True

    async def _append(self, head: Head, messages: Sequence[SealedMessage]) -> bool:
        try:
            return await self._messages.append(head, messages)
        except UnknownOutcome:
            first = messages[0]
            found = await self._messages.get(first.conversation_id, first.sequence, serial=True)
            return found is not None and found.message_id == first.message_id

    def _sealed(self, conversation: Conversation, head: Head, group: Sequence[_Waiting]) -> list[SealedMessage]:
        """The messages with the sequences and times after the head's; the id is the same in each attempt."""
        # Times follow the sequence, also where clocks differ.
        first_us = max(self._clock.unix_ms() * 1000, head.activity_us + 1)
        messages = []
        for place, waiting in enumerate(group):
            waiting.message_id = waiting.message_id or self._ids.mint()
            messages.append(
                SealedMessage(
                    conversation_id=conversation.conversation_id,
                    sequence=head.sequence + 1 + place,
                    message_id=waiting.message_id,
                    sender_id=waiting.draft.sender_id,
                    sent_us=first_us + place,
                    body=self._seals.seal_text(conversation, waiting.message_id, waiting.draft.text),
                )
            )
        return messages

    def _event(self, conversation: Conversation, waiting: _Waiting, message: SealedMessage) -> Event:
        """Of each attempt the same row of the outbox, which the last one overwrites."""
        event = self._events.message_sent(message, conversation, waiting.traceparent)
        if waiting.event is not None:
            event = replace(event, event_id=waiting.event.event_id, occurred_at=waiting.event.occurred_at)
        waiting.event = event
        return event

    async def _finish(
        self,
        conversation: Conversation,
        before: Head,
        group: Sequence[_Waiting],
        messages: Sequence[SealedMessage],
        events: Sequence[Event],
    ) -> None:
        """What follows from messages that are written. If it fails, the events stay pending and the sweeper does it."""
        await self._notices.publish(conversation, messages)
        last = messages[-1]
        try:
            if hour_of(last.sent_us) != hour_of(before.activity_us):
                await self._conversations.index(conversation, before, Head(last.sequence, last.sent_us))
            if bucket_of(last.sequence) != bucket_of(max(1, before.sequence)):
                await self._conversations.hint(conversation.conversation_id, bucket_of(last.sequence))
            _answer_all(group, messages)
            await self._messages.publish(events)
        except AppError as error:
            log.warning("message.left_to_sweeper", conversation_id=conversation.conversation_id, reason=error.reason)
            _answer_all(group, messages)


def _answer_all(group: Sequence[_Waiting], messages: Sequence[SealedMessage]) -> None:
    for waiting, sealed in zip(group, messages, strict=True):
        message = Message(
            conversation_id=sealed.conversation_id,
            sequence=sealed.sequence,
            message_id=sealed.message_id,
            sender_id=sealed.sender_id,
            sent_us=sealed.sent_us,
            text=waiting.draft.text,
        )
        _answer(waiting, message)


def _answer(waiting: _Waiting, message: Message) -> None:
    if not waiting.answer.done():
        waiting.answer.set_result(message)


def _fail(group: Iterable[_Waiting], error: AppError) -> None:
    for waiting in group:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)
