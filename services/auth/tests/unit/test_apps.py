"""Registering an application, and being recognized as one."""

from __future__ import annotations

from typing import Any

import pytest

from auth_service.errors import AppNotFound, InvalidClient, ValidationFailed
from auth_service.models import OUT_OF_BAND


async def test_an_app_is_known_by_its_id_and_secret(world: Any) -> None:
    assert await world.auth.apps.get(world.app.app_id) == world.app
    assert await world.auth.apps.authenticate(world.app.client_id, world.app_secret) == world.app
    for client_id, secret in [(world.app.client_id, "wrong"), (world.app.client_id, ""), ("wrong", world.app_secret)]:
        with pytest.raises(InvalidClient):
            await world.auth.apps.authenticate(client_id, secret)


async def test_a_public_client_is_known_by_its_id_and_has_no_secret(world: Any) -> None:
    app, secret = await world.auth.apps.create("Page", [world.redirect], ["read"], "", auth_method="none")
    assert (secret, app.is_public, app.grant_types) == ("", True, ("authorization_code",))
    assert await world.auth.apps.authenticate(app.client_id, "") == app
    with pytest.raises(InvalidClient):
        await world.auth.apps.authenticate(app.client_id, "anything")


@pytest.mark.parametrize(
    ("grants", "method", "field"),
    [
        (["implicit"], "", "grant_types"),
        (["password"], "", "grant_types"),
        (["refresh_token"], "", "grant_types"),
        (["authorization_code", "client_credentials"], "none", "grant_types"),
        (["authorization_code"], "private_key_jwt", "token_endpoint_auth_method"),
    ],
)
async def test_what_an_app_may_not_register_for_is_named(world: Any, grants: Any, method: str, field: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await world.auth.apps.create("App", [world.redirect], [], "", grants, method)
    assert [violation.field for violation in caught.value.fields] == [field]


async def test_the_secret_is_not_what_is_stored(world: Any) -> None:
    stored = await world.repository.app(world.app.app_id)
    assert world.app_secret.encode() not in stored.secret_hash
    assert len(world.app_secret) >= 43
    assert "secret" not in repr(stored)


async def test_an_unknown_app_is_not_found(world: Any) -> None:
    with pytest.raises(AppNotFound):
        await world.auth.apps.get(1)


async def test_an_app_that_names_no_scopes_may_read(world: Any) -> None:
    app, _ = await world.auth.apps.create(" Reader ", [OUT_OF_BAND], [], "")
    assert (app.name, app.scopes) == ("Reader", ("read",))


@pytest.mark.parametrize(
    "uri", [OUT_OF_BAND, "https://a.example/cb?x=1", "http://localhost:3000", "com.example.app:/oauth", "toot://cb"]
)
async def test_redirects_of_web_and_native_apps_are_accepted(world: Any, uri: str) -> None:
    app, _ = await world.auth.apps.create("App", [uri, uri], ["read"], "")
    assert app.redirect_uris == (uri,)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/callback",
        "callback",
        "https://",
        "https:///path",
        "https://[::1",
        "https://a.example/#x",
        "https://a.example/ x",
        "https://a.example/\n",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https://a.example/" + "x" * 2000,
    ],
)
async def test_redirects_that_could_leak_a_code_are_refused(world: Any, uri: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await world.auth.apps.create("App", [uri], ["read"], "")
    assert [violation.field for violation in caught.value.fields] == ["redirect_uris"]


@pytest.mark.parametrize(
    ("arguments", "field", "code"),
    [
        (("", [OUT_OF_BAND], [], ""), "client_name", "ERR_BLANK"),
        (("x" * 61, [OUT_OF_BAND], [], ""), "client_name", "ERR_TOO_LONG"),
        (("App", [], [], ""), "redirect_uris", "ERR_BLANK"),
        (("App", [OUT_OF_BAND] * 21, [], ""), "redirect_uris", "ERR_TOO_LONG"),
        (("App", [OUT_OF_BAND], ["read", "everything"], ""), "scopes", "ERR_INVALID"),
        (("App", [OUT_OF_BAND], ["read"] * 101, ""), "scopes", "ERR_INVALID"),
        (("App", [OUT_OF_BAND], [], "example.org"), "website", "ERR_INVALID"),
        (("App", [OUT_OF_BAND], [], "javascript:alert(1)"), "website", "ERR_INVALID"),
        (("App", [OUT_OF_BAND], [], "https://" + "x" * 2000), "website", "ERR_TOO_LONG"),
    ],
)
async def test_what_is_wrong_with_an_app_is_named(world: Any, arguments: Any, field: str, code: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await world.auth.apps.create(*arguments)
    assert [(violation.field, violation.code) for violation in caught.value.fields] == [(field, code)]
