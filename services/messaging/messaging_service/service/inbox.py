"""A member's conversations by latest activity: an index by hour gives candidates, their heads the exact order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from messaging_service.errors import InvalidField
from messaging_service.metrics import INDEX_REPAIRED
from messaging_service.models import (
    DEFAULT_CONVERSATIONS_PAGE,
    MAX_CONVERSATIONS_PAGE,
    TOP,
    Conversation,
    ConversationView,
    Head,
    IndexedConversation,
    Place,
    hour_of,
)
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.messages import MessageRepository
from messaging_service.service.seals import Seals
from rookery_common.paging import CursorCodec, InvalidCursor

STEP_ROWS: Final = 100
# An hour in which a member has more active conversations than this is listed in the order of what was looked at.
MAX_SCANNED_ROWS: Final = 5_000
_ROUTE: Final = "conversations"


@dataclass(frozen=True, slots=True)
class _Found:
    """A conversation and where it is."""

    conversation: Conversation
    head: Head

    @property
    def place(self) -> Place:
        return Place(self.head.activity_us, self.conversation.conversation_id)


class Inbox:
    """Lists a member's conversations, the latest activity first."""

    def __init__(
        self, conversations: ConversationRepository, messages: MessageRepository, seals: Seals, cursors: CursorCodec
    ) -> None:
        self._conversations = conversations
        self._messages = messages
        self._seals = seals
        self._cursors = cursors

    async def page(self, member_id: int, page_size: int, token: str) -> tuple[list[ConversationView], str]:
        """A page and the token of the next (empty on the last). Raises InvalidField."""
        if not 0 <= page_size <= MAX_CONVERSATIONS_PAGE:
            raise InvalidField("page_size", "ERR_INVALID", f"must be between 1 and {MAX_CONVERSATIONS_PAGE}")
        size = page_size or DEFAULT_CONVERSATIONS_PAGE
        below = self._decoded(member_id, token)
        found = await self._candidates(member_id, below, size)
        places = sorted(found, reverse=True)
        views = await self._views(member_id, [found[place] for place in places[:size]])
        return views, self._encoded(member_id, places[size - 1]) if len(places) > size else ""

    async def _candidates(self, member_id: int, below: Place | None, size: int) -> dict[Place, _Found]:
        """Everything below the place down to an hour that is wholly known, with more than `size` of them if there are.

        What has become active since the last page is above the place, and belongs to the first page only.
        """
        found: dict[Place, _Found] = {}
        after = TOP if below is None else IndexedConversation(hour_of(below.activity_us) + 1, 0)
        for _ in range(MAX_SCANNED_ROWS // STEP_ROWS):
            rows = await self._conversations.indexed(member_id, after, STEP_ROWS)
            for each in await self._placed(member_id, rows):
                if below is None or each.place < below:
                    found[each.place] = each
            if len(rows) < STEP_ROWS:
                return found
            after = rows[-1]
            if sum(hour_of(place.activity_us) > after.hour for place in found) > size:
                return found
        return found

    async def _placed(self, member_id: int, rows: Sequence[IndexedConversation]) -> list[_Found]:
        """Rows by where their conversations really are; a row that a crash has left behind is put right."""
        conversations = await self._conversations.get_many({row.conversation_id for row in rows})
        heads = await self._messages.heads(conversations.values())
        for row in rows:
            head = heads.get(row.conversation_id)
            if head is not None and hour_of(head.activity_us) > row.hour:
                INDEX_REPAIRED.inc()
                await self._conversations.reindex(member_id, row.conversation_id, row.hour, head)
        return [_Found(conversations[number], head) for number, head in heads.items()]

    async def _views(self, member_id: int, shown: Sequence[_Found]) -> list[ConversationView]:
        numbers = [each.conversation.conversation_id for each in shown]
        read = await self._conversations.read_sequences(member_id, numbers)
        return [
            ConversationView(each.conversation, self._seals.title(each.conversation), each.head, position)
            for each, position in zip(shown, read, strict=True)
        ]

    def _encoded(self, member_id: int, place: Place) -> str:
        values: dict[str, int | str] = {"activity": place.activity_us, "id": place.conversation_id}
        return self._cursors.encode(_ROUTE, member_id, values)

    def _decoded(self, member_id: int, token: str) -> Place | None:
        if not token:
            return None
        try:
            values = self._cursors.decode(_ROUTE, member_id, token)
        except InvalidCursor:
            raise InvalidField("page_token", "ERR_INVALID", "is not a token of this list") from None
        return Place(int(values["activity"]), int(values["id"]))
