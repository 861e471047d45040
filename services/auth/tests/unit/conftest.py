"""The repository in memory. tests/engine runs the same test modules (links to these) over Postgres, so it can't lie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

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
from auth_service.repository import AuthRepository
from auth_service.repository.accounts import AccountRepository
from rookery_common.clients.postgres import UniqueViolated
from rookery_common.kafka.events import Event


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
        self.tries: dict[bytes, Tries] = {}
        self.keys: dict[str, SigningKey] = {}
        self.events: list[Event] = []

    async def add_app(self, app: App) -> None:
        self.apps[app.app_id] = app

    async def app(self, app_id: int) -> App | None:
        return self.apps.get(app_id)

    async def app_by_client(self, client_id: str) -> App | None:
        return next((app for app in self.apps.values() if app.client_id == client_id), None)

    async def store_account(self, credentials: Credentials, session: Session, event: Event) -> None:
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
        self.sessions[session.session_id] = session
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
            self._revoke(at, account_id=known.account_id, roles_changed=True)
        self.credentials[known.account_id] = replace(known, roles=roles)
        return self.credentials[known.account_id]

    async def replace_password_hash(self, account_id: int, old: str, new: str) -> None:
        known = self.credentials.get(account_id)
        if known is not None and known.password_hash == old:
            self.credentials[account_id] = replace(known, password_hash=new)

    async def add_session(self, session: Session) -> None:
        self.sessions[session.session_id] = session

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
        return SessionView(session, app.name, app.website, roles, username, app.revoked_at)

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
        self._revoke(revoked_at, session_id=session.session_id, account_id=session.account_id)
        if event is not None:
            self.events.append(event)
        return True

    def _revoke(self, at: datetime, **revoked: Any) -> None:
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
            key
            for key in self.keys.values()
            if key.active or (key.retired_at is not None and key.retired_at > retired_after)
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


@pytest.fixture
def accounts(fake_accounts: AccountRepository) -> AccountRepository:
    return fake_accounts


@pytest.fixture
def repository() -> FakeRepository:
    return FakeRepository()


@pytest.fixture
def recorded(repository: FakeRepository) -> Callable[[], Awaitable[list[str]]]:
    """The types of the events that were recorded, in order."""

    async def types() -> list[str]:
        return [event.type.rpartition(".")[2] for event in repository.events]

    return types
