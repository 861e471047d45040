"""Messages in CQL: by conversation and bucket, each taken its sequence by an LWT of that one partition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from messaging_service.models import (
    BUCKET_MESSAGES,
    ERASED,
    Attempt,
    Conversation,
    Head,
    MessageDraft,
    SealedMessage,
    bucket_of,
)
from rookery_common.clients.cassandra import Args, Cql, Row
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.events import Event

ATTEMPTS_READ: Final = 100
ERASED_AT_ONCE: Final = 100


class MessageRepository:
    """Reads and appends messages, and erases what they say; nothing else ever writes to their table."""

    def __init__(self, cql: Cql, outbox: CqlOutbox) -> None:
        self._cql = cql
        self._outbox = outbox

    async def head(self, conversation: Conversation, *, serial: bool = False) -> Head:
        """The last message; the conversation's own making where there is none. `serial` settles what is under way."""
        bucket = conversation.bucket_hint
        found = Head(bucket * BUCKET_MESSAGES, conversation.created_us)
        while True:
            rows = await self._cql.execute("head_get", (conversation.conversation_id, bucket), serial=serial)
            if not rows or rows[0].last_sequence is None:
                break
            found = Head(rows[0].last_sequence, rows[0].last_activity_us)
            if found.sequence < (bucket + 1) * BUCKET_MESSAGES:
                break
            bucket += 1
        return found

    async def heads(self, conversations: Iterable[Conversation]) -> dict[int, Head]:
        """The heads of several conversations, by id."""
        wanted = list(conversations)
        results = await self._cql.many("head_get", [(each.conversation_id, each.bucket_hint) for each in wanted])
        heads = {}
        for conversation, rows in zip(wanted, results, strict=True):
            found = rows[0] if rows and rows[0].last_sequence is not None else None
            if found is not None and found.last_sequence % BUCKET_MESSAGES:
                heads[conversation.conversation_id] = Head(found.last_sequence, found.last_activity_us)
            else:  # Empty or full: there may be a later bucket than the hint says.
                heads[conversation.conversation_id] = await self.head(conversation)
        return heads

    async def get(self, conversation_id: int, sequence: int, *, serial: bool = False) -> SealedMessage | None:
        args = (conversation_id, bucket_of(sequence), sequence)
        rows = await self._cql.execute("message_get", args, serial=serial)
        return _message(conversation_id, rows[0]) if rows else None

    async def get_many(self, keys: Iterable[tuple[int, int]]) -> list[SealedMessage]:
        """By conversation and sequence; what is not there is left out."""
        wanted = list(keys)
        results = await self._cql.many(
            "message_get", [(number, bucket_of(sequence), sequence) for number, sequence in wanted]
        )
        return [_message(key[0], rows[0]) for key, rows in zip(wanted, results, strict=True) if rows]

    async def newest(self, conversation_id: int, above: int, below: int, limit: int) -> list[SealedMessage]:
        """Up to `limit` between the two, the latest first. There must be none at `below` or later that is wanted."""
        found: list[SealedMessage] = []
        bucket = bucket_of(below - 1)
        while bucket >= max(0, bucket_of(above + 1)) and len(found) < limit:
            args = (conversation_id, bucket, above, below, limit - len(found))
            found += [_message(conversation_id, row) for row in await self._cql.execute("message_newest", args)]
            bucket -= 1
        return found

    async def oldest(self, conversation_id: int, above: int, below: int, limit: int) -> list[SealedMessage]:
        """Up to `limit` between the two, the first of them first."""
        found: list[SealedMessage] = []
        bucket = bucket_of(above + 1)
        while bucket <= bucket_of(below - 1) and len(found) < limit:
            args = (conversation_id, bucket, above, below, limit - len(found))
            rows = await self._cql.execute("message_oldest", args)
            if not rows:
                break  # Without gaps, an empty bucket is behind the last message.
            found += [_message(conversation_id, row) for row in rows]
            bucket += 1
        return found

    async def attempts(self, conversation_id: int, draft: MessageDraft) -> list[Attempt]:
        """What this request tried before, the latest first: once it has succeeded, it tries no more."""
        args = (conversation_id, draft.sender_id, draft.request_id, ATTEMPTS_READ)
        rows = await self._cql.execute("attempt_list", args)
        return [Attempt(row.sequence, row.message_id, row.body_hash) for row in rows]

    async def note_attempt(self, conversation_id: int, draft: MessageDraft, attempt: Attempt) -> None:
        """Before the LWT, so that whoever sees its effect sees this too."""
        args = (
            conversation_id,
            draft.sender_id,
            draft.request_id,
            attempt.sequence,
            attempt.message_id,
            attempt.body_hash,
        )
        await self._cql.execute("attempt_put", args)

    async def append(self, head: Head, messages: Sequence[SealedMessage]) -> bool:
        """Takes the next sequences for messages of one bucket, all or none: false if the head is no longer this one.

        Raises UnknownOutcome where the database did not say.
        """
        first, last = messages[0], messages[-1]
        bucket = bucket_of(first.sequence)
        # The bucket's own last sequence: a new one has none yet.
        before = head.sequence if head.sequence > bucket * BUCKET_MESSAGES else None
        rows: list[tuple[str, Args]] = [
            ("head_move", (last.sequence, last.sent_us, first.conversation_id, bucket, before)),
            *(("message_put", _values(message)) for message in messages),
        ]
        applied, _ = await self._cql.batch_conditional(rows)
        return applied

    async def erase(self, conversation_id: int, bucket: int, sender_id: int) -> int:
        """What the sender has said in a bucket; the messages stay, without a body. How many they are."""
        rows = await self._cql.execute("message_senders", (conversation_id, bucket, BUCKET_MESSAGES))
        own = [(ERASED, conversation_id, bucket, row.sequence) for row in rows if row.sender_id == sender_id]
        for first in range(0, len(own), ERASED_AT_ONCE):
            part: list[tuple[str, Args]] = [("message_erase", args) for args in own[first : first + ERASED_AT_ONCE]]
            await self._cql.batch(part, logged=False)
        return len(own)

    async def add_pending(self, events: Sequence[Event]) -> None:
        """Notes what the next LWT is about to do, before it."""
        await self._cql.batch([row for event in events for row in self._outbox.rows(event, pending=True)], logged=False)

    async def publish(self, events: Sequence[Event]) -> None:
        """After the LWT and all that follows from it; what a crash keeps from being published, the relay publishes."""
        for event in events:
            await self._outbox.confirm(event)
        await self._outbox.publish_soon(events)


def _values(message: SealedMessage) -> tuple[object, ...]:
    return (
        message.conversation_id,
        bucket_of(message.sequence),
        message.sequence,
        message.message_id,
        message.sender_id,
        message.sent_us,
        message.body,
    )


def _message(conversation_id: int, row: Row) -> SealedMessage:
    return SealedMessage(conversation_id, row.sequence, row.message_id, row.sender_id, row.sent_us, row.body)
