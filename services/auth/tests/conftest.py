"""A wired auth over whichever repository the folder's own conftest gives: the same tests run over both."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from pydantic import SecretStr

from auth_service.app import Auth
from auth_service.clients import UserClient
from auth_service.config import Settings
from auth_service.models import OUT_OF_BAND, App, IssuedToken, Reservation, SignUpForm
from auth_service.repository import AuthRepository
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.errors import AlreadyExists, NotFound
from rookery_common.ids import IdSource
from rookery_common.testing import FakeClock, FakeIds

REDIRECT = "https://client.example/callback"


class FakeUsers(UserClient):
    """The user service by its contract: reservations by request, one account a name. `failures` are raised in turn."""

    def __init__(self, ids: IdSource, clock: Clock) -> None:
        self._ids = ids
        self._clock = clock
        self.reservations: dict[str, tuple[Reservation, str]] = {}
        self.accounts: dict[int, str] = {}
        self.failures: dict[str, list[Exception]] = {"reserve": [], "confirm": []}
        self.calls: list[str] = []

    async def reserve(self, reservation_id: str, username: str) -> Reservation:
        self._call("reserve")
        known = self.reservations.get(reservation_id)
        if known is None or (known[0].expires_at <= self._clock.now() and known[0].account_id not in self.accounts):
            if username.lower() in self._names_but(reservation_id):
                raise AlreadyExists("the username is taken")
            account_id = known[0].account_id if known else self._ids.mint()
            known = (Reservation(account_id, self._clock.now() + timedelta(minutes=15)), username.lower())
            self.reservations[reservation_id] = known
        return known[0]

    async def confirm(self, account_id: int, reservation_id: str) -> None:
        self._call("confirm")
        known = self.reservations.get(reservation_id)
        if account_id in self.accounts:
            return
        if known is None or known[0].account_id != account_id or known[0].expires_at <= self._clock.now():
            raise NotFound("the reservation has expired")
        self.accounts[account_id] = known[1]

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.failures[name]:
            raise self.failures[name].pop(0)

    def _names_but(self, reservation_id: str) -> set[str]:
        live = {
            name
            for key, (reservation, name) in self.reservations.items()
            if key != reservation_id and reservation.expires_at > self._clock.now()
        }
        return live | set(self.accounts.values())


@dataclass
class World:
    """Everything a test of the rules needs at hand."""

    auth: Auth
    repository: AuthRepository
    users: FakeUsers
    clock: FakeClock
    ids: FakeIds
    app: App
    app_secret: str
    recorded: Callable[[], Awaitable[list[str]]]
    redirect: str = REDIRECT
    identity: Identity = field(init=False)

    def __post_init__(self) -> None:
        self.identity = Identity(0, 1, self.app.app_id, frozenset(self.app.scopes))

    def form(self, name: str = "alice", **changes: object) -> SignUpForm:
        """A good form; what is named differs."""
        values: dict[str, object] = {
            "request_id": f"sign-up-of-{name}",
            "username": name,
            "email": f"{name}@example.org",
            "password": f"correct horse of {name}",
            "agreement": True,
            "locale": "en",
            "reason": "",
            **changes,
        }
        return SignUpForm(**values)  # type: ignore[arg-type] # names of fields, given by tests

    async def sign_up(self, name: str = "alice", **changes: object) -> IssuedToken:
        """A new account's first token."""
        return await self.auth.sign_up.sign_up(self.identity, self.form(name, **changes))


@pytest.fixture
def settings() -> Settings:
    """As in local mode; passwords cost less than the settings would let them."""
    settings = Settings(
        master_key=SecretStr(base64.b64encode(bytes(range(32))).decode()),
        postgres_dsn=SecretStr("postgresql://unused"),
        local_mode=True,
        password_passes=1,
        password_lanes=1,
    )
    return settings.model_copy(update={"password_memory_kib": 8})


@pytest.fixture
def users(ids: FakeIds, clock: FakeClock) -> FakeUsers:
    return FakeUsers(ids, clock)


@pytest.fixture
def auth(settings: Settings, repository: AuthRepository, users: FakeUsers, ids: FakeIds, clock: FakeClock) -> Auth:
    return Auth(settings, repository, users, ids, clock)


@pytest.fixture
async def world(
    auth: Auth,
    repository: AuthRepository,
    users: FakeUsers,
    clock: FakeClock,
    ids: FakeIds,
    recorded: Callable[[], Awaitable[list[str]]],
) -> World:
    """An app with its secret, and nobody signed up."""
    scopes = ["read", "write", "follow"]
    app, secret = await auth.apps.create("Client", [REDIRECT, OUT_OF_BAND], scopes, "https://client.example")
    return World(auth, repository, users, clock, ids, app, secret, recorded)
