"""/api/v2/suggestions: whom the caller may want to follow."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.lists import MOST_ACCOUNTS, PAGE_ACCOUNTS
from gateway_service.params import query_params
from gateway_service.routing import Routes, json_array, json_response, path_id
from rookery.user.v1.suggestion_service_pb2 import (
    DismissSuggestionRequest,
    ListSuggestionsRequest,
    Suggestion,
    SuggestionSource,
)
from rookery_common.auth import Identity

CALL_SECONDS = 5.0
READ, WRITE = "read:accounts", "write:accounts"
_FRIENDS, _POPULAR = (
    SuggestionSource.SUGGESTION_SOURCE_FRIENDS_OF_FRIENDS,
    SuggestionSource.SUGGESTION_SOURCE_MOST_FOLLOWED,
)
_SOURCES = {_FRIENDS: "friends_of_friends", _POPULAR: "most_followed"}


class Suggestions:
    """Suggestions in both forms, and those that are not wanted."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        routes = Routes("suggestions")
        routes.get("/api/v2/suggestions", self.with_reasons, "suggestions_list", "Whom the caller may want to follow")
        routes.get("/api/v1/suggestions", self.accounts, "suggestions_list_v1", "The same, without the reasons")
        routes.delete("/api/v1/suggestions/{account_id}", self.dismiss, "suggestions_dismiss", "Suggest it no more")
        self.router = routes.router

    async def with_reasons(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        found = await self._suggested(request, caller.identity)
        shown = await self._composer.accounts_by_id(caller.identity, [each.account_id for each in found])
        return json_array([_body(each, shown[each.account_id]) for each in found if each.account_id in shown])

    async def accounts(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        found = await self._suggested(request, caller.identity)
        return json_array(await self._composer.accounts(caller.identity, [each.account_id for each in found]))

    async def dismiss(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        call = DismissSuggestionRequest(account_id=path_id(request, "account_id"))
        await self._clients.user.call(
            "DismissSuggestion", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        return json_response(b"{}")

    async def _suggested(self, request: Request, who: Identity) -> list[Suggestion]:
        size = min(query_params(request).integer("limit", 1, 1_000_000) or PAGE_ACCOUNTS, MOST_ACCOUNTS)
        answer = await self._clients.user.call(
            "ListSuggestions",
            ListSuggestionsRequest(page_size=size),
            timeout=CALL_SECONDS,
            idempotent=True,
            identity=who,
        )
        return list(answer.suggestions)


def _body(suggestion: Suggestion, account: bytes) -> bytes:
    """`source` is what older clients know."""
    older = "past_interactions" if _FRIENDS in suggestion.sources else "global"
    sources = orjson.dumps([_SOURCES[source] for source in suggestion.sources])
    return b'{"source":"%b","sources":%b,"account":%b}' % (older.encode(), sources, account)
