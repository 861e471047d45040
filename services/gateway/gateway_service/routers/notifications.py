"""/api/v1/notifications: what the caller is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compose.told import TYPES
from gateway_service.config import Settings
from gateway_service.errors import RecordNotFound
from gateway_service.paging import link_header
from gateway_service.params import Params, query_params
from gateway_service.routing import Routes, json_array, json_response, path_id
from rookery.notification.v1.notification_service_pb2 import (
    ClearNotificationsRequest,
    DismissNotificationRequest,
    GetNotificationRequest,
    ListNotificationsRequest,
)
from rookery_common.auth import Identity

LIMIT, MOST = 40, 80
# Unread ones are counted up to the first of these, or as far as the client asks, but not beyond the second.
COUNTED, MOST_COUNTED = 100, 400
# So often others are asked for, to make up for what is not shown; a page that is short all the same has a link on.
MAX_ROUNDS = 5
CALL_SECONDS = 5.0
READ, WRITE = "read:notifications", "write:notifications"
BASE = "/api/v1/notifications"
MAX_TYPES = 64


@dataclass(frozen=True, slots=True)
class NotificationPage:
    """Notifications, newest first, and the ids below and above which there may be others (0 for none)."""

    items: list[bytes]
    older_id: int
    newer_id: int


class Notifications:
    """Lists what the caller is told, and puts it away."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("notifications")
        routes.get(BASE, self.get_many, "notifications_list", "What the caller is told")
        routes.get(f"{BASE}/unread_count", self.unread_count, "notifications_unread_count", "How many are not read yet")
        routes.get(f"{BASE}/{{id}}", self.get, "notifications_get", "One notification")
        routes.post(f"{BASE}/clear", self.clear, "notifications_clear", "Put all notifications away")
        routes.post(f"{BASE}/{{id}}/dismiss", self.dismiss, "notifications_dismiss", "Put one notification away")
        self.router = routes.router

    async def get_many(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        params = query_params(request)
        call = list_request(params)
        if call is None:
            return json_array([])
        page = await self._page(caller.identity, call, filtered=with_filtered(params))
        link = link_header(self._settings.public_url, request, older=page.older_id or None, newer=page.newer_id or None)
        return json_array(page.items, link)

    async def unread_count(self, request: Request) -> Response:
        """Of those that the caller would be shown, above the caller's marker, up to a limit."""
        caller = await self._exchange.require_user(request, READ)
        params = query_params(request)
        most = min(params.integer("limit", 1, 1_000_000) or COUNTED, MOST_COUNTED)
        call = list_request(params)
        if call is None:
            return json_response(b'{"count":0}')
        call.unread_only = True
        return json_response(b'{"count":%d}' % min(most, await self._count(caller.identity, call, most)))

    async def get(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        answer = await self._clients.notification.call(
            "GetNotification",
            GetNotificationRequest(notification_id=path_id(request)),
            timeout=CALL_SECONDS,
            idempotent=True,
            identity=caller.identity,
        )
        shown = await self._composer.notifications(caller.identity, [answer.notification], filtered=True)
        if not shown:
            raise RecordNotFound
        return json_response(shown[0][1])

    async def clear(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        return await self._put_away("ClearNotifications", ClearNotificationsRequest(), caller.identity)

    async def dismiss(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        call = DismissNotificationRequest(notification_id=path_id(request))
        return await self._put_away("DismissNotification", call, caller.identity)

    async def _put_away(self, method: str, call: Any, identity: Identity) -> Response:
        await self._clients.notification.call(method, call, timeout=CALL_SECONDS, idempotent=True, identity=identity)
        return json_response(b"{}")

    async def _count(self, viewer: Identity, call: ListNotificationsRequest, most: int) -> int:
        count, call.limit = 0, MOST
        for _ in range(MAX_ROUNDS):
            answer = await self._clients.list_notifications(viewer, call)
            count += len(await self._composer.notifications(viewer, answer.notifications))
            if not answer.reached_id or count >= most:
                break
            call.max_id = answer.reached_id
        return count

    async def _page(self, viewer: Identity, call: ListNotificationsRequest, *, filtered: bool) -> NotificationPage:
        upwards, limit = call.min_id > 0 and not call.max_id, call.limit
        shown: list[tuple[int, bytes]] = []  # in the direction of the page
        reached_id = 0
        for _ in range(MAX_ROUNDS):
            answer = await self._clients.list_notifications(viewer, call)
            found = await self._composer.notifications(viewer, answer.notifications, filtered=filtered)
            shown += reversed(found) if upwards else found
            reached_id = answer.reached_id
            if not reached_id or len(shown) >= limit:
                break
            call.limit = MOST
            if upwards:
                call.min_id = reached_id
            else:
                call.max_id = reached_id
        if len(shown) > limit:
            shown = shown[:limit]
            reached_id = shown[-1][0]
        return _page(shown, reached_id, upwards=upwards)


def _page(shown: Sequence[tuple[int, bytes]], reached_id: int, *, upwards: bool) -> NotificationPage:
    """Below a page that was asked for from below there is at least what it was asked from."""
    first_id, last_id = (shown[0][0], shown[-1][0]) if shown else (0, 0)
    bodies = [body for _, body in shown]
    if upwards:
        return NotificationPage(bodies[::-1], older_id=first_id, newer_id=reached_id or last_id)
    return NotificationPage(bodies, older_id=reached_id, newer_id=first_id)


def with_filtered(params: Params) -> bool:
    """What one account did is shown whole, though a policy keeps it apart from the rest."""
    return bool(params.flag("include_filtered") or params.id("account_id"))


def list_request(params: Params) -> ListNotificationsRequest | None:
    """None where only types are asked for that there are not: clients know more of them than we tell of."""
    types = params.texts("types", 64, MAX_TYPES)
    known = [TYPES[name] for name in types if name in TYPES]
    if types and not known:
        return None
    page = params.page(LIMIT, MOST)
    return ListNotificationsRequest(
        limit=page.limit,
        max_id=page.max_id or 0,
        since_id=page.since_id or 0,
        min_id=page.min_id or 0,
        types=known,
        exclude_types=[TYPES[name] for name in params.texts("exclude_types", 64, MAX_TYPES) if name in TYPES],
        account_id=params.id("account_id") or 0,
    )
