"""Probes and metrics over HTTP, on a port of their own: /livez /readyz /startupz /metrics."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import uvicorn
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from rookery_common.logs import get_logger

Check = Callable[[], Awaitable[None]]
CHECK_SECONDS = 2.0
BACKLOG = 2048
log = get_logger()


class Health:
    """Whether the process is started, serves, and can reach what it needs."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = dict(checks)
        self.started = False
        self.draining = False

    async def failures(self) -> dict[str, str]:
        """What is not ready, by name; empty when all is. Each check has two seconds."""
        if self.draining:
            return {"process": "draining"}
        if not self.started:
            return {"process": "starting"}
        names = list(self._checks)
        results = await asyncio.gather(*(self._run(self._checks[name]) for name in names))
        return {name: result for name, result in zip(names, results, strict=True) if result}

    @staticmethod
    async def _run(check: Check) -> str:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await check()
        except Exception as error:  # any failure means the same here: not ready, and why
            return type(error).__name__
        return ""


class HealthServer:
    """Serves the probes. Liveness asks nothing of other systems, so that their trouble restarts nobody."""

    def __init__(self, address: str, health: Health, registry: CollectorRegistry = REGISTRY) -> None:
        host, _, port = address.rpartition(":")
        self._health = health
        self._registry = registry
        routes = [
            Route("/livez", self._live),
            Route("/readyz", self._ready),
            Route("/startupz", self._startup),
            Route("/metrics", self._metrics),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), host=host, port=int(port), log_config=None, access_log=False, lifespan="off"
        )
        self._server = EmbeddedServer(config)

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()

    async def _live(self, _request: Request) -> Response:
        return PlainTextResponse("ok")

    async def _startup(self, _request: Request) -> Response:
        return PlainTextResponse("ok" if self._health.started else "starting", 200 if self._health.started else 503)

    async def _ready(self, _request: Request) -> Response:
        failures = await self._health.failures()
        if failures:
            log.warning("health.not_ready", failures=failures)
        return JSONResponse({"ready": not failures, "failures": failures}, 503 if failures else 200)

    async def _metrics(self, request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._registry), media_type=content_type)


class EmbeddedServer(uvicorn.Server):
    """uvicorn inside a process that handles its own signals."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def main_loop(self) -> None:
        """A tick a second, for the Date header, and the end at once: uvicorn looks ten times a second for both."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):  # the second is over
                async with asyncio.timeout(1.0):
                    await self._stopping.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the App, which stops this server in its turn."""
        yield

    async def start(self) -> None:
        """Returns once it listens; raises OSError where the address can't be had."""
        # Bound here: uvicorn would end the whole process where it can't bind.
        listener = socket.create_server((self.config.host, self.config.port), backlog=BACKLOG)
        self._task = asyncio.create_task(self.serve([listener]), name="uvicorn")
        while not self.started:
            if self._task.done():
                self._task.result()
                raise OSError(f"cannot serve on {self.config.host}:{self.config.port}")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Finishes the requests under way, for as long as the configuration allows."""
        self.should_exit = True
        self._stopping.set()
        if self._task is not None:
            await self._task
