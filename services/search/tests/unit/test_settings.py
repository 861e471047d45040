from __future__ import annotations

import sys

import pytest

from rookery_common.app import App, Role, cli
from search_service.app import build
from search_service.config import Settings


def test_settings_are_read_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SEARCH_GRPC_ADDRESS", "0.0.0.0:9000")

    settings = Settings()

    assert settings.service == "search"
    assert settings.grpc_address == "0.0.0.0:9000"
    assert settings.elasticsearch_url.get_secret_value() == "http://127.0.0.1:9200"


def test_a_secret_is_not_shown(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SEARCH_ELASTICSEARCH_URL", "hush")

    assert "hush" not in repr(Settings())


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("SEARCH_ELASTICSEARCH_URL", None, "Field required"),
        ("SEARCH_MASTER_KEY", "c2hvcnQ=", "must be 32 bytes in base64"),
        ("SEARCH_DRAIN_SECONDS", "-1", "greater than or equal to 0"),
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
    environment.setattr(sys, "argv", ["search", "serve"])

    with pytest.raises(SystemExit) as ended:
        cli("search", build)

    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{variable}: ")
    assert complaint in said


@pytest.mark.usefixtures("environment")
async def test_the_process_is_built_for_each_role_without_touching_an_engine() -> None:
    assert all(isinstance(build(frozenset({role})), App) for role in Role)
