"""Conversations are made once and shown to members. Runs over the fakes, and from tests/engine over the engines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from messaging_service.errors import (
    Blocked,
    ConversationNotFound,
    IdempotencyConflict,
    InvalidField,
    MemberNotFound,
)
from messaging_service.models import ConversationDraft
from messaging_service.service.conversations import Conversations
from messaging_service.service.messages import Messages
from rookery.messaging.v1.events_pb2 import ConversationCreated
from rookery_common.auth import Identity
from rookery_common.errors import Unavailable
from rookery_common.kafka.events import Event

if TYPE_CHECKING:
    from tests.conftest import People

Told = Callable[[], Awaitable[list[Event]]]
GROUP = ConversationDraft("group", (103, 102, 102), "  Rooks and crows ")


async def test_a_conversation_is_shown_to_its_members(
    conversations: Conversations, alice: Identity, carol: Identity
) -> None:
    made = await conversations.create(alice, GROUP)
    assert (made.title, made.conversation.member_ids) == ("Rooks and crows", (101, 102, 103))
    assert (made.conversation.creator_id, made.head.sequence, made.read_sequence) == (101, 0, 0)
    shown = await conversations.get(103, made.conversation.conversation_id)
    assert shown == made


async def test_a_conversation_is_told_of_once_without_its_title(
    conversations: Conversations, alice: Identity, told: Told
) -> None:
    made = (await conversations.create(alice, GROUP)).conversation
    await conversations.create(alice, GROUP)
    (event,) = await told()
    message = event.decode()
    assert isinstance(message, ConversationCreated)
    assert (event.key, event.event_id) == (str(made.conversation_id), made.event_id)
    assert (list(message.member_ids), message.creator_id) == ([101, 102, 103], 101)
    assert (message.version, event.version) == (made.created_us, made.created_us)
    assert b"Rooks" not in event.payload


async def test_the_same_request_makes_one_conversation(
    conversations: Conversations, alice: Identity, bob: Identity
) -> None:
    made = await asyncio.gather(*(conversations.create(alice, GROUP) for _ in range(5)))
    assert len({view.conversation for view in made}) == 1
    another = await conversations.create(bob, ConversationDraft("group", (101, 103), "Rooks and crows"))
    assert another.conversation != made[0].conversation


async def test_the_same_request_id_for_another_conversation_is_a_conflict(
    conversations: Conversations, alice: Identity
) -> None:
    await conversations.create(alice, GROUP)
    for others, title in (((102,), GROUP.title), (GROUP.others, "Another")):
        with pytest.raises(IdempotencyConflict):
            await conversations.create(alice, ConversationDraft("group", others, title))


async def test_two_have_one_conversation_without_a_title_also_if_both_begin_it_at_once(
    conversations: Conversations, alice: Identity, bob: Identity, told: Told
) -> None:
    made = await asyncio.gather(
        *(conversations.create(alice, ConversationDraft(f"a{n}", (102,), "")) for n in range(3)),
        *(conversations.create(bob, ConversationDraft(f"b{n}", (101,), " ")) for n in range(3)),
    )
    assert len({view.conversation for view in made}) == 1
    assert len(await told()) == 1
    titled = await conversations.create(alice, ConversationDraft("c", (102,), "Business"))
    assert titled.conversation != made[0].conversation


async def test_members_must_exist_and_a_refused_request_leaves_its_id_free(
    conversations: Conversations, alice: Identity
) -> None:
    with pytest.raises(MemberNotFound):
        await conversations.create(alice, ConversationDraft("r", (102, 5000), ""))
    await conversations.create(alice, ConversationDraft("r", (102,), ""))


@pytest.mark.parametrize("pair", [(101, 103), (103, 101)])
async def test_who_blocks_or_is_blocked_is_not_talked_to(
    conversations: Conversations, people: People, alice: Identity, pair: tuple[int, int]
) -> None:
    people.blocks.add(pair)
    for others in ((103,), (102, 103)):
        with pytest.raises(Blocked):
            await conversations.create(alice, ConversationDraft("r", others, ""))


async def test_without_user_nothing_is_begun(conversations: Conversations, people: People, alice: Identity) -> None:
    people.away = True
    with pytest.raises(Unavailable):
        await conversations.create(alice, ConversationDraft("r", (102,), ""))


async def test_a_stranger_finds_nothing(conversations: Conversations, alice: Identity) -> None:
    number = (await conversations.create(alice, GROUP)).conversation.conversation_id
    for caller_id, conversation_id in ((104, number), (101, number + 1), (101, 0), (101, -1)):
        with pytest.raises(ConversationNotFound):
            await conversations.get(caller_id, conversation_id)
        with pytest.raises(ConversationNotFound):
            await conversations.mark_read(caller_id, conversation_id, 0)


async def test_what_was_read_never_goes_back(conversations: Conversations, messages: Messages, alice: Identity) -> None:
    number = (await conversations.create(alice, GROUP)).conversation.conversation_id
    for count in range(5):
        await messages.send(alice, number, f"r{count}", "Caw")
    positions = await asyncio.gather(*(conversations.mark_read(102, number, sequence) for sequence in (3, 1, 5, 2, 4)))
    assert max(positions) == 5
    assert await conversations.mark_read(102, number, 2) == 5
    assert await conversations.mark_read(102, number, 0) == 5
    assert (await conversations.get(102, number)).read_sequence == 5
    assert (await conversations.get(101, number)).read_sequence == 0
    for beyond in (6, -1):
        with pytest.raises(InvalidField):
            await conversations.mark_read(102, number, beyond)
