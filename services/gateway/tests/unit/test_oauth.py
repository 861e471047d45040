"""Apps and tokens over HTTP."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from gateway_fakes.notification import PUSH_KEY

from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

CLIENT = {"client_id": "client", "client_secret": "secret"}
OOB = "urn:ietf:wg:oauth:2.0:oob"


@pytest.mark.parametrize(
    "sent",
    [
        {"data": {"client_name": "Bird", "redirect_uris": OOB, "scopes": "read write", "website": "https://b.example"}},
        {
            "json": {
                "client_name": "Bird",
                "redirect_uris": [OOB],
                "scopes": "read write",
                "website": "https://b.example",
            }
        },
        {"json": {"client_name": "Bird", "redirect_uris": OOB, "scopes": "read+write", "website": "https://b.example"}},
    ],
)
async def test_app_is_registered(http: httpx2.AsyncClient, world: World, sent: dict[str, Any]) -> None:
    body = (await http.post("/api/v1/apps", **sent)).json()
    assert body == {
        "id": "7",
        "name": "Bird",
        "website": "https://b.example",
        "scopes": ["read", "write"],
        "redirect_uri": OOB,
        "redirect_uris": [OOB],
        "vapid_key": PUSH_KEY,
        "client_id": "client",
        "client_secret": "secret",
        "client_secret_expires_at": 0,
    }


@pytest.mark.parametrize(
    "sent",
    [
        {"data": {"client_name": "Bird", "redirect_uris": "https://a.example/x\nhttps://b.example/y"}},
        {"json": {"client_name": "Bird", "redirect_uris": ["https://a.example/x", "https://b.example/y"]}},
        {"data": {"client_name": "Bird", "redirect_uris[]": ["https://a.example/x", "https://b.example/y"]}},
    ],
)
async def test_app_has_several_addresses(http: httpx2.AsyncClient, sent: dict[str, Any]) -> None:
    body = (await http.post("/api/v1/apps", **sent)).json()
    assert body["redirect_uris"] == ["https://a.example/x", "https://b.example/y"]
    assert body["redirect_uri"] == "https://a.example/x\nhttps://b.example/y"


async def test_bad_app_is_refused_by_field(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/api/v1/apps", json={"redirect_uris": OOB})
    assert answer.status_code == 422
    assert list(answer.json()["details"]) == ["client_name"]


async def test_any_token_tells_its_app(http: httpx2.AsyncClient, world: World) -> None:
    _, user = world.newcomer("alice", "write:media")
    for headers in (user, world.app_headers()):
        body = (await http.get("/api/v1/apps/verify_credentials", headers=headers)).json()
        assert body["name"] == "Test app"
        assert "client_secret" not in body
    assert (await http.get("/api/v1/apps/verify_credentials")).status_code == 401


async def test_client_credentials_give_a_token(http: httpx2.AsyncClient) -> None:
    form = {**CLIENT, "grant_type": "client_credentials", "scope": "read write"}
    for sent in ({"data": form}, {"json": form}):
        answer = await http.post("/oauth/token", **sent)  # type: ignore[arg-type]
        assert answer.status_code == 200
        assert answer.json()["token_type"] == "Bearer"
        assert answer.json()["scope"] == "read write"
        assert isinstance(answer.json()["created_at"], int)
        assert "no-store" in answer.headers["cache-control"]


async def test_client_may_name_itself_in_the_header(http: httpx2.AsyncClient) -> None:
    headers = {"authorization": "Basic " + base64.b64encode(b"client:secret").decode()}
    answer = await http.post("/oauth/token", data={"grant_type": "client_credentials"}, headers=headers)
    assert answer.status_code == 200
    broken = await http.post("/oauth/token", data={}, headers={"authorization": "Basic %%%"})
    assert (broken.status_code, broken.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"grant_type": "client_credentials", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "authorization_code", "code": "wrong"}, 400, "invalid_grant"),
        ({"grant_type": "password", "username": "a", "password": "b"}, 400, "unsupported_grant_type"),
        ({"grant_type": ["a", "b"]}, 400, "invalid_request"),
    ],
)
async def test_refusal_has_oauths_form(http: httpx2.AsyncClient, form: dict[str, Any], status: int, code: str) -> None:
    answer = await http.post("/oauth/token", json={**CLIENT, **form})
    assert answer.status_code == status
    assert answer.json()["error"] == code
    assert answer.json()["error_description"]
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_secret_is_not_taken_from_the_query(http: httpx2.AsyncClient) -> None:
    answer = await http.post(
        "/oauth/token?client_id=client&client_secret=secret", data={"grant_type": "client_credentials"}
    )
    assert answer.status_code == 401


async def test_auth_away_is_temporary(http: httpx2.AsyncClient, world: World, away: Unavailable) -> None:
    world.auth.failure = away
    answer = await http.post("/oauth/token", data={**CLIENT, "grant_type": "client_credentials"})
    assert answer.status_code == 503
    assert answer.json()["error"] == "temporarily_unavailable"
    assert "retry-after" in answer.headers


async def test_revoked_token_is_refused_by_the_next_request(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    verify = "/api/v1/accounts/verify_credentials"
    assert (await http.get(verify, headers=headers)).status_code == 200
    token = headers["authorization"].removeprefix("Bearer ")
    answer = await http.post("/oauth/revoke", data={**CLIENT, "token": token})
    assert (answer.status_code, answer.json()) == (200, {})
    assert (await http.get(verify, headers=headers)).status_code == 401
    assert (await http.post("/oauth/revoke", data={**CLIENT, "token": token})).status_code == 200


@pytest.mark.parametrize("form", [{**CLIENT}, {"client_id": "other", "client_secret": "x", "token": "t"}])
async def test_anothers_token_is_not_revoked(http: httpx2.AsyncClient, form: dict[str, str]) -> None:
    answer = await http.post("/oauth/revoke", data=form)
    assert answer.status_code == 403
    assert answer.json()["error"] == "unauthorized_client"


async def test_userinfo_tells_who_it_is(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice", "profile")
    body = (await http.get("/oauth/userinfo", headers=headers)).json()
    assert body["preferred_username"] == "alice"
    assert body["iss"] == "http://rookery.test/"
    assert body["sub"] == body["profile"]
    assert (await http.get("/oauth/userinfo", headers=world.app_headers())).status_code == 422


async def test_metadata_names_the_endpoints(http: httpx2.AsyncClient) -> None:
    body = (await http.get("/.well-known/oauth-authorization-server")).json()
    assert body["issuer"] == "http://rookery.test/"
    assert body["token_endpoint"] == "http://rookery.test/oauth/token"
    assert body["code_challenge_methods_supported"] == ["S256"]
    assert {"read", "write:statuses", "follow", "push", "profile"} <= set(body["scopes_supported"])
    assert "refresh_token" in body["grant_types_supported"]
    assert body["authorization_response_iss_parameter_supported"] is True
    for name in ("registration_endpoint", "introspection_endpoint", "revocation_endpoint", "authorization_endpoint"):
        assert body[name].startswith("http://rookery.test/oauth/")


async def test_refresh_gives_the_next_tokens(http: httpx2.AsyncClient) -> None:
    form = {**CLIENT, "grant_type": "refresh_token", "refresh_token": "refresh"}
    body = (await http.post("/oauth/token", data=form)).json()
    assert (body["refresh_token"], body["expires_in"], body["token_type"]) == ("next", 3600, "Bearer")
    again = await http.post("/oauth/token", data={**form, "refresh_token": "used"})
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


async def test_token_without_refresh_says_nothing_of_its_end(http: httpx2.AsyncClient) -> None:
    body = (await http.post("/oauth/token", data={**CLIENT, "grant_type": "client_credentials"})).json()
    assert set(body) == {"access_token", "token_type", "scope", "created_at"}


async def test_client_asks_what_its_token_is(http: httpx2.AsyncClient, world: World) -> None:
    token = world.auth.grant(1, "read")
    body = (await http.post("/oauth/introspect", data={**CLIENT, "token": token})).json()
    assert body == {
        "active": True,
        "scope": "read",
        "client_id": "client",
        "sub": "1",
        "username": "alice",
        "token_type": "Bearer",
        "iat": 1_700_000_000,
        "exp": 1_800_000_000,
        "iss": "http://rookery.test/",
    }
    assert (await http.post("/oauth/introspect", data={**CLIENT, "token": "other"})).json() == {"active": False}
    refused = await http.post("/oauth/introspect", data={"client_id": "client", "token": token})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
