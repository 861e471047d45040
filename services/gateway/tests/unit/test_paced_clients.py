"""Mastodon.py keeps to the limits by what their headers say, whichever way it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from gateway_fakes.serving import served
from mastodon import Mastodon, MastodonRatelimitError

from gateway_service.auth import TokenExchange
from gateway_service.config import Settings
from gateway_service.limits import Limiter
from gateway_service.metrics import LIMIT_REFUSALS
from gateway_service.routers.empty import Empty
from gateway_service.web import build_web
from rookery_common.clock import SystemClock
from rookery_common.testing.ports import free_address

if TYPE_CHECKING:
    from gateway_fakes.world import World

LIMITS = """
[classes.paced]
routes = ["GET /api/v1/instance/domain_blocks"]
account = "6/2s"
[classes.slow]
routes = ["GET /api/v1/domain_blocks"]
account = "2/2s"
"""


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    file = tmp_path / "limits.toml"
    file.write_text(LIMITS)
    address = free_address()
    own = {"http_address": address, "public_url": f"http://{address}", "limits_file": str(file)}
    return settings.model_copy(update=own)


@pytest.fixture
def url(world: World, exchange: TokenExchange, settings: Settings) -> Iterator[str]:
    """A gateway with these limits, counted by the clock on the wall."""
    clock = SystemClock()
    limiter = Limiter(settings, exchange, clock)
    web = build_web(settings, limiter.over([Empty(exchange).router]))
    limiter.reload_if_changed()
    with served(web, settings) as url:
        yield url


@pytest.fixture
def token(world: World) -> str:
    return world.newcomer("alice")[1]["authorization"].removeprefix("Bearer ")


def refusals(name: str) -> float:
    value: float = LIMIT_REFUSALS.labels(name)._value.get()
    return value


def ask(api: Mastodon, times: int) -> list[Any]:
    return [api.domain_blocks() for _ in range(times)]


def test_client_that_paces_itself_is_never_refused(url: str, token: str) -> None:
    api = Mastodon(access_token=token, api_base_url=url, ratelimit_method="pace")
    before = refusals("paced")
    for _ in range(10):
        assert api.instance_domain_blocks() == []
    assert refusals("paced") == before


def test_client_that_waits_is_served_once_its_limit_lets_it(url: str, token: str) -> None:
    hasty = Mastodon(access_token=token, api_base_url=url, ratelimit_method="throw")
    with pytest.raises(MastodonRatelimitError):
        ask(hasty, 100)
    patient = Mastodon(access_token=token, api_base_url=url, ratelimit_method="wait")
    assert ask(patient, 2) == [[], []]
