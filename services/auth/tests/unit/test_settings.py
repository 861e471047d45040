"""Settings are read from the environment; what is missing or wrong is named."""

from __future__ import annotations

import json
import os

import pytest
from pydantic import ValidationError

from auth_service.config import Settings

REQUIRED = {
    "AUTH_POSTGRES_DSN": "postgresql://auth@127.0.0.1/auth",
    "AUTH_MASTER_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith("AUTH_")]:
        monkeypatch.delenv(name)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_two_settings_suffice() -> None:
    settings = Settings()
    assert (settings.service, settings.grpc_address, settings.sign_up_mode) == ("auth", "127.0.0.1:7001", "closed")


@pytest.mark.parametrize(
    ("variables", "mode"),
    [
        ({"AUTH_LOCAL_MODE": "true"}, "open"),
        ({"AUTH_LOCAL_MODE": "true", "AUTH_REGISTRATIONS": "closed"}, "closed"),
        ({"AUTH_REGISTRATIONS": "invitation"}, "invitation"),
    ],
)
def test_sign_up_is_open_in_local_mode_and_else_as_told(
    environment: pytest.MonkeyPatch, variables: dict[str, str], mode: str
) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)
    assert Settings().sign_up_mode == mode


@pytest.mark.parametrize("missing", sorted(REQUIRED))
def test_a_missing_setting_is_named(environment: pytest.MonkeyPatch, missing: str) -> None:
    environment.delenv(missing)
    with pytest.raises(ValidationError, match=missing.removeprefix("AUTH_").lower()):
        Settings()


@pytest.mark.usefixtures("environment")
def test_secrets_are_not_shown() -> None:
    assert "AAAA" not in repr(Settings())
    assert "postgresql" not in repr(Settings())


PROVIDER = {
    "name": "id",
    "title": "Example",
    "issuer": "https://id.example",
    "client_id": "us",
    "client_secret": "hush",
}


def test_providers_are_a_list_in_json(environment: pytest.MonkeyPatch) -> None:
    other = {"name": "other", "title": "Other", "issuer": "https://other.example", "client_id": "us"}
    environment.setenv("AUTH_PROVIDERS", json.dumps([PROVIDER, other]))
    settings = Settings()
    assert [provider.title for provider in settings.sign_in_providers] == ["Example", "Other"]
    assert "hush" not in repr(settings) + repr(settings.sign_in_providers)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "JSON"),
        ("{}", "list"),
        ([{**PROVIDER, "name": "A b"}], "name"),
        ([{**PROVIDER, "issuer": "id.example"}], "issuer"),
        ([{**PROVIDER, "secret": "hush"}], "secret"),
        ([{**PROVIDER, "scopes": ["email"]}], "openid"),
        ([{**PROVIDER, "title": ""}], "title"),
        ([PROVIDER, PROVIDER], "of its own"),
        ([{**PROVIDER, "name": f"p{n}", "issuer": f"https://{n}.example"} for n in range(21)], "at most 20"),
    ],
)
def test_a_wrong_provider_is_named_and_its_secret_is_not(
    environment: pytest.MonkeyPatch, text: object, told: str
) -> None:
    environment.setenv("AUTH_PROVIDERS", text if isinstance(text, str) else json.dumps(text))
    with pytest.raises(ValidationError, match=told) as caught:
        Settings()
    assert "hush" not in str(caught.value)
