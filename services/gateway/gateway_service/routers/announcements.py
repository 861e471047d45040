"""/api/v1/announcements, and /api/rookery/v1/desk/announcements: what the staff tells everybody."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from starlette.requests import Request
from starlette.responses import Response

from gateway_service import degradation
from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose.announcements import announcement, staff_announcement
from gateway_service.compose.html import Renderer
from gateway_service.config import Settings
from gateway_service.paging import link_header
from gateway_service.params import Params, query_params, read_params
from gateway_service.routers.statuses import idempotency_key
from gateway_service.routing import Routes, json_array, json_response, path_id
from rookery.moderation.v1.announcement_service_pb2 import (
    AddAnnouncementReactionRequest,
    AnnouncementContent,
    CreateAnnouncementRequest,
    DeleteAnnouncementRequest,
    DismissAnnouncementRequest,
    ListAllAnnouncementsRequest,
    ListAnnouncementsRequest,
    RemoveAnnouncementReactionRequest,
    UpdateAnnouncementRequest,
)
from rookery_common.auth import Identity
from rookery_common.errors import DeadlineExceeded, Unavailable

PATH, DESK = "/api/v1/announcements", "/api/rookery/v1/desk/announcements"
READ, DISMISS, REACT = "read:accounts", "write:accounts", "write:favourites"
STAFF_READ, STAFF_WRITE = "admin:read", "admin:write"
CALL_SECONDS: Final = 5.0
PAGE, MOST = 40, 100


class Announcements:
    """Everybody reads, dismisses and reacts, the staff writes; moderation knows who is of it."""

    def __init__(self, clients: Clients, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._exchange = exchange
        self._settings = settings
        self._renderer = Renderer(settings.public_url, settings.domain)
        routes = Routes("announcements")
        reaction = f"{PATH}/{{id}}/reactions/{{name}}"
        routes.get(PATH, self.listed, "announcements_list", "What the community announces")
        routes.post(f"{PATH}/{{id}}/dismiss", self.dismiss, "announcements_dismiss", "Have read an announcement")
        routes.put(reaction, self.react, "announcements_react", "Put an emoji beside an announcement")
        routes.delete(reaction, self.unreact, "announcements_unreact", "Take an emoji back")
        one = f"{DESK}/{{id}}"
        routes.get(DESK, self.all, "desk_announcements_list", "All announcements, newest first")
        routes.post(DESK, self.create, "desk_announcements_create", "Announce something, or draft it")
        routes.put(one, self.update, "desk_announcements_update", "Put another content into an announcement")
        routes.delete(one, self.delete, "desk_announcements_delete", "Withdraw an announcement")
        self.router = routes.router

    async def listed(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        call = ListAnnouncementsRequest(with_dismissed=query_params(request).flag("with_dismissed") or False)
        try:
            answer = await self._call("ListAnnouncements", call, caller.identity)
        except (Unavailable, DeadlineExceeded):
            degradation.note(degradation.ANNOUNCEMENTS)
            return json_array([])
        return json_array([announcement(each, self._renderer) for each in answer.announcements])

    async def dismiss(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, DISMISS)
        call = DismissAnnouncementRequest(announcement_id=path_id(request))
        await self._call("DismissAnnouncement", call, caller.identity)
        return json_response(b"{}")

    async def react(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, REACT)
        call = AddAnnouncementReactionRequest(announcement_id=path_id(request), name=request.path_params["name"])
        await self._call("AddAnnouncementReaction", call, caller.identity)
        return json_response(b"{}")

    async def unreact(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, REACT)
        call = RemoveAnnouncementReactionRequest(announcement_id=path_id(request), name=request.path_params["name"])
        await self._call("RemoveAnnouncementReaction", call, caller.identity)
        return json_response(b"{}")

    async def all(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, STAFF_READ)
        params = query_params(request)
        params.refuse_others("limit", "max_id")
        limit, max_id = params.integer("limit", 1, MOST) or PAGE, params.id("max_id") or 0
        call = ListAllAnnouncementsRequest(page_size=limit, max_id=max_id)
        found = (await self._call("ListAllAnnouncements", call, caller.identity)).announcements
        older = found[-1].announcement_id if len(found) == limit else None
        link = link_header(self._settings.public_url, request, older=older, newer=None)
        return json_array([staff_announcement(each, self._renderer) for each in found], link)

    async def create(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, STAFF_WRITE)
        content = content_of(await read_params(request, self._settings.max_body_bytes))
        call = CreateAnnouncementRequest(content=content, request_id=idempotency_key(request))
        idempotent = bool(call.request_id)
        answer = await self._call("CreateAnnouncement", call, caller.identity, idempotent=idempotent)
        return json_response(staff_announcement(answer.announcement, self._renderer))

    async def update(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, STAFF_WRITE)
        content = content_of(await read_params(request, self._settings.max_body_bytes))
        call = UpdateAnnouncementRequest(announcement_id=path_id(request), content=content)
        answer = await self._call("UpdateAnnouncement", call, caller.identity)
        return json_response(staff_announcement(answer.announcement, self._renderer))

    async def delete(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, STAFF_WRITE)
        call = DeleteAnnouncementRequest(announcement_id=path_id(request))
        await self._call("DeleteAnnouncement", call, caller.identity)
        return json_response(b"{}")

    async def _call(self, method: str, call: Any, identity: Identity, *, idempotent: bool = True) -> Any:
        return await self._clients.moderation.call(
            method, call, timeout=CALL_SECONDS, idempotent=idempotent, identity=identity
        )


def content_of(params: Params) -> AnnouncementContent:
    """The whole of what the staff writes: what is not named is empty, or false."""
    params.refuse_others("text", "starts_at", "ends_at", "all_day", "published", "scheduled_at")
    content = AnnouncementContent(
        text=params.required_text("text"),
        all_day=params.flag("all_day") or False,
        published=params.flag("published") or False,
    )
    _set(content.start_time, params, "starts_at")
    _set(content.end_time, params, "ends_at")
    _set(content.schedule_time, params, "scheduled_at")
    return content


def _set(field: Timestamp, params: Params, name: str) -> None:
    moment = params.time(name)
    if moment is not None:
        field.FromDatetime(moment)
        field.SetInParent()
