"""What the database, the log and the events of a sign-up tell: nothing that is personal or secret."""

from __future__ import annotations

from typing import Any

import pytest

from auth_service.models import AuthorizationRequest
from rookery_common.clients.postgres import Postgres

ADDRESS = "very.personal@example.org"
PASSWORD = "correct horse battery"
NETWORK = "192.0.2.77"


async def rows(pg: Postgres) -> dict[str, str]:
    """All rows of all tables, as text and with bytes decoded."""
    async with pg.read(primary=True) as read:
        tables = await read.fetch("tables", "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        found = {}
        for (table,) in tables:
            texts = await read.fetch("rows", f'SELECT t::text FROM "{table}" t')  # noqa: S608 - names of its own tables
            found[table] = "\n".join(row[0] for row in texts)
    return found


async def test_no_table_holds_an_address_a_password_a_token_or_a_network(
    world: Any, pg: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    issued = await world.sign_up(email=ADDRESS, password=PASSWORD)
    request = AuthorizationRequest(world.app.client_id, world.redirect, "code")
    code = await world.auth.authorizations.authorize(request, ADDRESS, PASSWORD, NETWORK)
    await world.auth.sessions.exchange(issued.access_token)
    await world.auth.sessions.revoke_token(issued.access_token, world.app)
    tables, logged = await rows(pg), capsys.readouterr()
    assert {"credentials", "sessions", "authorization_codes", "outbox", "signing_keys", "sign_in_tries"} <= set(tables)
    assert tables["credentials"]
    assert tables["outbox"]
    texts = {**tables, "stdout": logged.out, "stderr": logged.err}
    secrets = [ADDRESS, PASSWORD, NETWORK, issued.access_token, code, world.app_secret]
    for secret in [*secrets, ADDRESS.partition("@")[0]]:
        in_hex = secret.encode().hex()
        assert [name for name, text in texts.items() if secret in text or in_hex in text] == []


async def test_the_address_is_read_again_with_the_accounts_key_only(world: Any) -> None:
    await world.sign_up(email=ADDRESS)
    credentials = await world.repository.credentials_by_username("alice")
    emails = world.auth.sign_in._emails
    assert emails.open(credentials.account_id, credentials.data_key, credentials.email) == ADDRESS
    other, _ = emails.seal(1, ADDRESS)
    for account_id, key in [(credentials.account_id, other), (credentials.account_id + 1, credentials.data_key)]:
        with pytest.raises(Exception, match="can't be decrypted"):
            emails.open(account_id, key, credentials.email)
