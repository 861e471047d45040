"""/api/v1/scheduled_statuses: posts that wait for their time."""

from __future__ import annotations

from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.errors import invalid
from gateway_service.paging import link_header
from gateway_service.params import Params, query_params, read_params
from gateway_service.routing import Routes, json_array, json_response, path_id
from rookery.post.v1.schedule_service_pb2 import (
    DeleteScheduledPostRequest,
    GetScheduledPostRequest,
    ListScheduledPostsRequest,
    UpdateScheduledPostRequest,
)

CALL_SECONDS = 5.0
PAGE_STATUSES, MOST_STATUSES = 20, 40


class ScheduledStatuses:
    """Shows, moves and deletes what the caller has scheduled."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes, base = Routes("scheduled_statuses"), "/api/v1/scheduled_statuses"
        one = f"{base}/{{id}}"
        routes.get(base, self.list, "scheduled_statuses_list", "What the caller has scheduled")
        routes.get(one, self.get, "scheduled_statuses_get", "One scheduled status")
        routes.put(one, self.move, "scheduled_statuses_update", "Publish a scheduled status at another time")
        routes.delete(one, self.delete, "scheduled_statuses_delete", "Never publish a scheduled status")
        self.router = routes.router

    async def list(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "read:statuses")
        page = query_params(request).page(PAGE_STATUSES, MOST_STATUSES)
        call = ListScheduledPostsRequest(
            page_size=page.limit, max_id=page.max_id or 0, min_id=page.min_id or 0, since_id=page.since_id or 0
        )
        answer = await self._clients.post.call(
            "ListScheduledPosts", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        found = answer.scheduled
        older = (found[-1].scheduled_id if found else 0) if page.min_id else answer.reached_id
        newer = found[0].scheduled_id if found else 0
        link = link_header(self._settings.public_url, request, older=older or None, newer=newer or None)
        return json_array([self._composer.scheduled(each) for each in found], link)

    async def get(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "read:statuses")
        call = GetScheduledPostRequest(scheduled_id=path_id(request))
        answer = await self._clients.post.call(
            "GetScheduledPost", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        return json_response(self._composer.scheduled(answer.scheduled))

    async def move(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:statuses")
        call = UpdateScheduledPostRequest(scheduled_id=path_id(request))
        params = await read_params(request, self._settings.max_body_bytes)
        call.publish_time.FromDatetime(required_time(params))
        answer = await self._clients.post.call(
            "UpdateScheduledPost", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        return json_response(self._composer.scheduled(answer.scheduled))

    async def delete(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:statuses")
        call = DeleteScheduledPostRequest(scheduled_id=path_id(request))
        await self._clients.post.call("DeleteScheduledPost", call, timeout=CALL_SECONDS, identity=caller.identity)
        return json_response(b"{}")


def required_time(params: Params) -> datetime:
    """When it is to be published."""
    moment = params.time("scheduled_at")
    if moment is None:
        raise invalid("scheduled_at", "can't be blank", "ERR_BLANK")
    return moment
