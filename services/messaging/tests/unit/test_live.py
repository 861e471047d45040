"""Messages as they are sent, on open streams. Runs over the fakes, and from tests/engine over the engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from messaging_service.models import ConversationDraft, Delivery, Notice
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.live import LiveStreams
from messaging_service.repository.messages import MessageRepository
from messaging_service.service import live as module
from messaging_service.service.conversations import Conversations
from messaging_service.service.live import LiveHub, Subscription
from messaging_service.service.messages import Messages
from messaging_service.service.notices import Notices
from messaging_service.service.seals import Seals
from rookery_common.auth import Identity
from rookery_common.clock import SystemClock
from rookery_common.errors import Unavailable

ALICE, BOB, STRANGER = 101, 102, 104


@pytest.fixture
async def hub(
    streams: LiveStreams,
    conversation_rows: ConversationRepository,
    message_rows: MessageRepository,
    seals: Seals,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[LiveHub]:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    found = LiveHub(streams, conversation_rows, message_rows, seals, SystemClock())
    await found.start()
    await asyncio.sleep(0.2)
    yield found
    await found.stop()


@pytest.fixture
async def conversation_id(conversations: Conversations, alice: Identity) -> int:
    view = await conversations.create(alice, ConversationDraft("c", (BOB,), ""))
    return view.conversation.conversation_id


async def taken(subscription: Subscription, count: int) -> list[Delivery]:
    found: list[Delivery] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            found += await subscription.take(1)
    return found


async def test_a_message_reaches_the_members_that_a_stream_serves(
    hub: LiveHub, messages: Messages, conversation_id: int, alice: Identity
) -> None:
    both, one, none = hub.open(), hub.open(), hub.open()
    both.add([ALICE, BOB, STRANGER])
    one.add([BOB])
    none.add([STRANGER])
    sent = [await messages.send(alice, conversation_id, f"r{number}", f"number {number}") for number in range(3)]
    assert await taken(one, 3) == [Delivery(message, [BOB]) for message in sent]
    found = await taken(both, 6 if any(len(each.account_ids) < 2 for each in await _peek(both)) else 3)
    assert {account for each in found for account in each.account_ids} == {ALICE, BOB}
    for account in (ALICE, BOB):
        assert [each.message for each in found if account in each.account_ids] == sent
    assert await none.take(0.05) == ()


async def _peek(subscription: Subscription) -> Sequence[Delivery]:
    """Members on one shard share a delivery, others don't."""
    await asyncio.sleep(0.1)
    return list(subscription._waiting)


async def test_what_was_lost_before_shows_as_a_gap(
    hub: LiveHub,
    streams: LiveStreams,
    notices: Notices,
    messages: Messages,
    conversation_id: int,
    alice: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subscription = hub.open()
    subscription.add([BOB])

    async def away(*_args: object, **_options: object) -> None:
        raise Unavailable("Redis is away")

    with monkeypatch.context() as patched:
        patched.setattr(streams, "publish", away)
        await messages.send(alice, conversation_id, "r1", "Lost on the way")
    sent = await messages.send(alice, conversation_id, "r2", "Caw")
    assert await taken(subscription, 2) == [Delivery(None, [BOB]), Delivery(sent, [BOB])]


async def test_a_message_that_cannot_be_read_is_told_as_a_gap(
    hub: LiveHub,
    message_rows: MessageRepository,
    streams: LiveStreams,
    conversation_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subscription = hub.open()
    subscription.add([BOB])

    async def away(*_args: object) -> None:
        raise Unavailable("the database is away")

    monkeypatch.setattr(message_rows, "get_many", away)
    await streams.publish([Notice(conversation_id, 1, [ALICE, BOB])])
    assert await taken(subscription, 1) == [Delivery(None, [BOB])]


async def test_a_slow_reader_is_told_of_a_gap_and_a_closed_stream_is_forgotten(
    hub: LiveHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    subscription = hub.open()
    subscription.add([ALICE, BOB])
    subscription.remove([ALICE])
    for _ in range(3):
        subscription.offer(Delivery(None, [STRANGER]))
    assert await subscription.take(1) == [Delivery(None, [BOB])]
    hub.close(subscription)
    assert subscription.accounts == set()
