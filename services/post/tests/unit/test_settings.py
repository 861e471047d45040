from __future__ import annotations

import pytest
from pydantic import ValidationError

from post_service.app import build
from post_service.config import Settings
from rookery_common.app import Role


def test_settings_come_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("POST_PUBLIC_URL", "https://Rookery.example:8443/")
    settings = Settings()
    assert settings.service == "post"
    assert settings.grpc_address == "127.0.0.1:7003"
    assert settings.cql_keyspace == "rookery_post"
    assert settings.local_domain == "rookery.example:8443"


@pytest.mark.parametrize("name", ["MASTER_KEY", "CQL_KEYSPACE", "REDIS_CACHE_URL", "S3_BUCKET", "S3_SECRET_KEY"])
def test_a_missing_setting_is_named(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(f"POST_{name}")
    with pytest.raises(ValidationError) as caught:
        build(frozenset(Role))
    assert [error["loc"] for error in caught.value.errors()] == [(name.lower(),)]


async def test_each_role_can_be_built_alone(environment: pytest.MonkeyPatch) -> None:
    for roles in (frozenset({Role.SERVE}), frozenset({Role.CONSUME}), frozenset({Role.RELAY}), frozenset(Role)):
        build(roles)
