"""Clients register themselves over HTTP, in OAuth2's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/oauth/register"
METADATA = {
    "client_name": "Bird",
    "redirect_uris": ["https://bird.example/back"],
    "client_uri": "https://bird.example",
    "scope": "read write",
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
}


async def test_client_is_registered_with_what_it_said(http: httpx2.AsyncClient) -> None:
    answer = await http.post(URL, json={**METADATA, "logo_uri": "https://bird.example/logo.png"})
    assert answer.status_code == 201
    body = answer.json()
    assert body.pop("client_id_issued_at") >= 0
    assert body == {
        **METADATA,
        "client_id": "client",
        "client_secret": "secret",
        "client_secret_expires_at": 0,
        "token_endpoint_auth_method": "client_secret_basic",
    }


async def test_public_client_gets_no_secret(http: httpx2.AsyncClient) -> None:
    body = (await http.post(URL, json={**METADATA, "token_endpoint_auth_method": "none"})).json()
    assert body["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in body


async def test_client_that_names_no_grant_gets_codes_alone(http: httpx2.AsyncClient, world: World) -> None:
    body = (await http.post(URL, json={"client_name": "Bird", "redirect_uris": ["https://bird.example"]})).json()
    assert body["grant_types"] == ["authorization_code"]
    assert world.auth.made("CreateApp")[0].request.grant_types == ["authorization_code"]


@pytest.mark.parametrize(
    ("changed", "code", "named"),
    [
        ({"client_name": ""}, "invalid_client_metadata", "client_name"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri", "redirect_uris"),
        ({"response_types": ["token"]}, "invalid_client_metadata", "response_types"),
        ({"response_types": ["code", "code id_token"]}, "invalid_client_metadata", "response_types"),
        ({"grant_types": {"a": 1}}, "invalid_client_metadata", "grant_types"),
        ({"client_uri": "x" * 3000}, "invalid_client_metadata", "client_uri"),
    ],
)
async def test_wrong_metadata_is_named(
    http: httpx2.AsyncClient, changed: dict[str, Any], code: str, named: str
) -> None:
    answer = await http.post(URL, json={**METADATA, **changed})
    assert (answer.status_code, answer.json()["error"]) == (400, code)
    assert named in answer.json()["error_description"]
