"""/api/rookery/v1/conversations: who talks to whom, and what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.errors import invalid
from gateway_service.etags import json_with_etag
from gateway_service.params import Params, query_params, read_params
from gateway_service.routers.statuses import idempotency_key
from gateway_service.routing import Routes, json_response, path_id
from gateway_service.schemas import conversations as schemas
from rookery.messaging.v1.messaging_service_pb2 import (
    Conversation,
    CreateConversationRequest,
    GetConversationRequest,
    ListConversationsRequest,
    ListMessagesRequest,
    MarkReadRequest,
    Message,
    SendMessageRequest,
)
from rookery_common.auth import Identity
from rookery_common.errors import InvalidArgument
from rookery_common.ids import MAX_ID, uuid7

PATH = "/api/rookery/v1/conversations"
READ_SCOPE, WRITE_SCOPE = "read:statuses", "write:conversations"
CALL_SECONDS = 5.0
WRITE_SECONDS = 10.0
PAGE_CONVERSATIONS, MOST_CONVERSATIONS = 20, 40
PAGE_MESSAGES, MOST_MESSAGES = 40, 100
# One more than messaging takes, so that it is messaging that says how many there may be.
MAX_MEMBERS = 51
MAX_CURSOR_CHARS = 1024


class Conversations:
    """Conversations of the caller; what is another's is not found."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("conversations")
        one = f"{PATH}/{{id}}"
        routes.get(PATH, self.list, "conversations_list", "The caller's conversations, the latest activity first")
        routes.post(PATH, self.create, "conversations_create", "Begin a conversation")
        routes.get(one, self.get, "conversations_get", "One conversation")
        routes.get(f"{one}/messages", self.messages, "messages_list", "A conversation's messages by sequence")
        routes.post(f"{one}/messages", self.send, "messages_create", "Send a message")
        routes.post(f"{one}/read", self.read, "conversations_read", "Say how far one has read")
        self.router = routes.router

    async def list(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ_SCOPE)
        params = query_params(request)
        params.refuse_others("limit", "cursor")
        call = ListConversationsRequest(
            page_size=_limit(params, PAGE_CONVERSATIONS, MOST_CONVERSATIONS),
            page_token=params.text("cursor", MAX_CURSOR_CHARS) or "",
        )
        try:
            answer = await self._clients.messaging.call(
                "ListConversations", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
            )
        except InvalidArgument as error:
            if any(violation.field == "page_token" for violation in error.fields):
                raise invalid("cursor", "is not of this list") from None
            raise
        cursor = answer.next_page_token
        items = await self._shown(caller.identity, answer.conversations)
        link = {"Link": f'<{self._address(request)}?limit={call.page_size}&cursor={cursor}>; rel="next"'}
        return json_with_etag(request, schemas.page(items, cursor or None), link if cursor else None)

    async def create(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE_SCOPE)
        params = await self._body(request, "member_ids", "title")
        call = CreateConversationRequest(
            request_id=request_key(request),
            member_ids=params.ids("member_ids", MAX_MEMBERS),
            title=params.text("title") or "",
        )
        # Before anything is made: nobody is told to try again for what is there already.
        members = await self._composer.accounts_by_id(caller.identity, [caller.identity.account_id, *call.member_ids])
        answer = await self._clients.messaging.call(
            "CreateConversation", call, timeout=WRITE_SECONDS, idempotent=True, identity=caller.identity
        )
        made: Conversation = answer.conversation
        known = [members[member_id] for member_id in made.member_ids if member_id in members]
        return json_response(schemas.conversation(made, known))

    async def get(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ_SCOPE)
        query_params(request).refuse_others()
        answer = await self._clients.messaging.call(
            "GetConversation",
            GetConversationRequest(conversation_id=path_id(request)),
            timeout=CALL_SECONDS,
            idempotent=True,
            identity=caller.identity,
        )
        return json_with_etag(request, (await self._shown(caller.identity, [answer.conversation]))[0])

    async def messages(self, request: Request) -> Response:
        """After a sequence the oldest first, else before one (or the end) the newest first."""
        caller = await self._exchange.require_user(request, READ_SCOPE)
        params = query_params(request)
        params.refuse_others("limit", "after", "before")
        after, before = params.integer("after", 0, MAX_ID), params.integer("before", 0, MAX_ID)
        if after is not None and before is not None:
            raise invalid("before", "can't be asked for together with after")
        call = ListMessagesRequest(
            conversation_id=path_id(request),
            page_size=_limit(params, PAGE_MESSAGES, MOST_MESSAGES),
            after_sequence=after or 0,
            before_sequence=before or 0,
            oldest_first=after is not None,
        )
        answer = await self._clients.messaging.call(
            "ListMessages", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        items = [orjson.dumps(schemas.message_entity(message)) for message in answer.messages]
        return json_with_etag(
            request, b'{"items":[' + b",".join(items) + b"]}", self._link(request, call, answer.messages)
        )

    async def send(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE_SCOPE)
        params = await self._body(request, "text")
        call = SendMessageRequest(
            request_id=request_key(request), conversation_id=path_id(request), text=params.text("text") or ""
        )
        answer = await self._clients.messaging.call(
            "SendMessage", call, timeout=WRITE_SECONDS, idempotent=True, identity=caller.identity
        )
        return json_response(orjson.dumps(schemas.message_entity(answer.message)))

    async def read(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE_SCOPE)
        params = await self._body(request, "sequence")
        sequence = params.integer("sequence", 0, MAX_ID)
        if sequence is None:
            raise invalid("sequence", "can't be blank", "ERR_BLANK")
        call = MarkReadRequest(conversation_id=path_id(request), sequence=sequence)
        answer = await self._clients.messaging.call(
            "MarkRead", call, timeout=WRITE_SECONDS, idempotent=True, identity=caller.identity
        )
        return json_response(orjson.dumps({"read_sequence": answer.read_sequence}))

    async def _body(self, request: Request, *names: str) -> Params:
        params = await read_params(request, self._settings.max_body_bytes)
        params.refuse_others(*names)
        return params

    async def _shown(self, viewer: Identity, conversations: Sequence[Conversation]) -> Sequence[bytes]:
        """Asked for side by side: the calls for their members are batched."""
        members = await asyncio.gather(*(self._composer.accounts(viewer, each.member_ids) for each in conversations))
        return [schemas.conversation(each, accounts) for each, accounts in zip(conversations, members, strict=True)]

    def _address(self, request: Request) -> str:
        return f"{self._settings.public_url}{request.scope['path']}"

    def _link(self, request: Request, call: ListMessagesRequest, messages: Sequence[Message]) -> dict[str, str]:
        """`next` goes on in the direction of the page, `prev` the other way."""
        if not messages:
            return {}
        base = f"<{self._address(request)}?limit={call.page_size}"
        low, high = sorted((messages[0].sequence, messages[-1].sequence))
        links = [f'{base}&after={high}>; rel="{"next" if call.oldest_first else "prev"}"']
        if low > 1:
            links.append(f'{base}&before={low}>; rel="{"prev" if call.oldest_first else "next"}"')
        return {"Link": ", ".join(links)}


def request_key(request: Request) -> str:
    """The client's Idempotency-Key; without one, each request stands for itself."""
    return idempotency_key(request) or uuid7()


def _limit(params: Params, usual: int, most: int) -> int:
    return min(params.integer("limit", 1, 1_000_000) or usual, most)
