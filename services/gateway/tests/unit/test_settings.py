"""What the gateway is told."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from gateway_service.app import build
from gateway_service.config import AccessLog, Settings
from rookery_common.app import Role
from rookery_common.testing.process import random_master_key


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("GATEWAY_MASTER_KEY", random_master_key())
    return monkeypatch


def test_settings_are_read_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("GATEWAY_HTTP_ADDRESS", "0.0.0.0:80")
    environment.setenv("GATEWAY_PUBLIC_URL", "https://nest.example/")
    environment.setenv("GATEWAY_RULES", '["Be kind"]')
    environment.setenv("GATEWAY_ACCESS_LOG", "all")
    settings = Settings()
    assert settings.service == "gateway"
    assert settings.http_address == "0.0.0.0:80"
    assert (settings.public_url, settings.domain) == ("https://nest.example", "nest.example")
    assert settings.streaming_url == "wss://nest.example"
    assert settings.rules == ["Be kind"]
    assert settings.access_log is AccessLog.ALL


@pytest.mark.parametrize("url", ["nest.example", "ftp://nest.example", "https://", "https://nest.example/?a=b"])
def test_public_url_must_be_one(environment: pytest.MonkeyPatch, url: str) -> None:
    environment.setenv("GATEWAY_PUBLIC_URL", url)
    with pytest.raises(ValidationError, match="public_url"):
        Settings()


def test_languages_are_not_empty(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("GATEWAY_LANGUAGES", "[]")
    with pytest.raises(ValidationError, match="languages"):
        Settings()


async def test_everything_is_wired(environment: pytest.MonkeyPatch) -> None:
    assert build(frozenset(Role)) is not None


def test_the_only_role_is_to_serve(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="serve"):
        build(frozenset({Role.CONSUME}))
