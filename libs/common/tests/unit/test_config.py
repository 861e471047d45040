"""Settings come from the environment, and bad ones are named."""

import base64

import pytest
from pydantic import ValidationError

from rookery_common.config import BaseServiceSettings, PostgresSettings, settings_config

KEY = base64.b64encode(bytes(32)).decode()


class Settings(BaseServiceSettings, PostgresSettings):
    model_config = settings_config("DEMO_")
    service: str = "demo"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_MASTER_KEY", KEY)
    monkeypatch.setenv("DEMO_POSTGRES_DSN", "postgresql://demo:hunter2@127.0.0.1/demo")


def test_settings_read_their_own_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_GRPC_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("OTHER_LOG_LEVEL", "DEBUG")
    settings = Settings()
    assert (settings.grpc_address, settings.log_level) == ("127.0.0.1:1", "INFO")
    assert settings.master_key_bytes() == bytes(32)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = repr(Settings())
    assert "hunter2" not in shown
    assert KEY not in shown


@pytest.mark.parametrize(
    ("name", "value"),
    [("MASTER_KEY", "short"), ("MASTER_KEY", "c2hvcnQ="), ("DRAIN_SECONDS", "-1"), ("POSTGRES_POOL_SIZE", "many")],
)
def test_bad_value_names_its_field(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"DEMO_{name}", value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert caught.value.errors()[0]["loc"] == (name.lower(),)


def test_half_of_tls_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_TLS_CERT_FILE", "cert.pem")
    with pytest.raises(ValidationError, match="go together"):
        Settings()
