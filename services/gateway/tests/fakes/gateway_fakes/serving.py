"""A web application on a port of its own, for clients that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp

from gateway_service.config import Settings
from gateway_service.overload import Gate
from gateway_service.server import HttpServer
from rookery_common.clock import SystemClock
from rookery_common.health import Health

START_SECONDS = 30


@contextmanager
def served(web: ASGIApp, settings: Settings) -> Iterator[str]:
    """Its address, while it is served by a thread with a loop of its own."""
    listening, loop = threading.Event(), asyncio.new_event_loop()
    server = HttpServer(web, settings, Health({}), Gate(SystemClock()))

    def run() -> None:
        loop.run_until_complete(server.start())
        listening.set()
        loop.run_forever()
        loop.run_until_complete(server.stop())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert listening.wait(START_SECONDS)
    yield f"http://{server.address}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join(START_SECONDS)
