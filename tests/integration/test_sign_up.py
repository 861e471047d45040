"""Signing up makes one account, however often it is tried."""

from __future__ import annotations

import asyncio
import concurrent.futures
import secrets

import asyncpg
import httpx2
import pytest
from harness.people import PASSWORD, Person, Town
from harness.platform import required


def form(changed: dict[str, object]) -> dict[str, object]:
    username = f"dan_{secrets.token_hex(4)}"
    right = {"username": username, "email": f"{username}@example.org", "password": PASSWORD, "agreement": True}
    return {**right, "locale": "en", **changed}


@pytest.fixture
def headers(town: Town) -> dict[str, str]:
    return {"authorization": f"Bearer {town.app_token()}"}


def test_repeated_sign_up_with_one_key_makes_one_account(http: httpx2.Client, headers: dict[str, str]) -> None:
    body = form({})
    keyed = {**headers, "idempotency-key": secrets.token_hex(8)}

    def sign_up() -> httpx2.Response:
        return http.post("/api/v1/accounts", json=body, headers=keyed)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = [future.result() for future in [pool.submit(sign_up) for _ in range(4)]]
    tokens = [answer.json()["access_token"] for answer in answers if answer.status_code == 200]
    assert tokens, [answer.text for answer in answers]
    assert {answer.status_code for answer in answers} <= {200, 409, 503}
    ids = {
        http.get("/api/v1/accounts/verify_credentials", headers={"authorization": f"Bearer {token}"}).json()["id"]
        for token in tokens
    }
    assert len(ids) == 1
    assert http.get("/api/v1/accounts/lookup", params={"acct": str(body["username"])}).json()["id"] in ids


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"username": "not a name"}, "username", "ERR_INVALID"),
        ({"username": "x" * 31}, "username", "ERR_TOO_LONG"),
        ({"username": ""}, "username", "ERR_BLANK"),
        ({"email": "nowhere"}, "email", "ERR_INVALID"),
        ({"password": "short"}, "password", "ERR_TOO_SHORT"),
        ({"agreement": False}, "agreement", "ERR_ACCEPTED"),
    ],
)
def test_bad_sign_up_names_the_field(
    http: httpx2.Client, headers: dict[str, str], changed: dict[str, object], field: str, code: str
) -> None:
    answer = http.post("/api/v1/accounts", json=form(changed), headers=headers)
    assert answer.status_code == 422, answer.text
    assert [detail["error"] for detail in answer.json()["details"][field]] == [code]


@pytest.mark.parametrize("field", ["username", "email"])
def test_what_is_taken_is_said_to_be(http: httpx2.Client, headers: dict[str, str], alice: Person, field: str) -> None:
    taken: dict[str, dict[str, object]] = {
        "username": {"username": alice.username},
        "email": {"email": f"{alice.username}@example.org"},
    }
    answer = http.post("/api/v1/accounts", json=form(taken[field]), headers=headers)
    assert answer.status_code == 422, answer.text
    assert [detail["error"] for detail in answer.json()["details"][field]] == ["ERR_TAKEN"]


def test_email_address_is_nowhere_in_plain_text(alice: Person) -> None:
    wanted = f"{alice.username}@example.org".encode()

    async def tables(dsn: str) -> list[str]:
        connection = await asyncpg.connect(dsn)
        try:
            names = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
            found = []
            for (name,) in names:
                rows = await connection.fetch(f'select t::text from "{name}" t')  # noqa: S608  # names of its own tables
                if any(wanted in row[0].encode() for row in rows):
                    found.append(name)
            return found
        finally:
            await connection.close()

    for variable in ("AUTH_POSTGRES_DSN", "USER_POSTGRES_DSN"):
        assert asyncio.run(tables(required(variable))) == []
