"""PUT /api/v1/statuses/:id, and what a status has said before."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compose.quotes import POLICIES
from gateway_service.config import Settings
from gateway_service.errors import invalid
from gateway_service.params import Params, read_params
from gateway_service.routers.statuses import MAX_MEDIA, poll_draft
from gateway_service.routing import Routes, json_array, json_response, path_id
from rookery.post.v1.edit_service_pb2 import EditPostRequest, ListRevisionsRequest, MediaAttributes
from rookery.post.v1.post_pb2 import QuotePolicy

EDIT_SECONDS = 10.0
CALL_SECONDS = 5.0


class Edits:
    """Edits statuses, and shows their history."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes, base = Routes("statuses"), "/api/v1/statuses/{id}"
        routes.put(base, self.edit, "statuses_update", "Edit a status")
        routes.get(f"{base}/history", self.history, "statuses_history", "What a status has said, the oldest first")
        self.router = routes.router

    async def edit(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:statuses")
        post_id = path_id(request)
        params = await read_params(request, self._settings.max_body_bytes)
        call = edit_request(post_id, params)
        before = await self._composer.before(caller.identity, post_id)
        answer = await self._clients.post.call(
            "EditPost", call, timeout=EDIT_SECONDS, idempotent=True, identity=caller.identity
        )
        return json_response(await self._composer.made(caller.identity, answer.post, before))

    async def history(self, request: Request) -> Response:
        viewer = await self._exchange.viewer(request, "read:statuses")
        post_id = path_id(request)
        before = await self._composer.before(viewer, post_id)  # Not found, if the viewer is not shown it.
        answer = await self._clients.post.call(
            "ListRevisions",
            ListRevisionsRequest(post_id=post_id),
            timeout=CALL_SECONDS,
            idempotent=True,
            identity=viewer,
        )
        return json_array(self._composer.revisions(viewer, post_id, before, answer.revisions))


def edit_request(post_id: int, params: Params) -> EditPostRequest:
    """What post is asked for: all that the status says from now on. Its quote, which clients name too, stays."""
    if "scheduled_at" in params:
        raise invalid("scheduled_at", "is for new statuses")
    return EditPostRequest(
        post_id=post_id,
        text=params.text("status") or "",
        spoiler_text=params.text("spoiler_text") or "",
        sensitive=params.flag("sensitive") or False,
        language=params.text("language", 100) or "",
        media_ids=params.ids("media_ids", MAX_MEDIA),
        media_attributes=_media_attributes(params),
        poll=poll_draft(params),
        quote_policy=params.choice("quote_approval_policy", POLICIES) or QuotePolicy.QUOTE_POLICY_UNSPECIFIED,
    )


def _media_attributes(params: Params) -> Iterator[MediaAttributes]:
    for group in params.groups("media_attributes", MAX_MEDIA):
        attributes = MediaAttributes(media_id=group.id("id") or 0)
        description, focus = group.text("description"), group.pair("focus", -1, 1)
        if description is not None:
            attributes.description = description
        if focus is not None:
            attributes.focus_x, attributes.focus_y = focus
        yield attributes
