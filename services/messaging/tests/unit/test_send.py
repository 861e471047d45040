"""Messages get sequences without a gap, once each. Runs over the fakes, and from tests/engine over the engines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from messaging_service import models
from messaging_service.errors import (
    Blocked,
    ConversationNotFound,
    IdempotencyConflict,
    InvalidField,
)
from messaging_service.events import MessagingEvents, ToldMessage, told_of
from messaging_service.models import ConversationDraft, Head, Message, SealedMessage
from messaging_service.repository import messages as repository
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.messages import MessageRepository
from messaging_service.service import message_log as module
from messaging_service.service.conversations import Conversations
from messaging_service.service.message_log import MessageLog
from messaging_service.service.messages import Messages
from messaging_service.service.notices import Notices
from messaging_service.service.seals import Seals
from rookery_common.auth import Identity
from rookery_common.clients.calls import UnknownOutcome
from rookery_common.clock import SystemClock
from rookery_common.kafka.events import Event
from rookery_common.testing import FakeIds

if TYPE_CHECKING:
    from tests.conftest import People

SENDERS = 50
Replica = Callable[[], Messages]
Told = Callable[[], Awaitable[list[Event]]]


@pytest.fixture
def replica(
    conversations: Conversations,
    conversation_rows: ConversationRepository,
    message_rows: MessageRepository,
    notices: Notices,
    seals: Seals,
    events: MessagingEvents,
    ids: FakeIds,
) -> Replica:
    """Another process of the service, on the same engines: it shares no memory that decides about sequences."""

    def make() -> Messages:
        log = MessageLog(conversation_rows, message_rows, notices, seals, events, ids, SystemClock())
        return Messages(conversations, message_rows, log, seals)

    return make


@pytest.fixture
async def conversation_id(conversations: Conversations, alice: Identity) -> int:
    view = await conversations.create(alice, ConversationDraft("c", (102, 103), "Rooks"))
    return view.conversation.conversation_id


async def all_of(messages: Messages, account_id: int, conversation_id: int) -> list[Message]:
    """Everything, the oldest first, page by page."""
    found: list[Message] = []
    while page := await messages.page(
        account_id, conversation_id, 7, after=found[-1].sequence if found else 0, before=0, oldest_first=True
    ):
        found += page
    return found


@pytest.mark.parametrize("replicas", [1, 4])
async def test_fifty_senders_at_once_take_sequences_without_gap_or_repetition(
    replica: Replica,
    conversation_id: int,
    alice: Identity,
    bob: Identity,
    carol: Identity,
    told: Told,
    replicas: int,
) -> None:
    processes, callers = [replica() for _ in range(replicas)], [alice, bob, carol]
    sent = await asyncio.gather(
        *(processes[n % replicas].send(callers[n % 3], conversation_id, f"r{n}", f"number {n}") for n in range(SENDERS))
    )
    assert sorted(message.sequence for message in sent) == list(range(1, SENDERS + 1))
    stored = await all_of(processes[0], 101, conversation_id)
    assert stored == sorted(sent, key=lambda message: message.sequence)
    assert {message.text for message in stored} == {f"number {n}" for n in range(SENDERS)}
    times = [message.sent_us for message in stored]
    assert times == sorted(set(times))
    for caller in (bob, carol):
        assert await all_of(processes[-1], caller.account_id, conversation_id) == stored
    for process in processes:
        await process._log.stop()
    events = [each for event in await told() if isinstance(each := told_of(event), ToldMessage)]
    assert {(each.sequence, each.message_id) for each in events} == {(m.sequence, m.message_id) for m in stored}
    assert len(events) == SENDERS


async def test_a_repeated_request_gives_the_same_message_whichever_process_is_asked(
    replica: Replica, conversation_id: int, alice: Identity, bob: Identity
) -> None:
    one, two = replica(), replica()
    first = await one.send(alice, conversation_id, "key", "Caw")
    await two.send(bob, conversation_id, "key", "Caw")
    repeated = await asyncio.gather(
        *(process.send(alice, conversation_id, "key", "Caw") for process in (one, two, replica(), two))
    )
    assert set(repeated) == {first}
    with pytest.raises(IdempotencyConflict):
        await two.send(alice, conversation_id, "key", "Croak")
    assert len(await all_of(one, 101, conversation_id)) == 2


async def test_the_same_request_at_several_processes_at_once_sends_once(
    replica: Replica, conversation_id: int, alice: Identity
) -> None:
    processes = [replica() for _ in range(4)]
    sent = await asyncio.gather(
        *(processes[n % 4].send(alice, conversation_id, f"key-{n // 8}", "Caw") for n in range(40))
    )
    assert {message.sequence for message in sent} == {1, 2, 3, 4, 5}
    assert len({message.message_id for message in sent}) == 5


async def test_messages_go_on_in_the_next_bucket(
    replica: Replica,
    conversation_id: int,
    conversation_rows: ConversationRepository,
    alice: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for place in (models, repository, module):
        monkeypatch.setattr(place, "BUCKET_MESSAGES", 4)
    one, two = replica(), replica()
    sent = await asyncio.gather(*(one.send(alice, conversation_id, f"r{n}", f"number {n}") for n in range(18)))
    await one._log.stop()
    stored = await all_of(two, 101, conversation_id)
    assert [message.sequence for message in stored] == list(range(1, 19))
    assert set(stored) == set(sent)
    conversation = await conversation_rows.get(conversation_id)
    assert conversation is not None
    assert conversation.bucket_hint == 4
    assert (await two.send(alice, conversation_id, "last", "Good night")).sequence == 19
    assert (await one.send(alice, conversation_id, "r0", "number 0")).sequence == sent[0].sequence
    newest = await two.page(101, conversation_id, 7, after=0, before=0, oldest_first=False)
    assert [message.sequence for message in newest] == list(range(19, 12, -1))
    older = await two.page(101, conversation_id, 7, after=0, before=13, oldest_first=False)
    assert [message.sequence for message in older] == list(range(12, 5, -1))
    between = await two.page(101, conversation_id, 100, after=2, before=14, oldest_first=False)
    assert [message.sequence for message in between] == list(range(3, 14))


async def test_pages_end_where_the_messages_do(messages: Messages, conversation_id: int, alice: Identity) -> None:
    async def page(**bounds: int) -> list[int]:
        asked = {"after": 0, "before": 0, **bounds}
        found = await messages.page(101, conversation_id, 10, **asked, oldest_first=False)
        return [message.sequence for message in found]

    assert await page() == []
    assert await messages.page(101, conversation_id, 10, after=0, before=0, oldest_first=True) == []
    for number in range(3):
        await messages.send(alice, conversation_id, f"r{number}", "Caw")
    assert await page() == [3, 2, 1]
    assert await page(before=10**15) == [3, 2, 1]
    assert await page(before=1) == []
    assert await page(after=3) == []
    assert await page(after=10**15) == []
    for wrong in ({"after": -1}, {"before": -1}):
        with pytest.raises(InvalidField):
            await page(**wrong)
    with pytest.raises(InvalidField):
        await messages.page(101, conversation_id, 101, after=0, before=0, oldest_first=True)


async def test_only_members_send_and_read(messages: Messages, conversation_id: int, alice: Identity) -> None:
    await messages.send(alice, conversation_id, "r", "Caw")
    stranger = Identity(account_id=104, session_id=4, app_id=1)
    with pytest.raises(ConversationNotFound):
        await messages.send(stranger, conversation_id, "r", "Caw")
    with pytest.raises(ConversationNotFound):
        await messages.page(104, conversation_id, 10, after=0, before=0, oldest_first=True)


async def test_a_block_ends_a_conversation_of_two_with_the_next_message(
    conversations: Conversations, messages: Messages, people: People, alice: Identity, conversation_id: int
) -> None:
    direct = (await conversations.create(alice, ConversationDraft("d", (102,), ""))).conversation.conversation_id
    await messages.send(alice, direct, "r1", "Caw")
    people.blocks.add((102, 101))
    with pytest.raises(Blocked):
        await messages.send(alice, direct, "r2", "Caw?")
    await messages.send(alice, conversation_id, "r3", "Caw, all of you")


async def test_who_gives_up_holds_nobody_up(
    messages: Messages, conversation_id: int, alice: Identity, bob: Identity
) -> None:
    gone = [asyncio.ensure_future(messages.send(alice, conversation_id, f"a{n}", "Never mind")) for n in range(3)]
    stays = [asyncio.ensure_future(messages.send(bob, conversation_id, f"b{n}", "Still here")) for n in range(3)]
    await asyncio.sleep(0)
    for task in gone:
        task.cancel()
    sent = await asyncio.gather(*stays)
    stored = await all_of(messages, 101, conversation_id)
    assert [message.sequence for message in stored] == list(range(1, len(stored) + 1))
    assert set(sent) <= set(stored)


async def test_an_answer_that_is_lost_is_found_by_a_serial_read(
    messages: Messages,
    conversation_id: int,
    message_rows: MessageRepository,
    alice: Identity,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    append = message_rows.append

    async def applies_and_says_nothing(head: Head, group: list[SealedMessage]) -> bool:
        await append(head, group)
        raise UnknownOutcome("the database did not say")

    monkeypatch.setattr(message_rows, "append", applies_and_says_nothing)
    sent = [await messages.send(alice, conversation_id, f"r{n}", "Caw") for n in range(3)]
    assert [message.sequence for message in sent] == [1, 2, 3]
    assert await all_of(messages, 101, conversation_id) == sent
    assert len(await told()) == 4


async def test_a_write_that_was_lost_is_tried_again(
    replica: Replica,
    conversation_id: int,
    message_rows: MessageRepository,
    alice: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    append, lost = message_rows.append, [True, True]

    async def says_nothing_at_first(head: Head, group: list[SealedMessage]) -> bool:
        if lost:
            lost.pop()
            raise UnknownOutcome("the database did not say")
        return await append(head, group)

    monkeypatch.setattr(message_rows, "append", says_nothing_at_first)
    messages = replica()
    assert (await messages.send(alice, conversation_id, "r", "Caw")).sequence == 1
    assert len(await all_of(messages, 101, conversation_id)) == 1
