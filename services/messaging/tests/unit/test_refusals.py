"""What is refused, before anything is written."""

from __future__ import annotations

import asyncio

import pytest

from messaging_service.errors import ConversationBusy, InvalidField, TooManyWaiting
from messaging_service.models import ConversationDraft, Head, SealedMessage
from messaging_service.repository.messages import MessageRepository
from messaging_service.service import message_log as module
from messaging_service.service.conversations import Conversations
from messaging_service.service.message_log import MessageLog
from messaging_service.service.messages import Messages
from rookery_common.auth import Identity
from rookery_common.clock import SystemClock


@pytest.fixture
async def conversation_id(conversations: Conversations, alice: Identity) -> int:
    view = await conversations.create(alice, ConversationDraft("c", (102, 103), "Rooks"))
    return view.conversation.conversation_id


@pytest.mark.parametrize(
    ("others", "title", "field"),
    [
        ((), "", "member_ids"),
        ((101,), "", "member_ids"),
        ((0, 102), "", "member_ids"),
        ((-5,), "", "member_ids"),
        (tuple(range(200, 250)), "", "member_ids"),
        ((102,), "x" * 101, "title"),
        ((102,), "two\nlines", "title"),
    ],
)
async def test_what_is_wrong_is_named(
    conversations: Conversations, alice: Identity, others: tuple[int, ...], title: str, field: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        await conversations.create(alice, ConversationDraft("r", others, title))
    assert [violation.field for violation in caught.value.fields] == [field]


async def test_a_title_may_have_any_picture(conversations: Conversations, alice: Identity) -> None:
    family = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL} at home"
    assert (await conversations.create(alice, ConversationDraft("r", (102,), family))).title == family


@pytest.mark.parametrize("request_id", ["", "x" * 201])
async def test_a_request_needs_an_id(conversations: Conversations, alice: Identity, request_id: str) -> None:
    with pytest.raises(InvalidField) as caught:
        await conversations.create(alice, ConversationDraft(request_id, (102,), ""))
    assert caught.value.fields[0].field == "request_id"


@pytest.mark.parametrize(
    ("text", "request_id"), [("", "r"), (" \n", "r"), ("x" * 5001, "r"), ("x", ""), ("x", "r" * 201)]
)
async def test_what_is_wrong_with_a_message_is_named(
    messages: Messages, conversation_id: int, alice: Identity, text: str, request_id: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        await messages.send(alice, conversation_id, request_id, text)
    assert caught.value.fields[0].field == ("text" if request_id == "r" else "request_id")


async def test_who_is_never_first_is_told_to_try_again(
    messages: Messages,
    message_log: MessageLog,
    conversation_id: int,
    message_rows: MessageRepository,
    alice: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def always_late(head: Head, group: list[SealedMessage]) -> bool:
        return False

    monkeypatch.setattr(message_rows, "append", always_late)
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(message_log, "_clock", SystemClock())
    with pytest.raises(ConversationBusy):
        await messages.send(alice, conversation_id, "r", "Caw")


async def test_only_so_many_wait_in_a_process(
    messages: Messages, conversation_id: int, alice: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    results = await asyncio.gather(
        *(messages.send(alice, conversation_id, f"r{n}", "Caw") for n in range(40)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, TooManyWaiting)]
    stored = await messages.page(101, conversation_id, 100, after=0, before=0, oldest_first=True)
    assert refused
    assert len(stored) + len(refused) == 40
