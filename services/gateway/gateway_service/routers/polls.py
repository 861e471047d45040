"""/api/v1/polls: what is asked, and votes."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.params import read_params
from gateway_service.routers.statuses import idempotency_key
from gateway_service.routing import Routes, json_response, path_id
from gateway_service.schemas.instance import MAX_POLL_OPTIONS
from rookery.post.v1.poll_service_pb2 import VoteInPollRequest

CALL_SECONDS = 5.0


class Polls:
    """Shows polls, each by its post's id, and takes votes."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("polls")
        routes.get("/api/v1/polls/{id}", self.get, "polls_get", "One poll")
        routes.post("/api/v1/polls/{id}/votes", self.vote, "polls_vote", "Vote in a poll")
        self.router = routes.router

    async def get(self, request: Request) -> Response:
        viewer = await self._exchange.viewer(request, "read:statuses")
        return json_response(await self._composer.poll(viewer, path_id(request)))

    async def vote(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:statuses")
        post_id = path_id(request)
        params = await read_params(request, self._settings.max_body_bytes)
        choices = params.integers("choices", 0, MAX_POLL_OPTIONS - 1, MAX_POLL_OPTIONS)
        call = VoteInPollRequest(post_id=post_id, choices=choices, request_id=idempotency_key(request))
        before = await self._composer.before(caller.identity, post_id)  # Not found, if the caller is not shown it.
        await self._clients.post.call(
            "VoteInPoll", call, timeout=CALL_SECONDS, idempotent=bool(call.request_id), identity=caller.identity
        )
        return json_response(await self._composer.voted(caller.identity, post_id, before, choices))
