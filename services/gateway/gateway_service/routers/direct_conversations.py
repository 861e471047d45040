"""/api/v1/conversations: threads of direct posts, as the caller has them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.errors import RecordNotFound
from gateway_service.paging import link_header
from gateway_service.params import query_params
from gateway_service.routing import Routes, json_array, json_response, path_id
from rookery.messaging.v1.direct_thread_service_pb2 import (
    BatchGetDirectThreadsRequest,
    ListDirectThreadsRequest,
    MarkDirectThreadRequest,
    RemoveDirectThreadRequest,
)
from rookery_common.auth import Identity

BASE = "/api/v1/conversations"
READ, WRITE = "read:statuses", "write:conversations"
LIMIT, MOST = 20, 40
CALL_SECONDS = 5.0
Endpoint = Callable[[Request], Awaitable[Response]]


class DirectConversationRoutes:
    """Lists the caller's conversations, marks them and takes them out of the list."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("conversations")
        one = f"{BASE}/{{id}}"
        routes.get(BASE, self.get_many, "direct_list", "Threads of direct posts, by the latest")
        routes.delete(one, self.remove, "direct_remove", "Take a thread out of one's list, until its next post")
        routes.post(f"{one}/read", self.read, "direct_read", "Mark a thread as read")
        routes.post(f"{one}/unread", self.unread, "direct_unread", "Mark a thread as unread")
        self.router = routes.router

    async def get_many(self, request: Request) -> Response:
        """A page is short by what the caller is not shown."""
        caller = await self._exchange.require_user(request, READ)
        page = query_params(request).page(LIMIT, MOST)
        call = ListDirectThreadsRequest(
            limit=page.limit, max_id=page.max_id or 0, since_id=page.since_id or 0, min_id=page.min_id or 0
        )
        answer = await self._call("ListDirectThreads", call, caller.identity)
        ids = [thread.posts[0].post_id for thread in answer.threads]
        is_full = len(ids) == page.limit or bool(call.min_id)
        link = link_header(
            self._settings.public_url,
            request,
            older=ids[-1] if ids and is_full else None,
            newer=ids[0] if ids else None,
        )
        shown = await self._composer.conversations(caller.identity, answer.threads)
        return json_array(list(shown.values()), link)

    async def remove(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        await self._call("RemoveDirectThread", RemoveDirectThreadRequest(thread_id=path_id(request)), caller.identity)
        return json_response(b"{}")

    async def read(self, request: Request) -> Response:
        return await self._mark(request, unread=False)

    async def unread(self, request: Request) -> Response:
        return await self._mark(request, unread=True)

    async def _mark(self, request: Request, *, unread: bool) -> Response:
        """What is answered is composed before, so that nothing is refused that was done."""
        caller = await self._exchange.require_user(request, WRITE)
        thread_id = path_id(request)
        found = await self._call(
            "BatchGetDirectThreads", BatchGetDirectThreadsRequest(thread_ids=[thread_id]), caller.identity
        )
        for thread in found.threads:
            thread.unread = unread
        shown = await self._composer.conversations(caller.identity, found.threads)
        if thread_id not in shown:
            raise RecordNotFound
        call = MarkDirectThreadRequest(thread_id=thread_id, unread=unread)
        await self._call("MarkDirectThread", call, caller.identity)
        return json_response(shown[thread_id])

    async def _call(self, method: str, call: Any, identity: Identity) -> Any:
        return await self._clients.messaging.call(
            method, call, timeout=CALL_SECONDS, idempotent=True, identity=identity
        )
