from __future__ import annotations

import sys

import pytest

from notification_service.app import build
from notification_service.config import Settings
from rookery_common.app import App, Role, cli


def test_settings_are_read_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTIFICATION_GRPC_ADDRESS", "0.0.0.0:9000")

    settings = Settings()

    assert settings.service == "notification"
    assert settings.grpc_address == "0.0.0.0:9000"
    assert settings.redis_state_url.get_secret_value() == "redis://127.0.0.1:6380/0"


def test_a_secret_is_not_shown(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTIFICATION_REDIS_STATE_URL", "hush")

    assert "hush" not in repr(Settings())


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("NOTIFICATION_CQL_KEYSPACE", None, "Field required"),
        ("NOTIFICATION_MASTER_KEY", "c2hvcnQ=", "must be 32 bytes in base64"),
        ("NOTIFICATION_REDIS_CLUSTER", "perhaps", "valid boolean"),
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
    environment.setattr(sys, "argv", ["notification", "serve"])

    with pytest.raises(SystemExit) as ended:
        cli("notification", build)

    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{variable}: ")
    assert complaint in said


@pytest.mark.usefixtures("environment")
async def test_the_process_is_built_for_each_role_without_touching_an_engine() -> None:
    assert all(isinstance(build(frozenset({role})), App) for role in Role)
