"""Fixtures of all of the gateway's tests."""

from __future__ import annotations

import base64

import pytest
from gateway_fakes.world import World
from pydantic import SecretStr

from gateway_service.config import Settings
from rookery_common.errors import (
    Unavailable,
)
from rookery_common.testing.clock import FakeClock


@pytest.fixture
def world(clock: FakeClock) -> World:
    return World(clock)


@pytest.fixture
def settings() -> Settings:
    key = SecretStr(base64.b64encode(bytes(range(32))).decode())
    return Settings(
        master_key=key,
        public_url="http://rookery.test",
        max_body_bytes=4096,
        max_upload_bytes=200_000,
        max_video_bytes=400_000,
    )


@pytest.fixture
def away() -> Unavailable:
    return Unavailable("The service is away.")
