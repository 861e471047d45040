"""/api/rookery/v1/statuses/:id/reply_policy and /replies: what authors decide about replies in their threads."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compose.replies import POLICIES
from gateway_service.config import Settings
from gateway_service.errors import invalid
from gateway_service.params import query_params, read_params
from gateway_service.routing import Routes, json_response, path_id
from rookery.post.v1.reply_service_pb2 import RemoveReplyRequest, SetReplyPolicyRequest
from rookery_common.auth import Identity

CALL_SECONDS = 5.0
SCOPE = "write:statuses"
ONE = "/api/rookery/v1/statuses/{id}"


class Replies:
    """Lets authors say who may reply, and take replies out of their threads."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("statuses")
        routes.put(f"{ONE}/reply_policy", self.set_policy, "replies_set_policy", "Say who may reply in a thread")
        routes.delete(f"{ONE}/replies/{{reply_id}}", self.remove, "replies_remove", "Take a reply out of one's thread")
        self.router = routes.router

    async def set_policy(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        post_id = path_id(request)
        params = await read_params(request, self._settings.max_body_bytes)
        params.refuse_others("reply_policy")
        policy = params.choice("reply_policy", POLICIES)
        if policy is None:
            raise invalid("reply_policy", "can't be blank", "ERR_BLANK")
        before = await self._composer.before(caller.identity, post_id)
        call = SetReplyPolicyRequest(post_id=post_id, reply_policy=policy)
        answer = await self._call(caller.identity, "SetReplyPolicy", call)
        return json_response(await self._composer.made(caller.identity, answer.post, before))

    async def remove(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        query_params(request).refuse_others()
        call = RemoveReplyRequest(post_id=path_id(request), reply_post_id=path_id(request, "reply_id"))
        await self._call(caller.identity, "RemoveReply", call)
        return json_response(b"{}")

    async def _call(self, identity: Identity, method: str, call: Any) -> Any:
        return await self._clients.post.call(method, call, timeout=CALL_SECONDS, idempotent=True, identity=identity)
