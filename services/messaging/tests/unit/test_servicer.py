"""The service as the gateway sees it: through real stubs, tokens and interceptors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from messaging_service.models import Notice
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.messages import MessageRepository
from messaging_service.service.conversations import Conversations
from messaging_service.service.inbox import Inbox
from messaging_service.service.live import MessageLoader
from messaging_service.service.messages import Messages
from messaging_service.service.seals import Seals
from messaging_service.servicer import ALLOWED_CALLERS, SERVICE_NAME, MessagingServicer
from rookery.messaging.v1 import messaging_service_pb2 as pb
from rookery.messaging.v1.messaging_service_pb2_grpc import (
    MessagingServiceStub,
    add_MessagingServiceServicer_to_server,
)
from rookery_common.auth import Identity
from rookery_common.clock import SystemClock
from rookery_common.errors import AppError, InvalidArgument, Status
from rookery_common.live import serving as module
from rookery_common.live.hub import LiveHub
from rookery_common.live.streams import LiveStreams
from rookery_common.rpc.client import RpcClient
from rookery_common.testing.rpc import Network, Tokens, settings_of

ALICE, BOB, STRANGER = 101, 102, 104
Clients = dict[str, RpcClient]


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def signed(tokens: Tokens) -> Identity:
    return tokens.identity(ALICE)


@pytest_asyncio.fixture
async def clients(
    conversations: Conversations,
    inbox: Inbox,
    messages: Messages,
    streams: LiveStreams[Notice],
    conversation_rows: ConversationRepository,
    message_rows: MessageRepository,
    seals: Seals,
    tokens: Tokens,
) -> AsyncIterator[Clients]:
    """The service behind real gRPC, as gateway and search call it."""
    live = LiveHub(streams, MessageLoader(conversation_rows, message_rows, seals), SystemClock())
    await live.start()
    servicer = MessagingServicer(conversations, inbox, messages, live)
    registration = (add_MessagingServiceServicer_to_server, servicer, SERVICE_NAME)
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        server = await network.serve(registration, settings=settings_of("messaging"), allowed_callers=ALLOWED_CALLERS)
        yield {
            name: await network.client(
                server.port, MessagingServiceStub, service="messaging", settings=settings_of(name)
            )
            for name in ("gateway", "search")
        }
    await live.stop()


async def call(clients: Clients, method: str, request: Any, identity: Identity | None) -> Any:
    return await clients["gateway"].call(method, request, timeout=5, identity=identity)


@pytest_asyncio.fixture
async def conversation_id(clients: Clients, signed: Identity) -> int:
    request = pb.CreateConversationRequest(request_id="c", member_ids=[BOB, 103], title="Rooks")
    answer = await call(clients, "CreateConversation", request, signed)
    return int(answer.conversation.conversation_id)


async def test_a_conversation_is_made_shown_and_listed(
    clients: Clients, signed: Identity, tokens: Tokens, conversation_id: int
) -> None:
    bob = tokens.identity(BOB)
    got = await call(clients, "GetConversation", pb.GetConversationRequest(conversation_id=conversation_id), bob)
    shown = got.conversation
    assert (shown.title, list(shown.member_ids), shown.creator_id) == ("Rooks", [101, 102, 103], ALICE)
    assert shown.create_time.seconds > 0
    listed = await call(clients, "ListConversations", pb.ListConversationsRequest(page_size=10), bob)
    assert (list(listed.conversations), listed.next_page_token) == ([shown], "")


async def test_a_message_is_sent_listed_and_read(
    clients: Clients, signed: Identity, tokens: Tokens, conversation_id: int
) -> None:
    sent = []
    for number in range(3):
        request = pb.SendMessageRequest(
            request_id=f"r{number}", conversation_id=conversation_id, text=f"number {number}"
        )
        answer = await call(clients, "SendMessage", request, signed)
        assert (await call(clients, "SendMessage", request, signed)).message == answer.message
        sent.append(answer.message)
    assert [(message.sequence, message.text, message.sender_id) for message in sent] == [
        (number + 1, f"number {number}", ALICE) for number in range(3)
    ]
    bob = tokens.identity(BOB)
    for bounds, expected in (
        ({}, sent[::-1]),
        ({"oldest_first": True}, sent),
        ({"after_sequence": 1}, sent[1:]),
        ({"before_sequence": 3}, sent[1::-1]),
        ({"page_size": 1}, sent[2:]),
    ):
        asked = pb.ListMessagesRequest(conversation_id=conversation_id, **bounds)
        assert list((await call(clients, "ListMessages", asked, bob)).messages) == expected
    for sequence, position in ((2, 2), (1, 2), (3, 3)):
        mark = pb.MarkReadRequest(conversation_id=conversation_id, sequence=sequence)
        assert (await call(clients, "MarkRead", mark, bob)).read_sequence == position


async def test_a_stranger_is_told_that_there_is_nothing(clients: Clients, tokens: Tokens, conversation_id: int) -> None:
    for method, request in (
        ("GetConversation", pb.GetConversationRequest(conversation_id=conversation_id)),
        ("SendMessage", pb.SendMessageRequest(request_id="r", conversation_id=conversation_id, text="Caw")),
        ("ListMessages", pb.ListMessagesRequest(conversation_id=conversation_id)),
        ("MarkRead", pb.MarkReadRequest(conversation_id=conversation_id)),
    ):
        with pytest.raises(AppError) as caught:
            await call(clients, method, request, tokens.identity(STRANGER))
        assert (caught.value.status, caught.value.reason) == (Status.NOT_FOUND, "CONVERSATION_NOT_FOUND")
    listed = await call(clients, "ListConversations", pb.ListConversationsRequest(), tokens.identity(STRANGER))
    assert not listed.conversations


async def test_each_call_needs_a_user_and_its_scope(clients: Clients, tokens: Tokens) -> None:
    writes = {
        "CreateConversation": pb.CreateConversationRequest(),
        "SendMessage": pb.SendMessageRequest(),
        "MarkRead": pb.MarkReadRequest(),
    }
    reads = {
        "ListConversations": pb.ListConversationsRequest(),
        "GetConversation": pb.GetConversationRequest(),
        "ListMessages": pb.ListMessagesRequest(),
    }
    for method, request in {**writes, **reads}.items():
        scope = "read" if method in writes else "write"
        for identity, reason in (
            (tokens.identity(ALICE, scopes=[scope]), "SCOPE_MISSING"),
            (tokens.identity(0), "USER_REQUIRED"),
            (None, "UNAUTHENTICATED"),
        ):
            with pytest.raises(AppError) as caught:
                await call(clients, method, request, identity)
            assert caught.value.reason == reason


async def test_only_the_gateway_may_call(clients: Clients, signed: Identity) -> None:
    with pytest.raises(AppError) as caught:
        await clients["search"].call("GetConversation", pb.GetConversationRequest(), timeout=5, identity=signed)
    assert caught.value.reason == "CALLER_NOT_ALLOWED"


async def test_a_stream_brings_the_messages_of_its_accounts_and_beats(
    clients: Clients,
    signed: Identity,
    conversation_id: int,
    streams: LiveStreams[Notice],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.05)
    said: asyncio.Queue[pb.StreamMessagesRequest | None] = asyncio.Queue()

    async def requests() -> AsyncIterator[pb.StreamMessagesRequest]:
        while (request := await said.get()) is not None:
            yield request

    answers = clients["gateway"].stream("StreamMessages", requests(), silence=30)
    async with asyncio.timeout(30):
        assert await anext(answers) == pb.StreamMessagesResponse()
        said.put_nowait(pb.StreamMessagesRequest(subscribe_account_ids=[BOB]))
        assert await anext(answers) == pb.StreamMessagesResponse()
        request = pb.SendMessageRequest(request_id="r", conversation_id=conversation_id, text="Caw")
        sent = (await call(clients, "SendMessage", request, signed)).message
        (delivery,) = (await _next_news(answers)).deliveries
        assert delivery == pb.MessageDelivery(message=sent, account_ids=[BOB])
        await streams.publish([], lost=1)
        await call(
            clients,
            "SendMessage",
            pb.SendMessageRequest(request_id="s", conversation_id=conversation_id, text="!"),
            signed,
        )
        assert list((await _next_news(answers)).gap_account_ids) == [BOB]
        assert [each.message.sequence for each in (await _next_news(answers)).deliveries] == [2]
        said.put_nowait(None)
        assert [answer async for answer in answers if answer.deliveries] == []


async def _next_news(answers: AsyncIterator[pb.StreamMessagesResponse]) -> pb.StreamMessagesResponse:
    async for answer in answers:
        if answer.ByteSize():
            return answer
    raise AssertionError("the stream ended")


@pytest.mark.parametrize("account_ids", [[1, 2, 3, 4, 5], [0]])
async def test_a_stream_of_too_many_accounts_or_of_none_such_is_refused(
    clients: Clients, monkeypatch: pytest.MonkeyPatch, account_ids: list[int]
) -> None:
    monkeypatch.setattr(module, "MAX_ACCOUNTS", 4)
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.05)

    async def requests() -> AsyncIterator[pb.StreamMessagesRequest]:
        yield pb.StreamMessagesRequest(subscribe_account_ids=account_ids)
        await asyncio.sleep(60)

    with pytest.raises(InvalidArgument):
        async for _ in clients["gateway"].stream("StreamMessages", requests(), silence=30):
            pass
