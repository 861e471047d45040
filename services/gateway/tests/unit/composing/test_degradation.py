"""What is answered while a service is away, and how the answer says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httpx2
import pytest
import pytest_asyncio

from gateway_service.compose import hydrate
from gateway_service.compose.for_you import ForYou
from gateway_service.routers.timelines import Timelines
from gateway_service.web import build_web
from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from tests.unit.composing.conftest import Gateway, World

ALICE, BOB = 101, 102
HOME = "/api/v1/timelines/home"


@pytest_asyncio.fixture
async def http(world: World, gateway: Gateway) -> AsyncIterator[httpx2.AsyncClient]:
    world.account(ALICE, "alice")
    world.account(BOB, "bob")
    world.follow(BOB, ALICE)
    world.entry(BOB, world.post(1, ALICE))
    world.opaque["bobs-token"] = world.tokens.identity(BOB, session_id=7)
    web = build_web(
        gateway.settings,
        [
            Timelines(
                gateway.composer, ForYou(gateway.clients, gateway.composer), gateway.exchange, gateway.settings
            ).router
        ],
    )
    transport = httpx2.ASGITransport(app=web)
    headers = {"Authorization": "Bearer bobs-token"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://rookery.test", headers=headers) as client:
        yield client


async def test_a_whole_answer_says_nothing(http: httpx2.AsyncClient) -> None:
    answer = await http.get(HOME)
    assert answer.status_code == 200
    assert "x-rookery-degraded" not in answer.headers


async def test_names_are_shown_as_they_were_and_the_answer_says_so(
    world: World, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await http.get(HOME)
    monkeypatch.setattr(hydrate, "COUNTS_SECONDS", 0.0)
    world.failures["BatchGetAccounts"] = Unavailable("Restarting.")
    answer = await http.get(HOME)
    assert (answer.status_code, answer.json()) == (200, whole.json())
    assert answer.headers["x-rookery-degraded"] == "names"
    world.failures.clear()
    assert "x-rookery-degraded" not in (await http.get(HOME)).headers


@pytest.mark.parametrize("method", ["BatchGetHome", "BatchGetPosts", "BatchGetRelationships"])
async def test_without_what_a_page_needs_there_is_none(world: World, http: httpx2.AsyncClient, method: str) -> None:
    await http.get(HOME)
    world.failures[method] = Unavailable("Restarting.")
    answer = await http.get(HOME)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    world.failures.clear()
    assert (await http.get(HOME)).status_code == 200
