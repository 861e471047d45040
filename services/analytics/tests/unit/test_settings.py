from __future__ import annotations

import sys

import pytest

from analytics_service.app import build
from analytics_service.config import Settings
from rookery_common.app import App, Role, cli


def test_settings_are_read_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ANALYTICS_GRPC_ADDRESS", "0.0.0.0:9000")

    settings = Settings()

    assert settings.service == "analytics"
    assert settings.grpc_address == "0.0.0.0:9000"
    assert settings.s3_secret_key.get_secret_value() == "analytics-secret"


def test_a_secret_is_not_shown(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ANALYTICS_S3_SECRET_KEY", "hush")

    assert "hush" not in repr(Settings())


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("ANALYTICS_CQL_KEYSPACE", None, "Field required"),
        ("ANALYTICS_MASTER_KEY", "c2hvcnQ=", "must be 32 bytes in base64"),
        ("ANALYTICS_CQL_PORT", "nine", "valid integer"),
    ],
)
def test_a_wrong_setting_ends_the_process_and_is_named(
    environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str | None,
    complaint: str,
) -> None:
    if value is None:
        environment.delenv(variable)
    else:
        environment.setenv(variable, value)
    environment.setattr(sys, "argv", ["analytics", "serve"])

    with pytest.raises(SystemExit) as ended:
        cli("analytics", build)

    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{variable}: ")
    assert complaint in said


@pytest.mark.usefixtures("environment")
async def test_the_process_is_built_for_each_role_without_touching_an_engine() -> None:
    assert all(isinstance(build(frozenset({role})), App) for role in Role)
