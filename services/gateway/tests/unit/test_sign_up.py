"""Signing up over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import pytest_asyncio
from gateway_fakes.service import with_reason

from rookery_common.errors import PermissionDenied

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/v1/accounts"
FORM = {
    "username": "alice",
    "email": "alice@example.org",
    "password": "correct horse",
    "agreement": "true",
    "locale": "en",
}


async def test_sign_up_gives_a_token_that_works(http: httpx2.AsyncClient, world: World) -> None:
    answer = await http.post(URL, data=FORM, headers=world.app_headers())
    assert answer.status_code == 200
    token = answer.json()
    assert token["token_type"] == "Bearer"
    assert set(token) == {"access_token", "token_type", "scope", "created_at"}
    headers = {"authorization": f"Bearer {token['access_token']}"}
    assert (await http.get(f"{URL}/verify_credentials", headers=headers)).json()["username"] == "alice"


@pytest.fixture
def keyed(world: World) -> dict[str, str]:
    return {**world.app_headers(), "idempotency-key": "k1"}


@pytest_asyncio.fixture
async def request_ids(http: httpx2.AsyncClient, world: World, keyed: dict[str, str]) -> dict[str, str]:
    """The request id of each of several requests."""
    app = world.app_headers()
    requests: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
        "first": (FORM, app),
        "again": (FORM, world.app_headers()),
        "in other case": ({**FORM, "username": "ALICE", "email": "Alice@Example.org"}, app),
        "other name": ({**FORM, "username": "bob"}, app),
        "other address": ({**FORM, "email": "bob@example.org"}, app),
        "keyed": (FORM, keyed),
        "keyed again": (FORM, keyed),
        "keyed for another": ({**FORM, "username": "bob"}, keyed),
    }
    for form, headers in requests.values():
        assert (await http.post(URL, json=form, headers=headers)).status_code == 200
    calls = world.auth.made("SignUp")
    return {name: call.request.request_id for name, call in zip(requests, calls, strict=True)}


async def test_the_same_request_has_the_same_id_and_another_has_another(request_ids: dict[str, str]) -> None:
    assert request_ids["first"] == request_ids["again"] == request_ids["in other case"]
    assert request_ids["keyed"] == request_ids["keyed again"]
    assert len(set(request_ids.values())) == 5


async def test_request_id_tells_nothing_of_the_address(request_ids: dict[str, str]) -> None:
    assert all(len(each) == 64 and "alice" not in each for each in request_ids.values())


async def test_what_is_wrong_is_told_by_field(http: httpx2.AsyncClient, world: World) -> None:
    answer = await http.post(URL, json={**FORM, "username": "", "agreement": False}, headers=world.app_headers())
    assert answer.status_code == 422
    details = answer.json()["details"]
    assert details["username"] == [{"error": "ERR_BLANK", "description": "can't be blank"}]
    assert details["agreement"] == [{"error": "ERR_ACCEPTED", "description": "must be accepted"}]
    assert "username can't be blank" in answer.json()["error"]


@pytest.mark.parametrize("field", ["username", "email", "password"])
async def test_wrong_type_is_told_by_field(http: httpx2.AsyncClient, world: World, field: str) -> None:
    answer = await http.post(URL, json={**FORM, field: 5}, headers=world.app_headers())
    assert answer.status_code == 422
    assert list(answer.json()["details"]) == [field]


async def test_password_is_not_taken_from_the_query(http: httpx2.AsyncClient, world: World) -> None:
    await http.post(f"{URL}?password=secret&username=x", json={"agreement": True}, headers=world.app_headers())
    [call] = world.auth.made("SignUp")
    assert (call.request.password, call.request.username) == ("", "")


async def test_users_token_signs_nobody_up(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.post(URL, json=FORM, headers=headers)
    assert answer.status_code == 403
    assert not world.auth.made("SignUp")


async def test_app_needs_the_scope(http: httpx2.AsyncClient, world: World) -> None:
    headers = {"authorization": f"Bearer {world.auth.grant(0, 'read')}"}
    assert (await http.post(URL, json=FORM, headers=headers)).status_code == 403


async def test_where_auth_lets_nobody_in_nobody_signs_up(
    http: httpx2.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise with_reason(PermissionDenied("sign-up is closed"), "REGISTRATIONS_CLOSED")

    monkeypatch.setattr(world.auth, "SignUp", closed)
    answer = await http.post(URL, json=FORM, headers=world.app_headers())
    assert answer.status_code == 403
    assert "closed" in answer.json()["error_description"]
