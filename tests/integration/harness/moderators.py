"""People whom an operator has made moderators, and the log of what they did."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg

from harness.operators import operate
from harness.people import SCOPES, Person, Town
from harness.platform import required
from harness.waiting import eventually

ADMINISTRATION = ("admin:read", "admin:write")
# Auth tells of changed roles within a second; the rest is the round trip of a slow machine.
ROLE_SECONDS = 20.0

_AUDIT = """
SELECT action, actor_id, account_id, detail FROM audit_log WHERE post_id = $1 ORDER BY audit_id LIMIT 100
"""


def appoint(url: str, name: str = "moderator") -> Person:
    """A new account with the role, once its token has the scopes that go with it."""
    person = Town(url, (*SCOPES, *ADMINISTRATION)).newcomer(name)
    change_role("grant-role", person, name)
    eventually(lambda: role(person), lambda found: found == name.capitalize(), within=ROLE_SECONDS, what="the role")
    return person


def change_role(verb: str, person: Person, name: str = "moderator") -> None:
    """`grant-role` or `revoke-role`, as an operator runs it."""
    operate("auth", verb, person.username, name).check_returncode()


def role(person: Person) -> str:
    """The name of the role that the account shows."""
    return str(person.api.account_verify_credentials()["role"]["name"])


def audit_of(post_id: str) -> list[dict[str, Any]]:
    """What the audit log says of a post, in order."""

    async def read() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(required("MODERATION_POSTGRES_DSN"), timeout=10)
        try:
            rows = await connection.fetch(_AUDIT, int(post_id), timeout=10)
        finally:
            await connection.close()
        return [{**row, **json.loads(row["detail"])} for row in rows]

    return asyncio.run(read())
