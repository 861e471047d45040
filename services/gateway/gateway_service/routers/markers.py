"""/api/v1/markers: where the caller has read to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.config import Settings
from gateway_service.errors import invalid
from gateway_service.params import Params, query_params, read_params
from gateway_service.routing import Routes, json_response
from gateway_service.schemas.conversations import moment
from rookery.notification.v1.notification_service_pb2 import (
    GetMarkersRequest,
    MarkedTimeline,
    Marker,
    SetMarkersRequest,
)

CALL_SECONDS = 5.0
TIMELINES: Mapping[str, MarkedTimeline.ValueType] = {
    "home": MarkedTimeline.MARKED_TIMELINE_HOME,
    "notifications": MarkedTimeline.MARKED_TIMELINE_NOTIFICATIONS,
}
_NAMES = {number: name for name, number in TIMELINES.items()}


class Markers:
    """Reads them and moves them."""

    def __init__(self, clients: Clients, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._exchange = exchange
        self._settings = settings
        routes = Routes("markers")
        routes.get("/api/v1/markers", self.get_many, "markers_list", "Where the caller has read to")
        routes.post("/api/v1/markers", self.put, "markers_set", "Mark where the caller has read to")
        self.router = routes.router

    async def get_many(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "read:statuses")
        asked = query_params(request).texts("timeline", 64)
        # Clients may ask for what is marked elsewhere.
        call = GetMarkersRequest(timelines=[TIMELINES[name] for name in dict.fromkeys(asked) if name in TIMELINES])
        if not call.timelines:
            return json_response(b"{}")
        answer = await self._clients.notification.call(
            "GetMarkers", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        return _answer(answer.markers)

    async def put(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:statuses")
        params = await read_params(request, self._settings.max_body_bytes)
        markers = [*_markers(params, "home"), *_markers(params, "notifications")]
        if not markers:
            return json_response(b"{}")
        answer = await self._clients.notification.call(
            "SetMarkers", SetMarkersRequest(markers=markers), timeout=CALL_SECONDS, identity=caller.identity
        )
        return _answer(answer.markers)


def _markers(params: Params, name: str) -> list[Marker]:
    """One where the timeline is named. Raises InvalidArgument."""
    if name not in params:
        return []
    last_read_id = params.group(name).id("last_read_id")
    if not last_read_id:
        raise invalid(f"{name}.last_read_id", "must be an id", "ERR_BLANK")
    return [Marker(timeline=TIMELINES[name], last_read_id=last_read_id)]


def _answer(markers: Sequence[Marker]) -> Response:
    return json_response(
        orjson.dumps(
            {
                _NAMES[marker.timeline]: {
                    "last_read_id": str(marker.last_read_id),
                    "version": marker.version,
                    "updated_at": moment(marker.update_time),
                }
                for marker in markers
            }
        )
    )
