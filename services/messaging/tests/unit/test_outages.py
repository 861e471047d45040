"""Without Redis messages are sent and read; without the database both are refused at once, as unavailable."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from messaging_service.models import ConversationDraft
from messaging_service.service.conversations import Conversations
from messaging_service.service.inbox import Inbox
from messaging_service.service.messages import Messages
from rookery_common.auth import Identity
from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from tests.unit.conftest import Store


@pytest.fixture
async def conversation_id(conversations: Conversations, alice: Identity) -> int:
    view = await conversations.create(alice, ConversationDraft("c", (102, 103), ""))
    return view.conversation.conversation_id


async def test_without_redis_messages_are_sent_and_read(
    messages: Messages, store: Store, conversation_id: int, alice: Identity
) -> None:
    store.away.add("redis")
    sent = [await messages.send(alice, conversation_id, f"r{number}", "Caw") for number in range(3)]
    assert await messages.page(102, conversation_id, 10, after=0, before=0, oldest_first=True) == sent


async def test_without_the_database_all_is_refused_quickly_and_goes_on_afterwards(
    conversations: Conversations,
    messages: Messages,
    inbox: Inbox,
    store: Store,
    conversation_id: int,
    alice: Identity,
) -> None:
    store.away.add("cql")
    started = time.monotonic()
    for refused in (
        messages.send(alice, conversation_id, "r", "Caw"),
        messages.page(102, conversation_id, 10, after=0, before=0, oldest_first=True),
        conversations.get(101, conversation_id),
        conversations.create(alice, ConversationDraft("d", (102,), "")),
        inbox.page(101, 10, ""),
    ):
        with pytest.raises(Unavailable):
            await refused
    assert time.monotonic() - started < 1
    store.away.clear()
    assert (await messages.send(alice, conversation_id, "r", "Caw")).sequence == 1
