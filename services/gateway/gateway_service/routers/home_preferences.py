"""/api/rookery/v1/feed/preferences: how one wants one's home."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.errors import invalid
from gateway_service.params import Params, query_params, read_params
from gateway_service.routing import Routes, json_response
from rookery.user.v1.preference_service_pb2 import (
    GetHomePreferencesRequest,
    HomePreferences,
    SetHomePreferencesRequest,
)
from rookery_common.ids import MAX_ID

PATH = "/api/rookery/v1/feed/preferences"
READ, WRITE = "read:accounts", "write:accounts"
CALL_SECONDS = 5.0
ORDERS = {"chronological": False, "ranked": True}
FEATURES = 20
AUTHORS = 1_000


class HomePreferencesRoutes:
    """Shows and changes them; user knows what they may be."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("timelines")
        routes.get(PATH, self.get, "feed_preferences_get", "How the caller wants the home")
        routes.put(PATH, self.put, "feed_preferences_put", "Say how one wants one's home")
        self.router = routes.router

    async def get(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        query_params(request).refuse_others()
        answer = await self._clients.user.call(
            "GetHomePreferences",
            GetHomePreferencesRequest(),
            timeout=CALL_SECONDS,
            idempotent=True,
            identity=caller.identity,
        )
        return json_response(_body(answer.preferences))

    async def put(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        wanted = _wanted(await read_params(request, self._settings.max_body_bytes))
        answer = await self._clients.user.call(
            "SetHomePreferences",
            SetHomePreferencesRequest(preferences=wanted),
            timeout=CALL_SECONDS,
            idempotent=True,
            identity=caller.identity,
        )
        self._composer.preferences.forget(caller.identity.account_id)
        return json_response(_body(answer.preferences))


def _wanted(params: Params) -> HomePreferences:
    """What is not named is as the platform has it. Raises InvalidArgument."""
    params.refuse_others("order", "reblogs", "replies", "ranking_weights", "author_weights")
    wanted = HomePreferences(
        ranked=params.choice("order", ORDERS) or False,
        without_reblogs=params.flag("reblogs") is False,
        without_replies=params.flag("replies") is False,
        ranking_weights=params.numbers("ranking_weights", FEATURES),
    )
    for author, weight in params.numbers("author_weights", AUTHORS).items():
        if not (author.isascii() and author.isdigit() and len(author) <= 19 and 0 < int(author) <= MAX_ID):
            raise invalid("author_weights", "must be by ids of accounts")
        wanted.author_weights[int(author)] = weight
    return wanted


def _body(preferences: HomePreferences) -> bytes:
    return orjson.dumps(
        {
            "order": "ranked" if preferences.ranked else "chronological",
            "reblogs": not preferences.without_reblogs,
            "replies": not preferences.without_replies,
            "ranking_weights": dict(preferences.ranking_weights),
            "author_weights": {str(author_id): weight for author_id, weight in preferences.author_weights.items()},
        }
    )
