"""/api/v1/instance/activity: how lively the community was in its last weeks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.clients import Clients
from gateway_service.fixed import Fixed
from gateway_service.routing import Routes
from gateway_service.schemas.measures import activity
from rookery.analytics.v1.analytics_service_pb2 import ListActivityRequest

CALL_SECONDS = 5.0
CACHED_SECONDS = 600


class Activity:
    """Shows to everybody what analytics adds up for everybody."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        routes = Routes("instance")
        routes.get("/api/v1/instance/activity", self.get, "instance_activity", "Its last twelve weeks")
        self.router = routes.router

    async def get(self, request: Request) -> Response:
        answer = await self._clients.analytics.call(
            "ListActivity", ListActivityRequest(), timeout=CALL_SECONDS, idempotent=True, identity=None
        )
        return await Fixed(activity(answer.weeks), seconds=CACHED_SECONDS)(request)
