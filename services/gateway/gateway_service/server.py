"""The public port."""

from __future__ import annotations

from functools import partial

import uvicorn
from starlette.types import ASGIApp

from gateway_service.config import Settings
from gateway_service.overload import Gate
from gateway_service.shedding import SheddingHttp
from rookery_common.health import Check, EmbeddedServer, Health
from rookery_common.logs import get_logger

# Longer than load balancers keep an idle connection: they, not we, should be the ones to close it.
KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 15
MAX_SOCKET_MESSAGE_BYTES = 64 * 1024
log = get_logger()


class HttpServer:
    """Component: serves HTTP and WebSockets; stopping waits for the requests under way."""

    def __init__(self, web: ASGIApp, settings: Settings, health: Health, gate: Gate) -> None:
        host, _, port = settings.http_address.rpartition(":")
        self._health = health
        self.web = web
        self._server = EmbeddedServer(
            uvicorn.Config(
                web,
                host=host,
                port=int(port),
                http=partial(SheddingHttp, gate=gate),  # type: ignore[arg-type]  # it is called like the class
                ws="websockets-sansio",
                ws_max_size=MAX_SOCKET_MESSAGE_BYTES,
                # Frames are small, and a compressor would hold some 300 KB for each socket.
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=settings.trusted_proxies,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )

    async def start(self) -> None:
        """Returns once it listens. Raises OSError where the address can't be had."""
        await self._server.start()
        self._health.started = True
        log.info("http.listening", http_address=self.address)

    async def stop(self) -> None:
        """Takes no more connections, and finishes what is under way."""
        self._health.draining = True
        await self._server.stop()

    @property
    def address(self) -> str:
        """Where it listens, with the port that it was given where it had none of its own (0)."""
        host, port = self._server.servers[0].sockets[0].getsockname()[:2]
        return f"{host}:{port}"


class Once:
    """A readiness check that counts once it has passed.

    For what must be had before the first request, and is made up for later: while auth is silent every token is asked
    for, and no other replica would hear more.
    """

    def __init__(self, check: Check) -> None:
        self._check = check
        self._passed = False

    async def __call__(self) -> None:
        if not self._passed:
            await self._check()
            self._passed = True
