"""Composition root: the only file that constructs things, and the order in which they start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from argon2 import PasswordHasher

from auth_service import __version__
from auth_service.clients import UserClient
from auth_service.config import Settings
from auth_service.events import Events
from auth_service.models import ROLES, Credentials
from auth_service.repository import AuthRepository
from auth_service.service.apps import Apps
from auth_service.service.authorizations import Authorizations
from auth_service.service.emails import Emails
from auth_service.service.housekeeping import Housekeeping
from auth_service.service.introspection import Introspector
from auth_service.service.passwords import Passwords
from auth_service.service.refresh_tokens import RefreshTokens
from auth_service.service.refreshing import Refreshing
from auth_service.service.revocations import Revocations
from auth_service.service.roles import Roles
from auth_service.service.sessions import Sessions
from auth_service.service.sign_in import SignIn
from auth_service.service.sign_up import SignUp
from auth_service.service.signing import SigningKeys
from auth_service.servicer import AuthServicer
from rookery.auth.v1.auth_service_pb2_grpc import add_AuthServiceServicer_to_server
from rookery.user.v1.user_service_pb2_grpc import UserServiceStub
from rookery_common.app import App, Command, Component, Role
from rookery_common.auth import TokenVerifier
from rookery_common.clients.postgres import Postgres
from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.clock import Clock, SystemClock
from rookery_common.crypto import BlindIndex, FieldCipher, LocalKeyProvider, derive_key
from rookery_common.ids import IdSource, Snowflake
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.kafka.producer import Producer
from rookery_common.kafka.relay import Relay
from rookery_common.logs import get_logger
from rookery_common.rpc import RpcClient, RpcServer
from rookery_common.worker_leases import PostgresWorkerLease

SERVICE = "rookery.auth.v1.AuthService"
MIGRATIONS = Path(__file__).parent / "migrations"
WORKERS = range(128)
GATEWAY = frozenset({"gateway"})
# Everyone verifies internal tokens.
KEY_READERS = frozenset(
    {"gateway", "user", "post", "feed", "messaging", "notification", "search", "analytics", "moderation"}
)
ALLOWED_CALLERS = {"GetSigningKeys": KEY_READERS, "*": GATEWAY}
DRAIN_SECONDS = 3.0
log = get_logger()


class Auth:
    """The service's objects, wired; tests build it over a store and a user service of their own."""

    def __init__(
        self,
        settings: Settings,
        repository: AuthRepository,
        users: UserClient,
        ids: IdSource,
        clock: Clock,
    ) -> None:
        master_key = settings.master_key_bytes()
        provider = LocalKeyProvider(master_key)
        index = BlindIndex(derive_key(master_key, "auth.index"))
        emails = Emails(FieldCipher(provider), index)
        events = Events(clock)
        hasher = PasswordHasher(settings.password_passes, settings.password_memory_kib, settings.password_lanes)
        self.passwords = Passwords(hasher, settings.password_workers)
        self.keys = SigningKeys(repository, provider, clock)
        self.apps = Apps(repository, ids, clock)
        lifetime = timedelta(days=settings.session_days)
        policy = settings.refresh_policy
        refresh_tokens = RefreshTokens(repository, derive_key(master_key, "auth.refresh"), policy, clock)
        self.sessions = Sessions(repository, self.keys, events, ids, clock, refresh_tokens, lifetime=lifetime)
        self.refreshing = Refreshing(repository, refresh_tokens, self.sessions, clock, grace=policy.grace)
        self.introspector = Introspector(self.sessions, refresh_tokens, clock)
        self.sign_in = SignIn(repository, self.passwords, emails, index, clock)
        self.authorizations = Authorizations(repository, self.apps, self.sign_in, self.sessions, self.refreshing, clock)
        self.revocations = Revocations(repository, clock)
        self.sign_up = SignUp(
            repository,
            users,
            self.apps,
            self.sessions,
            self.sign_in,
            self.passwords,
            emails,
            events,
            clock,
            is_open=settings.may_sign_up,
        )
        self.servicer = AuthServicer(
            self.apps,
            self.sign_up,
            self.authorizations,
            self.introspector,
            self.sessions,
            self.keys,
            self.revocations,
        )
        self.verifier = TokenVerifier(self.keys.jwks, clock)


class _OutboxDrain:
    """Between server and producer: what was committed is published before the producer stops, if Kafka is there."""

    def __init__(self, outbox: PostgresOutbox) -> None:
        self._outbox = outbox

    async def start(self) -> None: ...

    async def stop(self) -> None:
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._outbox.drain()
        except TimeoutError:
            log.warning("auth.events_left_to_relay")


def build(roles: frozenset[Role]) -> App:
    """One process in the given roles; ValidationError where a setting is missing or wrong."""
    settings, clock = Settings(), SystemClock()
    pg = Postgres.from_settings(settings, name="auth")
    producer = Producer(settings, "auth", settings.topic_prefix)
    outbox = PostgresOutbox(pg, producer, "auth")
    repository = AuthRepository(pg, outbox)
    components: list[Component] = [pg, producer, _OutboxDrain(outbox)]
    checks = {"postgres": pg.check}
    if Role.SERVE in roles:
        lease = PostgresWorkerLease(pg, clock, WORKERS)
        user = RpcClient(settings, settings.user_target, UserServiceStub, service="user")
        auth = Auth(settings, repository, UserClient(user), Snowflake(clock, lease.worker), clock)
        components += [lease, user, auth.passwords, auth.revocations, _server(settings, auth)]
        checks["worker_number"] = lease.check
    if Role.RELAY in roles:
        components += [Relay(outbox, producer, service="auth"), Housekeeping(repository, clock)]
    return App(settings, __version__, components, checks)


def _server(settings: Settings, auth: Auth) -> RpcServer:
    registration = (add_AuthServiceServicer_to_server, auth.servicer, SERVICE)
    return RpcServer(settings, verifier=auth.verifier, services=[registration], allowed_callers=ALLOWED_CALLERS)


async def grant_role(username: str, role: str) -> str:
    """Gives an account a role; what to tell the operator."""
    async with _roles() as roles:
        return _told(await roles.grant(username, role))


async def revoke_role(username: str, role: str) -> str:
    """Takes a role from an account; what to tell the operator."""
    async with _roles() as roles:
        return _told(await roles.revoke(username, role))


@asynccontextmanager
async def _roles() -> AsyncIterator[Roles]:
    settings, clock = Settings(), SystemClock()
    pg = Postgres.from_settings(settings, name="auth")
    await pg.start()
    try:
        # Its outbox stays empty: a change of roles is told of by the feed of revocations.
        yield Roles(AuthRepository(pg, PostgresOutbox(pg, Producer(settings, "auth"), "auth")), clock)
    finally:
        await pg.stop()


def _told(account: Credentials) -> str:
    return f"{account.username} ({account.account_id}): {', '.join(account.roles) or 'no roles'}"


COMMANDS = {
    "grant-role": Command(grant_role, {"username": None, "role": ROLES}, "Give an account a role."),
    "revoke-role": Command(revoke_role, {"username": None, "role": ROLES}, "Take a role from an account."),
}


async def migrate() -> None:
    """Brings the database up to this release."""
    await migrate_postgres(Settings(), MIGRATIONS)
