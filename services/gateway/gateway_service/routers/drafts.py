"""/api/rookery/v1/drafts: what the caller has begun to write, on all devices."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import Caller, TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.errors import invalid
from gateway_service.paging import link_header
from gateway_service.params import query_params, read_params
from gateway_service.routers.statuses import Statuses, idempotency_key
from gateway_service.routing import Routes, json_response, path_id
from rookery.post.v1.draft_service_pb2 import (
    CreateDraftRequest,
    DeleteDraftRequest,
    Draft,
    GetDraftRequest,
    ListDraftsRequest,
    PublishDraftRequest,
    UpdateDraftRequest,
)
from rookery_common.ids import MAX_ID

PATH = "/api/rookery/v1/drafts"
READ, WRITE = "read:statuses", "write:statuses"
CALL_SECONDS = 5.0
WRITE_SECONDS = 10.0
PAGE_DRAFTS, MOST_DRAFTS = 20, 40
_VERSION = re.compile(r'"([0-9]{1,19})"')


class Drafts:
    """Keeps drafts; a draft's version is its ETag, by which a device overwrites only what it has seen."""

    def __init__(
        self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings, statuses: Statuses
    ) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        self._statuses = statuses
        routes = Routes("drafts")
        one = f"{PATH}/{{id}}"
        routes.get(PATH, self.list, "drafts_list", "The caller's drafts, the latest begun first")
        routes.post(PATH, self.create, "drafts_create", "Keep a draft")
        routes.get(one, self.get, "drafts_get", "One draft")
        routes.put(one, self.update, "drafts_update", "Put another content into a draft")
        routes.delete(one, self.delete, "drafts_delete", "Throw a draft away")
        routes.post(f"{one}/publish", self.publish, "drafts_publish", "Post a draft as a status")
        self.router = routes.router

    async def list(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        page = query_params(request).page(PAGE_DRAFTS, MOST_DRAFTS)
        call = ListDraftsRequest(
            page_size=page.limit, max_id=page.max_id or 0, min_id=page.min_id or 0, since_id=page.since_id or 0
        )
        answer = await self._clients.post.call(
            "ListDrafts", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        found = answer.drafts
        older = (found[-1].draft_id if found else 0) if page.min_id else answer.reached_id
        newer = found[0].draft_id if found else 0
        link = link_header(self._settings.public_url, request, older=older or None, newer=newer or None)
        items = [self._composer.draft(each) for each in found]
        return json_response(b'{"items":[' + b",".join(items) + b"]}", link)

    async def create(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await read_params(request, self._settings.max_body_bytes)
        post, _ = await self._statuses.asked(params, caller, idempotency_key(request))
        call = CreateDraftRequest(post=post)
        return await self._drafted("CreateDraft", call, caller, idempotent=bool(call.post.request_id))

    async def get(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        return await self._drafted("GetDraft", GetDraftRequest(draft_id=path_id(request)), caller, idempotent=True)

    async def update(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        draft_id, version = path_id(request), _if_match(request)
        params = await read_params(request, self._settings.max_body_bytes)
        post, _ = await self._statuses.asked(params, caller, "")
        call = UpdateDraftRequest(draft_id=draft_id, version=version, post=post)
        return await self._drafted("UpdateDraft", call, caller, idempotent=False)

    async def delete(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        call = DeleteDraftRequest(draft_id=path_id(request), version=_if_match(request))
        await self._clients.post.call("DeleteDraft", call, timeout=WRITE_SECONDS, identity=caller.identity)
        return json_response(b"{}")

    async def publish(self, request: Request) -> Response:
        """The status that it has become; without an Idempotency-Key a repeated request finds the draft gone."""
        caller = await self._exchange.require_user(request, WRITE)
        call = PublishDraftRequest(
            draft_id=path_id(request),
            version=_if_match(request),
            request_id=idempotency_key(request),
            application_name=caller.app_name,
            application_website=caller.app_website,
        )
        before = await self._composer.before_writing(caller.identity)
        answer = await self._clients.post.call(
            "PublishDraft", call, timeout=WRITE_SECONDS, idempotent=bool(call.request_id), identity=caller.identity
        )
        return json_response(await self._statuses.made(caller.identity, answer.post, before))

    async def _drafted(
        self,
        method: str,
        call: CreateDraftRequest | GetDraftRequest | UpdateDraftRequest,
        caller: Caller,
        *,
        idempotent: bool,
    ) -> Response:
        answer = await self._clients.post.call(
            method, call, timeout=WRITE_SECONDS, idempotent=idempotent, identity=caller.identity
        )
        draft: Draft = answer.draft
        return json_response(self._composer.draft(draft), {"ETag": f'"{draft.version}"'})


def _if_match(request: Request) -> int:
    """The version that the request is about; 0 for any."""
    tag = request.headers.get("if-match", "*").strip()
    if tag == "*":
        return 0
    match = _VERSION.fullmatch(tag)
    if match is None or not 0 < int(match[1]) <= MAX_ID:
        raise invalid("If-Match", "must be the ETag of a draft")
    return int(match[1])
