"""The repository in memory. tests/engine runs the same test modules (links to these) over Postgres, so it can't lie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from auth_fakes import FakeAccountRepository
from passkey_fakes import FakePasskeys
from provider_fakes import FakeLinks
from written_fakes import FakeWritten

from auth_service.models import (
    AccountRole,
    App,
    AuthorizationCode,
    Credentials,
    Revocation,
    Session,
    SessionView,
    SigningKey,
    Tries,
)
from auth_service.repository import AuthRepository
from auth_service.repository.accounts import AccountRepository
from auth_service.repository.operations import OperationsRepository
from rookery_common.clients.postgres import UniqueViolated
from rookery_common.kafka.events import Event

BUILTIN = (
    AccountRole("user", ("invite_users",), True),
    AccountRole("moderator", ("manage_reports", "view_dashboard"), True),
    AccountRole("admin", ("administrator",), True),
)


class FakeRepository(AuthRepository):
    """Dictionaries with the database's keys; each method gives way once, so that concurrent calls interleave."""

    def __init__(self) -> None:
        self.apps: dict[int, App] = {}
        self.credentials: dict[int, Credentials] = {}
        self.sessions: dict[int, Session] = {}
        self.codes: dict[bytes, AuthorizationCode] = {}
        self.revocations: list[Revocation] = []
        self.last_revocation = 0
        self.heard = asyncio.Event()
        self.roles = {role.name: role for role in BUILTIN}
        self.tries: dict[bytes, Tries] = {}
        self.keys: dict[str, SigningKey] = {}
        self.events: list[Event] = []

    async def add_app(self, app: App) -> None:
        self.apps[app.app_id] = app

    async def app(self, app_id: int) -> App | None:
        return self.apps.get(app_id)

    async def app_by_client(self, client_id: str) -> App | None:
        return next((app for app in self.apps.values() if app.client_id == client_id), None)

    async def store_account(self, credentials: Credentials, session: Session | None, event: Event | None) -> None:
        await asyncio.sleep(0)
        unique = {
            "credentials_pkey": "account_id",
            "credentials_username_key": "username",
            "credentials_email_key": "email_digest",
            "credentials_reservation_id_key": "reservation_id",
        }
        for other in self.credentials.values():
            for constraint, name in unique.items():
                if getattr(other, name) == getattr(credentials, name):
                    raise UniqueViolated(constraint)
        self.credentials[credentials.account_id] = credentials
        if session is not None:
            self.sessions[session.session_id] = session
        if event is not None:
            self.events.append(event)

    async def credentials_by_reservation(self, reservation_id: str) -> Credentials | None:
        return self._credentials("reservation_id", reservation_id)

    async def credentials_by_username(self, username: str) -> Credentials | None:
        return self._credentials("username", username)

    async def credentials_by_email(self, digest: bytes) -> Credentials | None:
        return self._credentials("email_digest", digest)

    def _credentials(self, name: str, value: object) -> Credentials | None:
        return next((known for known in self.credentials.values() if getattr(known, name) == value), None)

    async def change_roles(
        self, username: str, change: Callable[[frozenset[str]], frozenset[str]], at: datetime
    ) -> Credentials | None:
        known = self._credentials("username", username)
        if known is None:
            return None
        roles = tuple(sorted(change(frozenset(known.roles))))
        if roles != known.roles:
            self.revoke(at, account_id=known.account_id, roles_changed=True)
        self.credentials[known.account_id] = replace(known, roles=roles)
        return self.credentials[known.account_id]

    async def replace_password_hash(self, account_id: int, old: str, new: str) -> None:
        known = self.credentials.get(account_id)
        if known is not None and known.password_hash == old:
            self.credentials[account_id] = replace(known, password_hash=new)

    async def add_session(self, session: Session, event: Event | None = None) -> None:
        self.sessions[session.session_id] = session
        if event is not None:
            self.events.append(event)

    async def permitted(self, permission: str, after: int, limit: int) -> list[int]:
        names = {
            role.name
            for role in self.roles.values()
            if role.name != "user" and {permission, "administrator"} & set(role.permissions)
        }
        found = sorted(known.account_id for known in self.credentials.values() if names & set(known.roles))
        return [account_id for account_id in found if account_id > after][:limit]

    async def session_by_token(self, token_hash: bytes) -> SessionView | None:
        session = next((known for known in self.sessions.values() if known.token_hash == token_hash), None)
        if session is None:
            return None
        return self._view(session)

    async def session(self, session_id: int) -> SessionView | None:
        await asyncio.sleep(0)
        session = self.sessions.get(session_id)
        return None if session is None else self._view(session)

    def _view(self, session: Session) -> SessionView:
        app, owner = self.apps[session.app_id], self.credentials.get(session.account_id)
        roles, username = (owner.roles, owner.username) if owner else ((), "")
        permissions = {each for name in ("user", *roles) for each in self.roles[name].permissions} if owner else set()
        names = tuple(sorted(permissions))
        return SessionView(session, app.name, app.website, roles, names, username, app.revoked_at)

    async def rotate_session(self, session: Session) -> bool:
        known = self.sessions[session.session_id]
        if known.generation != session.generation - 1 or known.revoked_at is not None:
            return False
        self.sessions[session.session_id] = session
        return True

    async def sessions_of_code(self, code_hash: bytes) -> list[Session]:
        return [
            session
            for session in self.sessions.values()
            if session.code_hash == code_hash and session.revoked_at is None
        ]

    async def extend_session(self, session_id: int, expires_at: datetime) -> None:
        session = self.sessions[session_id]
        if session.revoked_at is None and session.expires_at < expires_at:
            self.sessions[session_id] = replace(session, expires_at=expires_at)

    async def revoke_session(self, session: Session, revoked_at: datetime, event: Event | None) -> bool:
        known = self.sessions.get(session.session_id)
        if known is None or known.revoked_at is not None:
            return False
        self.sessions[session.session_id] = replace(known, revoked_at=revoked_at)
        self.revoke(revoked_at, session_id=session.session_id, account_id=session.account_id)
        if event is not None:
            self.events.append(event)
        return True

    def revoke(self, at: datetime, **revoked: Any) -> None:
        """Tells who watches."""
        self.last_revocation += 1
        self.revocations.append(Revocation(self.last_revocation, at, **revoked))
        self.heard.set()

    @asynccontextmanager
    async def hear_revocations(self) -> AsyncIterator[tuple[asyncio.Event, Callable[[], Awaitable[int]]]]:
        async def last() -> int:
            return self.last_revocation

        yield self.heard, last

    async def add_code(self, code: AuthorizationCode) -> None:
        self.codes[code.code_hash] = code

    async def code(self, code_hash: bytes) -> AuthorizationCode | None:
        await asyncio.sleep(0)
        return self.codes.get(code_hash)

    async def redeem_code(self, code_hash: bytes, session: Session) -> bool:
        await asyncio.sleep(0)
        code = self.codes.get(code_hash)
        if code is None or code.used_at is not None:
            return False
        self.codes[code_hash] = replace(code, used_at=session.created_at)
        self.sessions[session.session_id] = session
        return True

    async def revocations_after(self, sequence: int, limit: int) -> list[Revocation]:
        return [known for known in self.revocations if known.sequence > sequence][:limit]

    async def known_revocations(self, since: datetime) -> tuple[int, int, int]:
        after = self.last_revocation + 1
        first = self.revocations[0].sequence if self.revocations else after
        recent = next((known.sequence for known in self.revocations if known.revoked_at >= since), after)
        return first, recent, self.last_revocation

    async def count_try(self, key: bytes, now: datetime, window: timedelta) -> Tries:
        known = self.tries.get(key)
        if known is None or known.started_at <= now - window:
            known = Tries(0, now)
        self.tries[key] = Tries(known.count + 1, known.started_at)
        return self.tries[key]

    async def signing_keys(self, retired_after: datetime) -> list[SigningKey]:
        await asyncio.sleep(0)
        return [
            key for key in self.keys.values() if key.active or key.retired_at is None or key.retired_at > retired_after
        ]

    async def add_signing_key(self, key: SigningKey) -> None:
        if not any(known.active for known in self.keys.values()):
            self.keys[key.kid] = key

    async def purge(self, kind: str, before: datetime) -> int:
        counts = len(self.codes) + len(self.sessions) + len(self.tries) + len(self.revocations)
        match kind:
            case "codes":
                self.codes = {key: row for key, row in self.codes.items() if row.created_at >= before}
            case "sessions":
                self.sessions = {key: row for key, row in self.sessions.items() if row.expires_at >= before}
            case "tries":
                self.tries = {key: row for key, row in self.tries.items() if row.started_at >= before}
            case _:
                self.revocations = [row for row in self.revocations if row.revoked_at >= before]
        return counts - len(self.codes) - len(self.sessions) - len(self.tries) - len(self.revocations)


class FakeOperations(OperationsRepository):
    """The same store as an operator sees it."""

    def __init__(self, store: FakeRepository) -> None:
        self._store = store

    async def roles(self, limit: int) -> list[AccountRole]:
        known = sorted(self._store.roles.values(), key=lambda role: (not role.is_builtin, role.name))
        return known[:limit]

    async def put_role(self, role: AccountRole, at: datetime) -> None:
        known = self._store.roles.get(role.name)
        self._store.roles[role.name] = replace(role, is_builtin=known is not None and known.is_builtin)
        self._store.revoke(at, roles_changed=True)

    async def delete_role(self, name: str, at: datetime) -> bool:
        if name not in self._store.roles or self._store.roles[name].is_builtin:
            return False
        del self._store.roles[name]
        for account_id, known in self._store.credentials.items():
            kept = tuple(role for role in known.roles if role != name)
            self._store.credentials[account_id] = replace(known, roles=kept)
        self._store.revoke(at, roles_changed=True)
        return True

    async def apps(self, after: int, limit: int) -> list[tuple[App, int]]:
        live = [session.app_id for session in self._store.sessions.values() if session.revoked_at is None]
        found = sorted((app for app in self._store.apps.values() if app.app_id > after), key=lambda app: app.app_id)
        return [(app, live.count(app.app_id)) for app in found[:limit]]

    async def revoke_app(self, client_id: str, at: datetime) -> App | None:
        app = await self._store.app_by_client(client_id)
        if app is None or app.revoked_at is not None:
            return app
        self._store.apps[app.app_id] = replace(app, revoked_at=at)
        self._store.revoke(at, app_id=app.app_id)
        return self._store.apps[app.app_id]

    async def ask_anew(self, at: datetime) -> None:
        self._store.revoke(at, roles_changed=True)

    async def add_next_key(self, key: SigningKey, active_since_before: datetime) -> bool:
        keys = self._store.keys.values()
        old = any(known.active and known.created_at < active_since_before for known in keys)
        if not old or any(not known.active and known.retired_at is None for known in keys):
            return False
        self._store.keys[key.kid] = key
        return True

    async def activate_next_key(self, published_before: datetime, at: datetime) -> str | None:
        waiting = [key for key in self._store.keys.values() if not key.active and key.retired_at is None]
        due = next((key for key in waiting if key.created_at <= published_before), None)
        if due is None:
            return None
        for kid, key in self._store.keys.items():
            if key.active:
                self._store.keys[kid] = replace(key, active=False, retired_at=at)
        self._store.keys[due.kid] = replace(due, active=True)
        return due.kid

    async def replace_keys(self, key: SigningKey) -> int:
        deleted = len(self._store.keys)
        self._store.keys = {key.kid: key}
        return deleted


@pytest.fixture
def written(repository: FakeRepository, fake_accounts: FakeAccountRepository) -> FakeWritten:
    return FakeWritten(repository, fake_accounts)


@pytest.fixture
def operations(repository: FakeRepository) -> FakeOperations:
    return FakeOperations(repository)


@pytest.fixture
def accounts(fake_accounts: AccountRepository) -> AccountRepository:
    return fake_accounts


@pytest.fixture
def passkeys(repository: FakeRepository, fake_accounts: FakeAccountRepository) -> FakePasskeys:
    return FakePasskeys(repository, fake_accounts)


@pytest.fixture
def links(repository: FakeRepository, fake_accounts: FakeAccountRepository) -> FakeLinks:
    return FakeLinks(repository, fake_accounts)


@pytest.fixture
def repository() -> FakeRepository:
    return FakeRepository()


@pytest.fixture
def recorded(repository: FakeRepository) -> Callable[[], Awaitable[list[str]]]:
    """The types of the events that were recorded, in order."""

    async def types() -> list[str]:
        return [event.type.rpartition(".")[2] for event in repository.events]

    return types
