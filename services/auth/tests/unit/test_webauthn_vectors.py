"""Answers of authenticators as the W3C publishes them (WebAuthn Level 3, Test Vectors)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from webauthn.helpers import bytes_to_base64url

from auth_service.account_models import Client
from auth_service.config import Settings
from auth_service.errors import WrongPasskey

VECTORS: dict[str, dict[str, dict[str, str]]] = json.loads(
    (Path(__file__).parent / "webauthn_vectors.json").read_text(encoding="utf-8")
)
# The others lack the flag of user verification, come from another site's page, or have an algorithm not asked for.
TAKEN, SIGNS_IN = {"packed-es256", "packed-self-es256", "packed-rs256"}, {"packed-es256"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"public_url": "https://example.org"})


def answer(vector: dict[str, dict[str, str]], step: str) -> str:
    """As a browser sends it."""
    name = bytes_to_base64url(bytes.fromhex(vector["registration"]["credential_id"]))
    parts = {"clientDataJSON", "attestationObject", "authenticatorData", "signature"}
    response = {key: bytes_to_base64url(bytes.fromhex(text)) for key, text in vector[step].items() if key in parts}
    whole = {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}
    return json.dumps(whole)


@pytest.mark.parametrize("name", list(VECTORS))
async def test_published_answers_are_taken_or_refused_as_they_should_be(
    world: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def asked(step: str) -> None:
        """Our challenge is the one that the vector answers."""
        challenge = bytes.fromhex(VECTORS[name][step]["challenge"])
        monkeypatch.setattr("auth_service.service.passkeys._challenge", lambda _token: challenge)

    await world.sign_up()
    account = await world.accounts.account_by_username("alice")
    asked("registration")
    begun = await world.auth.passkeys.begin(account)
    adding = world.auth.passkeys.add(account, begun.token, answer(VECTORS[name], "registration"), "Key")
    if name not in TAKEN:
        with pytest.raises(WrongPasskey):
            await adding
        return
    await adding
    asked("authentication")
    started = await world.auth.passkeys.start()
    entering = world.auth.browsers.enter(started.token, answer(VECTORS[name], "authentication"), Client())
    if name not in SIGNS_IN:
        with pytest.raises(WrongPasskey):
            await entering
        return
    assert (await entering).account_id == account.account_id
