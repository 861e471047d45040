"""Messages as they are sent, on open streams. Runs over the fakes, and from tests/engine over the engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from messaging_service.models import ConversationDraft, Message, Notice
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.messages import MessageRepository
from messaging_service.service.conversations import Conversations
from messaging_service.service.live import MessageLoader
from messaging_service.service.messages import Messages
from messaging_service.service.seals import Seals
from rookery_common.auth import Identity
from rookery_common.clock import SystemClock
from rookery_common.errors import Unavailable
from rookery_common.live.hub import LiveHub, Subscription
from rookery_common.live.streams import LiveStreams, News

ALICE, BOB, STRANGER = 101, 102, 104
Hub = LiveHub[Notice, Message]


@pytest.fixture
async def hub(
    streams: LiveStreams[Notice],
    conversation_rows: ConversationRepository,
    message_rows: MessageRepository,
    seals: Seals,
) -> AsyncIterator[Hub]:
    found = LiveHub(streams, MessageLoader(conversation_rows, message_rows, seals), SystemClock())
    await found.start()
    await found.ready()
    yield found
    await found.stop()


@pytest.fixture
async def conversation_id(conversations: Conversations, alice: Identity) -> int:
    view = await conversations.create(alice, ConversationDraft("c", (BOB,), ""))
    return view.conversation.conversation_id


async def taken(subscription: Subscription[Message], count: int) -> list[News[Message]]:
    """What came, once there are so many for all accounts together: members of one shard share news, others don't."""
    found: list[News[Message]] = []
    async with asyncio.timeout(30):
        while sum(len(news.account_ids) for news in found) < count:
            found += await subscription.take(1)
    return found


async def test_a_message_reaches_the_members_that_a_stream_serves(
    hub: Hub, messages: Messages, conversation_id: int, alice: Identity
) -> None:
    both, one, none = hub.open(), hub.open(), hub.open()
    both.add([ALICE, BOB, STRANGER])
    one.add([BOB])
    none.add([STRANGER])
    sent = [await messages.send(alice, conversation_id, f"r{number}", f"number {number}") for number in range(3)]
    assert await taken(one, 3) == [News([BOB], message) for message in sent]
    found = await taken(both, 6)
    for account in (ALICE, BOB):
        assert [news.item for news in found if account in news.account_ids] == sent
    assert await none.take(0.05) == ()


async def test_a_message_that_is_not_there_or_cannot_be_read_is_told_as_a_gap(
    hub: Hub,
    message_rows: MessageRepository,
    streams: LiveStreams[Notice],
    messages: Messages,
    conversation_id: int,
    alice: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subscription = hub.open()
    subscription.add([BOB])
    await streams.publish([([ALICE, BOB], Notice(conversation_id, 7))])
    assert await taken(subscription, 1) == [News([BOB], None)]
    sent = await messages.send(alice, conversation_id, "r", "Caw")
    assert await taken(subscription, 1) == [News([BOB], sent)]

    async def away(*_args: object) -> None:
        raise Unavailable("the database is away")

    monkeypatch.setattr(message_rows, "get_many", away)
    await streams.publish([([ALICE, BOB], Notice(conversation_id, 1))])
    assert await taken(subscription, 1) == [News([BOB], None)]
