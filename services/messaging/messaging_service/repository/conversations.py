"""Conversations in CQL: who is in them, each member's index of them, what was read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from messaging_service.models import (
    Conversation,
    DataKey,
    Head,
    IndexedConversation,
    KeyClaim,
    hour_of,
)
from rookery_common.clients.cassandra import Args, Cql, Row

MEMBERS_AT_ONCE: Final = 16


class ConversationRepository:
    """Reads and writes conversations. Whatever two may write at once is decided by LWT or by write timestamps."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def get(self, conversation_id: int, *, serial: bool = False) -> Conversation | None:
        """`serial` also sees the one whose making is not known to have ended."""
        rows = await self._cql.execute("conversation_get", (conversation_id,), serial=serial)
        # A row of a hint alone is none.
        return _conversation(rows[0]) if rows and rows[0].data_key is not None else None

    async def get_many(self, conversation_ids: Iterable[int]) -> dict[int, Conversation]:
        """Conversations by id; unknown ones are left out."""
        results = await self._cql.many("conversation_get", [(number,) for number in conversation_ids])
        return {rows[0].conversation_id: _conversation(rows[0]) for rows in results if rows and rows[0].data_key}

    async def create(self, conversation: Conversation) -> bool:
        """False where there is one of this id already. Its members' index is `index_member`'s."""
        values = (
            conversation.conversation_id,
            conversation.creator_id,
            list(conversation.member_ids),
            conversation.created_us,
            conversation.data_key,
            conversation.sealed_title,
            UUID(conversation.event_id),
        )
        applied, _ = await self._cql.execute_conditional("conversation_create", values)
        return applied

    async def hint(self, conversation_id: int, bucket: int) -> None:
        """A new bucket has been begun; of several hints the furthest stays."""
        await self._cql.execute("conversation_hint", (bucket + 1, bucket, conversation_id))

    async def find_claim(self, account_id: int, request_id: str) -> KeyClaim | None:
        """What a request_id was used for."""
        rows = await self._cql.execute("key_get", (account_id, request_id))
        return KeyClaim(rows[0].body_hash, rows[0].conversation_id) if rows else None

    async def claim(self, account_id: int, request_id: str, claim: KeyClaim) -> KeyClaim:
        """Takes the request_id for 24 hours, unless it is taken; the claim that holds is returned."""
        values = (account_id, request_id, claim.body_hash, claim.conversation_id)
        applied, row = await self._cql.execute_conditional("key_claim", values)
        return claim if applied or row is None else KeyClaim(row.body_hash, row.conversation_id)

    async def claim_direct(self, low_id: int, high_id: int, conversation_id: int) -> int:
        """The id of the one conversation of the two: this one, unless there is another already."""
        rows = await self._cql.execute("direct_get", (low_id, high_id))
        if rows:
            return int(rows[0].conversation_id)
        applied, row = await self._cql.execute_conditional("direct_claim", (low_id, high_id, conversation_id))
        return conversation_id if applied or row is None else int(row.conversation_id)

    async def index(self, conversation: Conversation, before: Head | None, after: Head) -> None:
        """Moves it in its members' lists to the hour of `after`. Harmless if repeated, or done in another order."""
        new_hour = hour_of(after.activity_us)
        old_hour = new_hour if before is None else hour_of(before.activity_us)
        for first in range(0, len(conversation.member_ids), MEMBERS_AT_ONCE):
            members = conversation.member_ids[first : first + MEMBERS_AT_ONCE]
            if old_hour == new_hour:
                rows = [(member, new_hour, conversation.conversation_id, after.activity_us) for member in members]
                await self._cql.many("member_put", rows)
                continue
            for member in members:
                await self.reindex(member, conversation.conversation_id, old_hour, after)

    async def reindex(self, member_id: int, conversation_id: int, old_hour: int, head: Head) -> None:
        """Moves it in one member's list, atomically, since the list is one partition."""
        rows: list[tuple[str, Args]] = [
            ("member_put", (member_id, hour_of(head.activity_us), conversation_id, head.activity_us)),
            ("member_remove", (head.activity_us, member_id, old_hour, conversation_id)),
        ]
        await self._cql.batch(rows, logged=False)

    async def leave(self, conversation: Conversation, member_id: int) -> bool:
        """False where another has left meanwhile."""
        before = list(conversation.member_ids)
        after = [each for each in before if each != member_id]
        applied, _ = await self._cql.execute_conditional(
            "conversation_leave", (after, conversation.conversation_id, before)
        )
        return applied

    async def forget(self, member_id: int, row: IndexedConversation) -> None:
        """How far the member has read, and the row of its list, by which it was found."""
        await self._cql.execute("read_forget", (row.conversation_id, member_id))
        await self._cql.execute("member_forget", (member_id, row.hour, row.conversation_id))

    async def erased_to(self, account_id: int, conversation_id: int) -> int:
        """The bucket with which an erasure goes on."""
        rows = await self._cql.execute("erasure_get", (account_id, conversation_id))
        return rows[0].bucket if rows else 0

    async def erase_from(self, account_id: int, conversation_id: int, bucket: int) -> None:
        """All buckets before it are erased; that is remembered for a month."""
        await self._cql.execute("erasure_put", (account_id, conversation_id, bucket))

    async def indexed(self, member_id: int, below: IndexedConversation, limit: int) -> list[IndexedConversation]:
        """The member's conversations below that row, the latest hour first; fewer than `limit` mean the end."""
        rows = await self._cql.execute("member_page", (member_id, below.hour, below.conversation_id, limit))
        return [IndexedConversation(row.hour, row.conversation_id) for row in rows]

    async def read_sequence(self, conversation_id: int, member_id: int) -> int:
        """Up to where the member has read; 0 for nothing."""
        return (await self.read_sequences(member_id, [conversation_id]))[0]

    async def read_sequences(self, member_id: int, conversation_ids: Sequence[int]) -> list[int]:
        """The same for several conversations, in their order."""
        results = await self._cql.many("read_get", [(number, member_id) for number in conversation_ids])
        return [int(rows[0].sequence) if rows else 0 for rows in results]

    async def mark_read(self, conversation_id: int, member_id: int, sequence: int) -> None:
        """Up to this sequence, or further if that was said before: its own write timestamp sees to that."""
        await self._cql.execute("read_put", (conversation_id, member_id, sequence, sequence))


def _conversation(row: Row) -> Conversation:
    return Conversation(
        conversation_id=row.conversation_id,
        creator_id=row.creator_id,
        member_ids=tuple(row.member_ids),
        created_us=row.created_us,
        data_key=DataKey(row.data_key),
        sealed_title=row.title or b"",
        event_id=str(row.event_id),
        bucket_hint=row.head_bucket or 0,
    )
