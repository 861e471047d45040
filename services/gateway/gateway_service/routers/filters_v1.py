"""/api/v1/filters, for older clients: there, a filter is one keyword of what is a filter now."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.params import Params, read_params
from gateway_service.routers.filters import MAX_TEXT, READ, WRITE, FilterCalls, contexts, expiry
from gateway_service.routers.statuses import idempotency_key
from gateway_service.routing import Routes, json_response, path_id
from gateway_service.schemas.filters import v1_entity
from rookery.user.v1.filter_service_pb2 import (
    CreateFilterRequest,
    DeleteFilterRequest,
    Filter,
    FilterAction,
    FilterKeywordChange,
    UpdateFilterRequest,
)


class FilterRoutesV1:
    """The first generation's filters."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._calls = FilterCalls(clients, composer)
        self._exchange = exchange
        self._settings = settings
        routes = Routes("filters")
        base = "/api/v1/filters"
        routes.get(base, self.list, "filters_list_v1", "The caller's filters (older clients)")
        routes.post(base, self.create, "filters_create_v1", "Make a filter (older clients)")
        routes.get(f"{base}/{{id}}", self.get, "filters_get_v1", "One filter (older clients)")
        routes.put(f"{base}/{{id}}", self.update, "filters_update_v1", "Change a filter (older clients)")
        routes.delete(f"{base}/{{id}}", self.delete, "filters_delete_v1", "Delete a filter (older clients)")
        self.router = routes.router

    async def list(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        found = [
            v1_entity(each, keyword) for each in await self._calls.all(caller.identity) for keyword in each.keywords
        ]
        return json_response(orjson.dumps(found))

    async def get(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        found, keyword = await self._calls.keyword(caller.identity, path_id(request))
        return json_response(orjson.dumps(v1_entity(found, keyword)))

    async def create(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await read_params(request, self._settings.max_body_bytes)
        phrase = params.required_text("phrase", MAX_TEXT)
        call = CreateFilterRequest(
            request_id=idempotency_key(request),
            title=phrase[:256],
            contexts=contexts(params),
            action=action(params),
            expire_seconds=expiry(params) or 0,
            keywords=[FilterKeywordChange(keyword=phrase, whole_word=params.flag("whole_word") or False)],
        )
        made: Filter = (await self._calls.change(caller.identity, "CreateFilter", call)).filter
        return json_response(orjson.dumps(v1_entity(made, made.keywords[0])))

    async def update(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await read_params(request, self._settings.max_body_bytes)
        found, keyword = await self._calls.keyword(caller.identity, path_id(request))
        change = FilterKeywordChange(
            keyword_id=keyword.keyword_id, keyword=params.text("phrase", MAX_TEXT), whole_word=params.flag("whole_word")
        )
        call = UpdateFilterRequest(
            filter_id=found.filter_id,
            contexts=contexts(params),
            action=action(params),
            expire_seconds=expiry(params),
            keywords=[change],
        )
        after: Filter = (await self._calls.change(caller.identity, "UpdateFilter", call)).filter
        kept = next(each for each in after.keywords if each.keyword_id == keyword.keyword_id)
        return json_response(orjson.dumps(v1_entity(after, kept)))

    async def delete(self, request: Request) -> Response:
        """With its last keyword, the whole filter goes."""
        caller = await self._exchange.require_user(request, WRITE)
        found, keyword = await self._calls.keyword(caller.identity, path_id(request))
        if len(found.keywords) == 1:
            call = DeleteFilterRequest(filter_id=found.filter_id)
            await self._calls.change(caller.identity, "DeleteFilter", call)
        else:
            change = FilterKeywordChange(keyword_id=keyword.keyword_id, remove=True)
            await self._calls.change_keyword(caller.identity, found.filter_id, change)
        return json_response(b"{}")


def action(params: Params) -> FilterAction.ValueType:
    """Unspecified where nothing is said."""
    irreversible = params.flag("irreversible")
    if irreversible is None:
        return FilterAction.FILTER_ACTION_UNSPECIFIED
    return FilterAction.FILTER_ACTION_HIDE if irreversible else FilterAction.FILTER_ACTION_WARN
