"""/livez, /readyz and /health on the public port, for load balancers that can't reach the port of the probes."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.errors import JSON
from gateway_service.routing import Routes, json_response
from rookery_common.health import Health


class Probes:
    """Tells whether to send requests here; what is amiss is told on the private port only."""

    def __init__(self, health: Health) -> None:
        self._health = health
        routes = Routes("probes")
        routes.get("/livez", self.live, "probes_live", "Whether the process runs")
        routes.get("/readyz", self.ready, "probes_ready", "Whether it serves")
        routes.get("/health", self.health, "health_get", "Whether it runs, in Mastodon's words")
        self.router = routes.router

    async def live(self, _request: Request) -> Response:
        return json_response(b'{"live":true}')

    async def health(self, _request: Request) -> Response:
        return json_response(b'{"status":"OK"}')

    async def ready(self, _request: Request) -> Response:
        ready = not await self._health.failures()
        return Response(orjson.dumps({"ready": ready}), 200 if ready else 503, media_type=JSON)
