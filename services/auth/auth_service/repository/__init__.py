"""Every statement of auth's database. Times come from the caller; each method is one transaction or one read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from auth_service.models import (
    App,
    AuthorizationCode,
    Credentials,
    Revocation,
    Session,
    SessionView,
    SigningKey,
    Tries,
)
from auth_service.repository import statements as sql
from rookery_common.clients.postgres import PgConnection, Postgres
from rookery_common.kafka.events import Event
from rookery_common.kafka.postgres_outbox import PostgresOutbox


class AuthRepository:
    """Applications, credentials, sessions, codes, revocations, tries and keys in Postgres."""

    def __init__(self, pg: Postgres, outbox: PostgresOutbox) -> None:
        self._pg = pg
        self._outbox = outbox

    async def add_app(self, app: App) -> None:
        async with self._pg.transaction() as tx:
            args = (app.app_id, app.client_id, app.secret_hash, app.name, app.website, app.redirect_uris, app.scopes)
            await tx.execute("app_add", sql.ADD_APP, *args, app.created_at, app.grant_types, app.is_public)

    async def app(self, app_id: int) -> App | None:
        row = await self._row("app_by_id", sql.APP_BY_ID, app_id)
        return None if row is None else app_of(row)

    async def app_by_client(self, client_id: str) -> App | None:
        row = await self._row("app_by_client", sql.APP_BY_CLIENT, client_id)
        return None if row is None else app_of(row)

    async def credentials_by_reservation(self, reservation_id: str) -> Credentials | None:
        return _credentials(await self._row("credentials_by_reservation", sql.BY_RESERVATION, reservation_id))

    async def credentials_by_username(self, username: str) -> Credentials | None:
        return _credentials(await self._row("credentials_by_username", sql.BY_USERNAME, username))

    async def credentials_by_email(self, digest: bytes) -> Credentials | None:
        return _credentials(await self._row("credentials_by_email", sql.BY_EMAIL, digest))

    async def change_roles(
        self, username: str, change: Callable[[frozenset[str]], frozenset[str]], at: datetime
    ) -> Credentials | None:
        """The account with its roles after the change, which gateways are told of; None for an unknown username."""
        async with self._pg.transaction() as tx:
            known = _credentials(await tx.fetchrow("credentials_lock", sql.LOCK_BY_USERNAME, username))
            if known is None:
                return None
            roles = tuple(sorted(change(frozenset(known.roles))))
            if roles != known.roles:
                await tx.execute("credentials_roles", sql.SET_ROLES, known.account_id, roles)
                await record_revocation(tx, at, account_id=known.account_id, roles_changed=True)
        return replace(known, roles=roles)

    async def permitted(self, permission: str, after: int, limit: int) -> list[int]:
        """Accounts to whom a role of their own permits this, by their ids."""
        async with self._pg.read(primary=True) as read:
            rows = await read.fetch("permitted", sql.PERMITTED, permission, after, limit)
        return [row["account_id"] for row in rows]

    async def replace_password_hash(self, account_id: int, old: str, new: str) -> None:
        """Only if it is still the old one: a password that was changed meanwhile wins."""
        async with self._pg.transaction() as tx:
            await tx.execute("credentials_rehash", sql.REHASH, account_id, old, new)

    async def add_session(self, session: Session, event: Event | None = None) -> None:
        """With what is told of it, if anything is."""
        async with self._outbox.transaction() as tx:
            await tx.execute("session_add", sql.ADD_SESSION, *_session_row(session))
            if event is not None:
                tx.emit(event)

    async def session_by_token(self, token_hash: bytes) -> SessionView | None:
        return _view(await self._row("session_by_token", sql.SESSION_BY_TOKEN, token_hash))

    async def session(self, session_id: int) -> SessionView | None:
        return _view(await self._row("session_by_id", sql.SESSION_BY_ID, session_id))

    async def rotate_session(self, session: Session) -> bool:
        """Stores a session whose generation was raised by one; False if someone else did that, or it was revoked."""
        args = (session.session_id, session.generation - 1, session.token_hash, session.generation, session.rotated_at)
        async with self._pg.transaction() as tx:
            rows = await tx.execute("session_rotate", sql.ROTATE, *args, session.token_expires_at, session.expires_at)
        return rows == 1

    async def sessions_of_code(self, code_hash: bytes) -> list[Session]:
        """Those that are not revoked."""
        async with self._pg.read(primary=True) as read:
            return [_session(row) for row in await read.fetch("sessions_of_code", sql.SESSIONS_OF_CODE, code_hash)]

    async def extend_session(self, session_id: int, expires_at: datetime) -> None:
        async with self._pg.transaction() as tx:
            await tx.execute("session_extend", sql.EXTEND, session_id, expires_at)

    async def revoke_session(self, session: Session, revoked_at: datetime, event: Event | None) -> bool:
        """Ends a session and records its revocation; False if it was ended before."""
        async with self._outbox.transaction() as tx:
            if await tx.execute("session_revoke", sql.REVOKE, session.session_id, revoked_at) == 0:
                return False
            await record_revocation(tx, revoked_at, session_id=session.session_id, account_id=session.account_id)
            if event is not None:
                tx.emit(event)
        return True

    async def add_code(self, code: AuthorizationCode) -> None:
        async with self._pg.transaction() as tx:
            args = (code.code_hash, code.app_id, code.account_id, code.redirect_uri, code.scopes)
            await tx.execute("code_add", sql.ADD_CODE, *args, code.code_challenge, code.created_at)

    async def code(self, code_hash: bytes) -> AuthorizationCode | None:
        row = await self._row("code_by_hash", sql.CODE_BY_HASH, code_hash)
        return None if row is None else _code(row)

    async def redeem_code(self, code_hash: bytes, session: Session) -> bool:
        """Uses the code up for the session; False if someone else did. Of two at once, one waits and is told so."""
        async with self._pg.transaction() as tx:
            if await tx.execute("code_use", sql.USE_CODE, code_hash, session.created_at) == 0:
                return False
            await tx.execute("session_add", sql.ADD_SESSION, *_session_row(session))
        return True

    @asynccontextmanager
    async def hear_revocations(self) -> AsyncIterator[tuple[asyncio.Event, Callable[[], Awaitable[int]]]]:
        """An event that is set when there are new ones, and how to ask for the last one's sequence meanwhile."""
        async with self._pg.listening(sql.REVOCATIONS_CHANNEL) as listening:
            connection = listening.connection

            async def last() -> int:
                return int(await connection.fetchval("revocation_last", sql.LAST_REVOCATION))

            yield listening.heard, last

    async def revocations_after(self, sequence: int, limit: int) -> list[Revocation]:
        async with self._pg.read(primary=True) as read:
            rows = await read.fetch("revocations_after", sql.REVOCATIONS_AFTER, sequence, limit)
        return [Revocation(**row) for row in rows]

    async def known_revocations(self, since: datetime) -> tuple[int, int, int]:
        """The first sequence that is kept, the first since that time, the last; a first beyond the last means none."""
        row = await self._row("revocations_known", sql.REVOCATIONS_KNOWN, since)
        assert row is not None, "the migration makes the counter's row"  # noqa: S101
        return row["first"], row["recent"], row["last"]

    async def count_try(self, key: bytes, now: datetime, window: timedelta) -> Tries:
        """Counts before the trial, so that many at once can't pass the limit together."""
        async with self._pg.transaction() as tx:
            row = await tx.fetchrow("try_count", sql.COUNT_TRY, key, now, now - window)
        assert row is not None, "an upsert returns its row"  # noqa: S101
        return Tries(row["count"], row["started_at"])

    async def signing_keys(self, retired_after: datetime) -> list[SigningKey]:
        """The active key, the one that will follow it, and those retired after that time."""
        async with self._pg.read(primary=True) as read:
            return [SigningKey(**row) for row in await read.fetch("signing_keys", sql.SIGNING_KEYS, retired_after)]

    async def add_signing_key(self, key: SigningKey) -> None:
        """As the active one; of several processes that start together one succeeds, the others find its key."""
        async with self._pg.transaction() as tx:
            args = (key.kid, key.private_key, key.public_key, key.created_at)
            await tx.execute("signing_key_add", sql.ADD_SIGNING_KEY, *args)

    async def purge(self, kind: str, before: datetime) -> int:
        """Deletes a bounded number of rows that nobody can use any more; returns how many."""
        async with self._pg.transaction() as tx:
            return await tx.execute(f"purge_{kind}", sql.PURGES[kind], before, sql.PURGE_ROWS)

    async def _row(self, name: str, statement: str, *args: object) -> Any:
        # From the primary: a token that was just issued, or revoked, must be seen as such.
        async with self._pg.read(primary=True) as read:
            return await read.fetchrow(name, statement, *args)


async def insert_account(tx: PgConnection, credentials: Credentials, session: Session | None) -> None:
    """Credentials and the first session, if any, in the transaction of whatever else an account begins with."""
    await tx.execute("credentials_add", sql.ADD_CREDENTIALS, *_credentials_row(credentials))
    if session is not None:
        await tx.execute("session_add", sql.ADD_SESSION, *_session_row(session))


async def record_revocation(tx: PgConnection, at: datetime, **revoked: Any) -> None:
    """What of Revocation's fields is given is revoked; who watches is told when the transaction commits."""
    sequence = await tx.fetchval("revocation_count", sql.COUNT_REVOCATION)
    row = Revocation(sequence=sequence, revoked_at=at, **revoked)
    args = (row.session_id, row.account_id, row.app_id, row.revoked_at, row.roles_changed)
    await tx.execute("revocation_add", sql.ADD_REVOCATION, sequence, *args)


def _credentials_row(credentials: Credentials) -> Sequence[object]:
    return (
        credentials.account_id,
        credentials.username,
        credentials.password_hash,
        credentials.data_key,
        credentials.email,
        credentials.email_digest,
        credentials.reservation_id,
        credentials.app_id,
        credentials.created_at,
        credentials.roles,
    )


def _session_row(session: Session) -> Sequence[object]:
    return (
        session.session_id,
        session.token_hash,
        session.app_id,
        session.account_id,
        session.scopes,
        session.created_at,
        session.expires_at,
        session.code_hash,
        session.refresh_seed,
        session.token_expires_at,
    )


def app_of(row: Any) -> App:
    """An app from its row."""
    return App(**{**row, **{name: tuple(row[name]) for name in ("redirect_uris", "scopes", "grant_types")}})


def _credentials(row: Any) -> Credentials | None:
    return None if row is None else Credentials(**{**row, "roles": tuple(row["roles"])})


def _session(row: Any) -> Session:
    return Session(
        session_id=row["session_id"],
        token_hash=row["token_hash"],
        app_id=row["app_id"],
        account_id=row["account_id"],
        scopes=tuple(row["scopes"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        code_hash=row["code_hash"],
        refresh_seed=row["refresh_seed"],
        generation=row["generation"],
        rotated_at=row["rotated_at"],
        token_expires_at=row["token_expires_at"],
    )


def _view(row: Any) -> SessionView | None:
    if row is None:
        return None
    return SessionView(
        session=_session(row),
        app_name=row["app_name"],
        app_website=row["app_website"],
        roles=tuple(row["roles"]),
        permissions=tuple(sorted(row["permissions"])),
        username=row["username"],
        app_revoked_at=row["app_revoked_at"],
    )


def _code(row: Any) -> AuthorizationCode:
    return AuthorizationCode(**{**row, "scopes": tuple(row["scopes"])})
