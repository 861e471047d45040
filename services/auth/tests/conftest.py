"""A wired auth over whichever repository the folder's own conftest gives: the same tests run over both."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import pytest
from aiosmtpd.controller import Controller
from auth_fakes import FakeAccountRepository, FakeUsers
from mail_sink import MailServer
from provider_fakes import FakeWeb
from pydantic import SecretStr

from auth_service.app import Auth
from auth_service.clients.json_http import JsonHttp
from auth_service.config import Settings, SmtpTls
from auth_service.models import OUT_OF_BAND, App, IssuedToken, SignUpForm
from auth_service.repository import AuthRepository
from auth_service.repository.accounts import AccountRepository
from auth_service.repository.links import LinkRepository
from auth_service.repository.passkeys import PasskeyRepository
from auth_service.repository.written import WrittenMailRepository
from rookery_common.auth import Identity
from rookery_common.testing import FakeClock, FakeIds

REDIRECT = "https://client.example/callback"


@dataclass
class World:
    """Everything a test of the rules needs at hand."""

    auth: Auth
    repository: AuthRepository
    accounts: AccountRepository
    passkeys: PasskeyRepository
    links: LinkRepository
    written: WrittenMailRepository
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
def fake_accounts(repository: AuthRepository) -> FakeAccountRepository:
    return FakeAccountRepository(repository)


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
def web() -> FakeWeb:
    """Every site but ours."""
    return FakeWeb()


@pytest.fixture
def auth(
    settings: Settings,
    repository: AuthRepository,
    accounts: AccountRepository,
    passkeys: PasskeyRepository,
    links: LinkRepository,
    written: WrittenMailRepository,
    users: FakeUsers,
    web: FakeWeb,
    ids: FakeIds,
    clock: FakeClock,
) -> Auth:
    return Auth(settings, repository, accounts, passkeys, links, written, users, JsonHttp(web.transport), ids, clock)


@pytest.fixture
async def world(
    auth: Auth,
    repository: AuthRepository,
    accounts: AccountRepository,
    passkeys: PasskeyRepository,
    links: LinkRepository,
    written: WrittenMailRepository,
    users: FakeUsers,
    clock: FakeClock,
    ids: FakeIds,
    recorded: Callable[[], Awaitable[list[str]]],
) -> World:
    """An app with its secret, and nobody signed up."""
    scopes = ["read", "write", "follow"]
    app, secret = await auth.apps.create("Client", [REDIRECT, OUT_OF_BAND], scopes, "https://client.example")
    return World(auth, repository, accounts, passkeys, links, written, users, clock, ids, app, secret, recorded)


@pytest.fixture
def server() -> MailServer:
    return MailServer()


@pytest.fixture
def smtp(server: MailServer, settings: Settings, unused_tcp_port: int) -> Iterator[Settings]:
    controller = Controller(server, hostname="127.0.0.1", port=unused_tcp_port)
    controller.start()
    where = {"smtp_host": "127.0.0.1", "smtp_port": unused_tcp_port, "smtp_tls": SmtpTls.NONE}
    yield settings.model_copy(update={**where, "mail_from": "rookery@example.org"})
    controller.stop()
