"""What a deleted account has said is erased, a bucket at a time; conversations stay those of the others."""

from __future__ import annotations

from typing import Any

import pytest

from messaging_service import models
from messaging_service.errors import ConversationNotFound, NobodyLeft
from messaging_service.models import TOP, ConversationDraft
from messaging_service.repository import messages as messages_module
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.messages import MessageRepository
from messaging_service.service import message_log
from messaging_service.service.conversations import Conversations
from messaging_service.service.erase_account import AccountErasure
from messaging_service.service.inbox import Inbox
from messaging_service.service.messages import Messages
from rookery_common.auth import Identity
from rookery_common.clock import SystemClock
from rookery_common.erasure import Eraser, StepwiseEraser


class _Slow(SystemClock):
    """A second passes between any two looks at it, so that each call takes one step."""

    _looks = 0.0

    def monotonic(self) -> float:
        self._looks += 1
        return self._looks


@pytest.fixture
def eraser(conversation_rows: ConversationRepository, message_rows: MessageRepository) -> Eraser:
    return StepwiseEraser(AccountErasure(conversation_rows, message_rows).steps, _Slow())


async def _erase(eraser: Eraser, account: Identity) -> list[int]:
    """How much each call erased, until it was done."""
    amounts, done = [], False
    while not done:
        done, amount = await eraser.erase(account.account_id)
        amounts.append(amount)
    return amounts


async def _said(messages: Messages, who: Identity, conversation_id: int) -> list[tuple[int, str, bool]]:
    found = await messages.page(who.account_id, conversation_id, 100, after=0, before=0, oldest_first=True)
    return [(each.sequence, each.text, each.deleted) for each in found]


async def test_texts_are_gone_for_all_and_sequences_and_what_others_said_stay(
    eraser: Eraser,
    conversations: Conversations,
    messages: Messages,
    inbox: Inbox,
    alice: Identity,
    bob: Identity,
    carol: Identity,
) -> None:
    draft = ConversationDraft("all", (bob.account_id, carol.account_id), "The nest")
    made = (await conversations.create(alice, draft)).conversation.conversation_id
    for number, who in enumerate((alice, bob, alice, carol)):
        await messages.send(who, made, f"{number}", f"Number {number}")
    assert await _erase(eraser, alice) == [2, 0]
    assert await _said(messages, bob, made) == [
        (1, "", True),
        (2, "Number 1", False),
        (3, "", True),
        (4, "Number 3", False),
    ]
    view = await conversations.get(bob.account_id, made)
    assert (view.conversation.member_ids, view.title) == ((bob.account_id, carol.account_id), "The nest")
    with pytest.raises(ConversationNotFound):
        await conversations.get(alice.account_id, made)
    sent = await messages.send(carol, made, "later", "Who was that?")
    assert sent.sequence == 5
    assert (await inbox.page(alice.account_id, 10, ""))[0] == []
    assert len((await inbox.page(bob.account_id, 10, ""))[0]) == 1
    assert await _erase(eraser, alice) == [0]


async def test_a_long_conversation_is_erased_bucket_by_bucket_and_gone_on_with(
    eraser: Eraser,
    conversations: Conversations,
    messages: Messages,
    alice: Identity,
    bob: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (messages_module, message_log, models):
        monkeypatch.setattr(module, "BUCKET_MESSAGES", 3)
    made = (await conversations.create(alice, ConversationDraft("one", (bob.account_id,), ""))).conversation
    for number in range(4):
        for who in (alice, bob):
            await messages.send(who, made.conversation_id, f"{number}", f"{number}")
    assert (await eraser.erase(alice.account_id)) == (False, 2)
    assert await _erase(eraser, alice) == [1, 1, 0]
    texts = [text for _, text, _ in await _said(messages, bob, made.conversation_id)]
    assert texts == ["", "0", "", "1", "", "2", "", "3"]


async def test_nobody_is_left_to_write_to_where_the_other_of_two_is_gone(
    eraser: Eraser,
    conversations: Conversations,
    conversation_rows: ConversationRepository,
    messages: Messages,
    alice: Identity,
    bob: Identity,
    people: Any,
) -> None:
    made = (await conversations.create(bob, ConversationDraft("two", (alice.account_id,), ""))).conversation
    await messages.send(bob, made.conversation_id, "before", "Hello?")
    await conversations.mark_read(alice.account_id, made.conversation_id, 1)
    await _erase(eraser, alice)
    with pytest.raises(NobodyLeft):
        await messages.send(bob, made.conversation_id, "after", "Hello?")
    assert await _said(messages, bob, made.conversation_id) == [(1, "Hello?", False)]
    assert await conversation_rows.read_sequence(made.conversation_id, alice.account_id) == 0
    assert await conversation_rows.indexed(alice.account_id, TOP, 10) == []
    assert len(await conversation_rows.indexed(bob.account_id, TOP, 10)) == 1
