"""/api/v2/filters: what the caller does not want to meet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.errors import RecordNotFound
from gateway_service.params import Params, read_params
from gateway_service.routers.statuses import idempotency_key
from gateway_service.routing import Routes, json_response, path_id
from gateway_service.schemas.filters import ACTIONS, CONTEXTS, filter_entity, keyword_entity, status_entity
from rookery.user.v1.filter_service_pb2 import (
    AddFilterStatusRequest,
    CreateFilterRequest,
    DeleteFilterRequest,
    Filter,
    FilterAction,
    FilterContext,
    FilterKeyword,
    FilterKeywordChange,
    FilterStatus,
    ListFiltersRequest,
    RemoveFilterStatusRequest,
    UpdateFilterRequest,
)
from rookery_common.auth import Identity

CALL_SECONDS = 5.0
READ, WRITE = "read:filters", "write:filters"
MAX_EXPIRE_SECONDS = 10 * 365 * 24 * 3600
MAX_TEXT = 1_000  # user knows the limits of titles and keywords.


class FilterCalls:
    """What both generations of the API ask of user, and tell this replica's cache of."""

    def __init__(self, clients: Clients, composer: Composer) -> None:
        self._clients = clients
        self._composer = composer

    async def all(self, who: Identity) -> list[Filter]:
        """The caller's, by id."""
        answer = await self._call(who, "ListFilters", ListFiltersRequest())
        return list(answer.filters)

    async def named(self, who: Identity, filter_id: int) -> Filter:
        """Raises RecordNotFound."""
        for each in await self.all(who):
            if each.filter_id == filter_id:
                return each
        raise RecordNotFound

    async def keyword(self, who: Identity, keyword_id: int) -> tuple[Filter, FilterKeyword]:
        """The keyword with its filter. Raises RecordNotFound."""
        for each in await self.all(who):
            for keyword in each.keywords:
                if keyword.keyword_id == keyword_id:
                    return each, keyword
        raise RecordNotFound

    async def status(self, who: Identity, filter_status_id: int) -> FilterStatus:
        """Raises RecordNotFound."""
        for each in await self.all(who):
            for status in each.statuses:
                if status.filter_status_id == filter_status_id:
                    return status
        raise RecordNotFound

    async def change(self, who: Identity, method: str, request: Any) -> Any:
        """The answer; what the caller is shown next is filtered anew, also where it is not known what became of it."""
        try:
            return await self._call(who, method, request, idempotent=False)
        finally:
            self._composer.forget_filters(who.account_id)

    async def change_keyword(self, who: Identity, filter_id: int, change: FilterKeywordChange) -> Filter:
        """The whole filter after one keyword was made, changed or taken away."""
        request = UpdateFilterRequest(filter_id=filter_id, keywords=[change])
        changed: Filter = (await self.change(who, "UpdateFilter", request)).filter
        return changed

    async def _call(self, who: Identity, method: str, request: Any, *, idempotent: bool = True) -> Any:
        return await self._clients.user.call(method, request, timeout=CALL_SECONDS, idempotent=idempotent, identity=who)


class FilterRoutes:
    """Filters with their keywords and statuses."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._calls = FilterCalls(clients, composer)
        self._exchange = exchange
        self._settings = settings
        routes = Routes("filters")
        base = "/api/v2/filters"
        routes.get(base, self.list, "filters_list", "The caller's filters")
        routes.post(base, self.create, "filters_create", "Make a filter")
        routes.get(f"{base}/keywords/{{id}}", self.keyword, "filter_keywords_get", "One keyword")
        routes.put(f"{base}/keywords/{{id}}", self.update_keyword, "filter_keywords_update", "Change a keyword")
        routes.delete(f"{base}/keywords/{{id}}", self.delete_keyword, "filter_keywords_delete", "Delete a keyword")
        routes.get(f"{base}/statuses/{{id}}", self.status, "filter_statuses_get", "One filtered status")
        routes.delete(f"{base}/statuses/{{id}}", self.delete_status, "filter_statuses_delete", "Filter it no more")
        routes.get(f"{base}/{{id}}", self.get, "filters_get", "One filter")
        routes.put(f"{base}/{{id}}", self.update, "filters_update", "Change a filter")
        routes.delete(f"{base}/{{id}}", self.delete, "filters_delete", "Delete a filter")
        routes.get(f"{base}/{{id}}/keywords", self.keywords, "filter_keywords_list", "A filter's keywords")
        routes.post(f"{base}/{{id}}/keywords", self.add_keyword, "filter_keywords_create", "Add a keyword")
        routes.get(f"{base}/{{id}}/statuses", self.statuses, "filter_statuses_list", "A filter's statuses")
        routes.post(f"{base}/{{id}}/statuses", self.add_status, "filter_statuses_create", "Filter a status")
        self.router = routes.router

    async def list(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        return _json([filter_entity(each) for each in await self._calls.all(caller.identity)])

    async def get(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        return _json(filter_entity(await self._calls.named(caller.identity, path_id(request))))

    async def create(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await read_params(request, self._settings.max_body_bytes)
        call = CreateFilterRequest(
            title=params.text("title", MAX_TEXT) or "",
            contexts=contexts(params),
            action=params.choice("filter_action", ACTIONS) or FilterAction.FILTER_ACTION_UNSPECIFIED,
            expire_seconds=expiry(params) or 0,
            keywords=keyword_changes(params),
            request_id=idempotency_key(request),
        )
        return _json(filter_entity((await self._calls.change(caller.identity, "CreateFilter", call)).filter))

    async def update(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await read_params(request, self._settings.max_body_bytes)
        call = UpdateFilterRequest(
            filter_id=path_id(request),
            title=params.text("title", MAX_TEXT),
            contexts=contexts(params),
            action=params.choice("filter_action", ACTIONS) or FilterAction.FILTER_ACTION_UNSPECIFIED,
            expire_seconds=expiry(params),
            keywords=keyword_changes(params),
        )
        return _json(filter_entity((await self._calls.change(caller.identity, "UpdateFilter", call)).filter))

    async def delete(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        await self._calls.change(caller.identity, "DeleteFilter", DeleteFilterRequest(filter_id=path_id(request)))
        return _json({})

    async def keywords(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        found = await self._calls.named(caller.identity, path_id(request))
        return _json([keyword_entity(keyword) for keyword in found.keywords])

    async def keyword(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        _, keyword = await self._calls.keyword(caller.identity, path_id(request))
        return _json(keyword_entity(keyword))

    async def add_keyword(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await read_params(request, self._settings.max_body_bytes)
        text = params.required_text("keyword", MAX_TEXT)
        change = FilterKeywordChange(keyword=text, whole_word=params.flag("whole_word"))
        changed = await self._calls.change_keyword(caller.identity, path_id(request), change)
        return _json(keyword_entity(changed.keywords[-1]))

    async def update_keyword(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await read_params(request, self._settings.max_body_bytes)
        found, keyword = await self._calls.keyword(caller.identity, path_id(request))
        change = FilterKeywordChange(
            keyword_id=keyword.keyword_id,
            keyword=params.text("keyword", MAX_TEXT),
            whole_word=params.flag("whole_word"),
        )
        changed = await self._calls.change_keyword(caller.identity, found.filter_id, change)
        return _json(keyword_entity(next(each for each in changed.keywords if each.keyword_id == keyword.keyword_id)))

    async def delete_keyword(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        found, keyword = await self._calls.keyword(caller.identity, path_id(request))
        change = FilterKeywordChange(keyword_id=keyword.keyword_id, remove=True)
        await self._calls.change_keyword(caller.identity, found.filter_id, change)
        return _json({})

    async def statuses(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        found = await self._calls.named(caller.identity, path_id(request))
        return _json([status_entity(status) for status in found.statuses])

    async def status(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        return _json(status_entity(await self._calls.status(caller.identity, path_id(request))))

    async def add_status(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await read_params(request, self._settings.max_body_bytes)
        status_id = params.id("status_id") or 0
        call = AddFilterStatusRequest(filter_id=path_id(request), status_id=status_id)
        changed: Filter = (await self._calls.change(caller.identity, "AddFilterStatus", call)).filter
        return _json(status_entity(next(each for each in changed.statuses if each.status_id == status_id)))

    async def delete_status(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        call = RemoveFilterStatusRequest(filter_status_id=path_id(request))
        await self._calls.change(caller.identity, "RemoveFilterStatus", call)
        return _json({})


def contexts(params: Params) -> Iterable[FilterContext.ValueType]:
    """Those that are named."""
    names = params.texts("context", 100, len(CONTEXTS))
    unknown = [name for name in names if name not in CONTEXTS]
    if unknown:
        raise params.invalid("context", f"must be of {', '.join(CONTEXTS)}", "ERR_INCLUSION")
    return [CONTEXTS[name] for name in names]


def expiry(params: Params) -> int | None:
    """Seconds from now; 0 where an empty value says never; None where nothing is said."""
    if "expires_in" not in params:
        return None
    return params.integer("expires_in", 0, MAX_EXPIRE_SECONDS) or 0


def keyword_changes(params: Params) -> Iterable[FilterKeywordChange]:
    """As forms of Rails have them."""
    return [
        FilterKeywordChange(
            keyword_id=group.id("id") or 0,
            keyword=group.text("keyword", MAX_TEXT),
            whole_word=group.flag("whole_word"),
            remove=group.flag("_destroy") or False,
        )
        for group in params.groups("keywords_attributes")
    ]


def _json(value: Any) -> Response:
    return json_response(orjson.dumps(value))
