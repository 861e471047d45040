"""MessagingService over gRPC: requests to calls of the rules, and their results to responses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, Final

import grpc

from messaging_service.errors import UserRequired
from messaging_service.events import conversation_message, message_message
from messaging_service.models import ConversationDraft, Message, Notice
from messaging_service.service.conversations import Conversations
from messaging_service.service.inbox import Inbox
from messaging_service.service.messages import Messages
from rookery.messaging.v1 import messaging_service_pb2 as pb
from rookery.messaging.v1 import messaging_service_pb2_grpc as pb_grpc
from rookery_common.auth import Identity, require_identity
from rookery_common.live.hub import LiveHub
from rookery_common.live.serving import live_news
from rookery_common.live.streams import News

SERVICE_NAME: Final = "rookery.messaging.v1.MessagingService"
READ_SCOPE: Final = "read:statuses"
WRITE_SCOPE: Final = "write:conversations"
ALLOWED_CALLERS: Final = {"*": frozenset({"gateway"})}

Context = grpc.aio.ServicerContext[Any, Any]


class MessagingServicer(pb_grpc.MessagingServiceServicer):
    """One method for each RPC."""

    def __init__(
        self, conversations: Conversations, inbox: Inbox, messages: Messages, live: LiveHub[Notice, Message]
    ) -> None:
        self._conversations = conversations
        self._inbox = inbox
        self._messages = messages
        self._live = live

    async def CreateConversation(
        self, request: pb.CreateConversationRequest, context: Context
    ) -> pb.CreateConversationResponse:
        caller = require_user(WRITE_SCOPE)
        draft = ConversationDraft(request.request_id, tuple(request.member_ids), request.title)
        view = await self._conversations.create(caller, draft)
        return pb.CreateConversationResponse(conversation=conversation_message(view))

    async def ListConversations(
        self, request: pb.ListConversationsRequest, context: Context
    ) -> pb.ListConversationsResponse:
        caller = require_user(READ_SCOPE)
        views, token = await self._inbox.page(caller.account_id, request.page_size, request.page_token)
        return pb.ListConversationsResponse(conversations=map(conversation_message, views), next_page_token=token)

    async def GetConversation(self, request: pb.GetConversationRequest, context: Context) -> pb.GetConversationResponse:
        caller = require_user(READ_SCOPE)
        view = await self._conversations.get(caller.account_id, request.conversation_id)
        return pb.GetConversationResponse(conversation=conversation_message(view))

    async def SendMessage(self, request: pb.SendMessageRequest, context: Context) -> pb.SendMessageResponse:
        caller = require_user(WRITE_SCOPE)
        message = await self._messages.send(caller, request.conversation_id, request.request_id, request.text)
        return pb.SendMessageResponse(message=message_message(message))

    async def ListMessages(self, request: pb.ListMessagesRequest, context: Context) -> pb.ListMessagesResponse:
        caller = require_user(READ_SCOPE)
        messages = await self._messages.page(
            caller.account_id,
            request.conversation_id,
            request.page_size,
            after=request.after_sequence,
            before=request.before_sequence,
            oldest_first=request.oldest_first,
        )
        return pb.ListMessagesResponse(messages=map(message_message, messages))

    async def MarkRead(self, request: pb.MarkReadRequest, context: Context) -> pb.MarkReadResponse:
        caller = require_user(WRITE_SCOPE)
        read = await self._conversations.mark_read(caller.account_id, request.conversation_id, request.sequence)
        return pb.MarkReadResponse(read_sequence=read)

    async def StreamMessages(
        self, request_iterator: AsyncIterator[pb.StreamMessagesRequest], context: Context
    ) -> AsyncIterator[pb.StreamMessagesResponse]:
        async with aclosing(live_news(self._live, request_iterator)) as answers:
            async for news in answers:
                for response in _responses(news):
                    yield response


def _responses(news: Sequence[News[Message]]) -> list[pb.StreamMessagesResponse]:
    """Gaps in responses of their own, so that they come in their order between the messages."""
    responses = [pb.StreamMessagesResponse()]
    for each in news:
        if each.item is None:
            responses.append(pb.StreamMessagesResponse(gap_account_ids=each.account_ids))
            responses.append(pb.StreamMessagesResponse())
        else:
            responses[-1].deliveries.add(message=message_message(each.item), account_ids=each.account_ids)
    return [response for response in responses if response.ByteSize()] or responses[:1]


def require_user(scope: str) -> Identity:
    """The caller, whose token must have the scope. Raises UserRequired for an application's own token."""
    identity = require_identity(scope)
    if identity.account_id == 0:
        raise UserRequired
    return identity
