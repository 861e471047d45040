"""The whole web application in process, on the fakes of the services."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import httpx2
import pytest
import pytest_asyncio
from starlette import routing
from starlette.types import ASGIApp

from gateway_service.app import api_routers
from gateway_service.auth import TokenExchange
from gateway_service.cache import Fragments
from gateway_service.compose import Composer
from gateway_service.compose.for_you import ForYou
from gateway_service.config import Settings
from gateway_service.flags import FLAGS
from gateway_service.routers.texts import TextRoutes
from gateway_service.routers.timelines import Timelines
from gateway_service.texts import Texts
from gateway_service.web import build_web
from rookery_common.flags import Flags
from rookery_common.testing.clock import FakeClock

if TYPE_CHECKING:
    from gateway_fakes.world import World


@pytest.fixture(scope="session", autouse=True)
def _paths_compiled_once() -> Iterator[None]:
    """Each test makes the whole application."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routing, "compile_path", cache(routing.compile_path))
        yield


@pytest.fixture
def exchange(world: World, clock: FakeClock) -> TokenExchange:
    return TokenExchange(cast(Any, world.auth), clock, capacity=100)


@pytest.fixture
def flags() -> Flags:
    """Everything is on."""
    return Flags("", FLAGS, service="gateway")


@pytest.fixture
def texts(settings: Settings) -> Texts:
    """None, until a test starts it with a file."""
    return Texts(settings)


@pytest.fixture
def web(
    world: World, exchange: TokenExchange, settings: Settings, clock: FakeClock, flags: Flags, texts: Texts
) -> ASGIApp:
    clients = cast(Any, world)
    composer = Composer(clients, Fragments(), clock, settings)
    timelines = Timelines(composer, ForYou(clients, composer), exchange, settings)
    others = api_routers(clients, composer, exchange, settings, clock, flags)
    return build_web(settings, [timelines.router, *others, TextRoutes(texts, clock).router])


@pytest_asyncio.fixture
async def http(web: ASGIApp) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=web)
    async with httpx2.AsyncClient(transport=transport, base_url="http://rookery.test") as client:
        yield client
