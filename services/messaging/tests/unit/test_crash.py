"""Death at every line between a pending event and its publishing: no gap, nothing twice, and all is told in the end.

Runs over the fakes at every line, and from tests/engine over the engines at some.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import pytest

from messaging_service import models
from messaging_service.events import MessagingEvents, ToldConversation, ToldMessage, told_of
from messaging_service.models import ConversationDraft
from messaging_service.repository import conversations as conversations_module
from messaging_service.repository import messages as messages_module
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.messages import MessageRepository
from messaging_service.service import conversations as making_module
from messaging_service.service import message_log as log_module
from messaging_service.service.conversations import Conversations
from messaging_service.service.inbox import Inbox
from messaging_service.service.message_log import MessageLog
from messaging_service.service.messages import Messages
from messaging_service.service.notices import Notices
from messaging_service.service.seals import Seals
from rookery_common.auth import Identity
from rookery_common.errors import AppError
from rookery_common.kafka.events import Event
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.crash import crash_at

PENDING_SECONDS = 61.0
Process = Callable[[], Messages]
Sweep = Callable[[], Awaitable[list[Event]]]
# What dies between making a coroutine and awaiting it never awaits it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class BriskClock(FakeClock):
    """Stands still, but whoever sleeps wakes soon."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.01)


@pytest.fixture
def clock() -> FakeClock:
    return BriskClock()


@pytest.fixture(autouse=True)
def collect() -> Iterator[None]:
    """What died half-way is collected here, not in the middle of something else, which the interpreter takes ill."""
    yield
    gc.collect()


@pytest.fixture
def process(
    conversations: Conversations,
    conversation_rows: ConversationRepository,
    message_rows: MessageRepository,
    notices: Notices,
    seals: Seals,
    events: MessagingEvents,
    ids: FakeIds,
    clock: FakeClock,
) -> Process:
    """A process of the service that has just started."""

    def make() -> Messages:
        log = MessageLog(conversation_rows, message_rows, notices, seals, events, ids, clock)
        return Messages(conversations, message_rows, log, seals)

    return make


async def test_after_a_crash_at_any_line_messages_have_no_gap_and_are_told_of(
    stride: int,
    patience: float,
    sweep: Sweep,
    process: Process,
    conversations: Conversations,
    inbox: Inbox,
    clock: FakeClock,
    alice: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models, "HOUR_US", 100_000_000)  # So that members' lists change every other time.
    view = await conversations.create(alice, ConversationDraft("c", (102,), ""))
    number = view.conversation.conversation_id
    must_be_there = set()
    for line in range(1, 2000, stride):
        clock.advance(PENDING_SECONDS)
        async with crash_at(line, log_module, messages_module) as point:
            with suppress(AppError, TimeoutError):  # As the caller sees the death of the process.
                await asyncio.wait_for(process().send(alice, number, f"key-{line}", f"text {line}"), patience)
        if point.happened and line % 2:  # The client of every other crash never comes back.
            continue
        survivor = process()
        sent = await survivor.send(alice, number, f"key-{line}", f"text {line}")
        assert await survivor.send(alice, number, f"key-{line}", f"text {line}") == sent
        must_be_there.add(f"text {line}")
        if not point.happened:
            break
    assert line > 40
    clock.advance(2 * PENDING_SECONDS)
    published = await sweep()
    stored = [
        message
        for page in range(10)
        for message in await process().page(102, number, 100, after=page * 100, before=0, oldest_first=True)
    ]
    assert [message.sequence for message in stored] == list(range(1, len(stored) + 1))
    texts = [message.text for message in stored]
    assert len(set(texts)) == len(texts)
    assert must_be_there <= set(texts)
    told = {(each.sequence, each.message_id) for event in published if isinstance(each := told_of(event), ToldMessage)}
    assert told == {(message.sequence, message.message_id) for message in stored}
    for member in (101, 102):
        ((listed,), _) = await inbox.page(member, 10, "")
        assert listed.head.sequence == len(stored)


async def test_after_a_crash_at_any_line_a_conversation_is_made_once_and_told_of(
    stride: int,
    sweep: Sweep,
    conversations: Conversations,
    inbox: Inbox,
    clock: FakeClock,
    alice: Identity,
) -> None:
    made = set()
    for line in range(1, 2000, stride):
        clock.advance(PENDING_SECONDS)
        # Of two alone, or of three: each has its own way to an id.
        draft = ConversationDraft(f"key-{line}", (200 + line,) if line % 3 else (102, 103), "")
        async with crash_at(line, making_module, conversations_module) as point:
            await conversations.create(alice, draft)
        if point.happened and line % 2:
            continue
        view = await conversations.create(alice, draft)
        assert (await conversations.create(alice, draft)).conversation == view.conversation
        made.add(view.conversation.conversation_id)
        if not point.happened:
            break
    assert line > 40
    clock.advance(2 * PENDING_SECONDS)
    published = await sweep()
    listed, token = await inbox.page(101, 40, "")
    while token:
        page, token = await inbox.page(101, 40, token)
        listed += page
    stored = {each.conversation.conversation_id for each in listed}
    told = [each.conversation_id for event in published if isinstance(each := told_of(event), ToldConversation)]
    assert len(stored) == len(listed)
    assert made <= stored
    assert set(told) == stored
