"""/api/v1/lists: lists of those whom the caller follows, and their timelines."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compose.list_rules import MAX_MEMBERS, list_rule
from gateway_service.config import Settings
from gateway_service.lists import cursor_refused, list_page
from gateway_service.paging import link_header
from gateway_service.params import query_params, read_params
from gateway_service.routers.statuses import idempotency_key
from gateway_service.routing import Routes, json_array, json_response, path_id
from gateway_service.schemas.account_lists import POLICIES, list_entity
from rookery.user.v1.list_service_pb2 import (
    CreateAccountListRequest,
    DeleteAccountListRequest,
    GetAccountListRequest,
    ListAccountListsRequest,
    ListListMembersRequest,
    PutListMembersRequest,
    RemoveListMembersRequest,
    RepliesPolicy,
    UpdateAccountListRequest,
)
from rookery_common.auth import Identity

CALL_SECONDS = 5.0
READ, WRITE = "read:lists", "write:lists"
MAX_TEXT = 1_000  # user knows the limit of titles.
MAX_NAMED = 100
LIMIT, MOST = 20, 40


class AccountLists:
    """Lists with their members and timelines."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("lists")
        base = "/api/v1/lists"
        routes.get(base, self.all, "lists_list", "The caller's lists")
        routes.post(base, self.create, "lists_create", "Make a list")
        routes.get(f"{base}/{{id}}", self.get, "lists_get", "One list")
        routes.put(f"{base}/{{id}}", self.update, "lists_update", "Change a list")
        routes.delete(f"{base}/{{id}}", self.delete, "lists_delete", "Delete a list")
        routes.get(f"{base}/{{id}}/accounts", self.members, "list_accounts_list", "Who is on a list")
        routes.post(f"{base}/{{id}}/accounts", self.add, "list_accounts_add", "Put accounts on a list")
        routes.delete(f"{base}/{{id}}/accounts", self.remove, "list_accounts_remove", "Take accounts off a list")
        routes.get("/api/v1/accounts/{id}/lists", self.holding, "accounts_lists", "The caller's lists with an account")
        routes.get("/api/v1/timelines/list/{id}", self.timeline, "timelines_list", "Statuses of those on a list")
        self.router = routes.router

    async def all(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        answer = await self._read(caller.identity, "ListAccountLists", ListAccountListsRequest())
        return _json([list_entity(each) for each in answer.lists])

    async def holding(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        account_id = path_id(request)
        await self._composer.account(caller.identity, account_id)  # Not found, if there is no such account.
        call = ListAccountListsRequest(member_id=account_id)
        answer = await self._read(caller.identity, "ListAccountLists", call)
        return _json([list_entity(each) for each in answer.lists])

    async def get(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        call = GetAccountListRequest(list_id=path_id(request))
        return _json(list_entity((await self._read(caller.identity, "GetAccountList", call)).list))

    async def create(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await read_params(request, self._settings.max_body_bytes)
        call = CreateAccountListRequest(
            title=params.text("title", MAX_TEXT) or "",
            replies_policy=params.choice("replies_policy", POLICIES) or RepliesPolicy.REPLIES_POLICY_UNSPECIFIED,
            exclusive=params.flag("exclusive") or False,
            request_id=idempotency_key(request),
        )
        return _json(list_entity((await self._write(caller.identity, "CreateAccountList", call)).list))

    async def update(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await read_params(request, self._settings.max_body_bytes)
        call = UpdateAccountListRequest(
            list_id=path_id(request),
            title=params.text("title", MAX_TEXT),
            replies_policy=params.choice("replies_policy", POLICIES) or RepliesPolicy.REPLIES_POLICY_UNSPECIFIED,
            exclusive=params.flag("exclusive"),
        )
        return _json(list_entity((await self._write(caller.identity, "UpdateAccountList", call)).list))

    async def delete(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        await self._write(caller.identity, "DeleteAccountList", DeleteAccountListRequest(list_id=path_id(request)))
        return _json({})

    async def members(self, request: Request) -> Response:
        """All of them at once where the limit is 0."""
        caller = await self._exchange.require_user(request, READ)
        params = query_params(request)
        everybody = params.text("limit", 20) == "0"
        size, token = (MAX_MEMBERS, "") if everybody else list_page(params)
        call = ListListMembersRequest(list_id=path_id(request), page_size=size, page_token=token)
        with cursor_refused():
            answer = await self._read(caller.identity, "ListListMembers", call)
        link = link_header(self._settings.public_url, request, older=answer.next_page_token or None, newer=None)
        return json_array(await self._composer.accounts(caller.identity, list(answer.account_ids)), link)

    async def add(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await read_params(request, self._settings.max_body_bytes)
        call = PutListMembersRequest(list_id=path_id(request), account_ids=params.ids("account_ids", MAX_NAMED))
        await self._write(caller.identity, "PutListMembers", call)
        return _json({})

    async def remove(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await read_params(request, self._settings.max_body_bytes)
        call = RemoveListMembersRequest(list_id=path_id(request), account_ids=params.ids("account_ids", MAX_NAMED))
        await self._write(caller.identity, "RemoveListMembers", call)
        return _json({})

    async def timeline(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        list_id, asked = path_id(request), query_params(request).page(LIMIT, MOST)
        rule = await list_rule(self._clients, caller.identity, list_id)
        page = await self._composer.of_list(caller.identity, rule, asked)
        older = page.last_id if page.more or asked.min_id is not None else 0
        link = link_header(self._settings.public_url, request, older=older or None, newer=page.first_id or None)
        return json_array(page.items, link)

    async def _read(self, who: Identity, method: str, request: Any) -> Any:
        return await self._clients.user.call(method, request, timeout=CALL_SECONDS, idempotent=True, identity=who)

    async def _write(self, who: Identity, method: str, request: Any) -> Any:
        return await self._clients.user.call(method, request, timeout=CALL_SECONDS, identity=who)


def _json(value: Any) -> Response:
    return json_response(orjson.dumps(value))
