"""Composition root: the only file that constructs things, and the order in which they start."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from argon2 import PasswordHasher

from auth_service import __version__
from auth_service.account_servicer import AccountServicer
from auth_service.clients import UserClient
from auth_service.clients.json_http import JsonHttp
from auth_service.clients.oidc import OidcProvider
from auth_service.config import Settings
from auth_service.events import Events
from auth_service.mail_servicer import MailServicer
from auth_service.mail_transport import Transport, transport_of
from auth_service.repository import AuthRepository
from auth_service.repository.accounts import AccountRepository
from auth_service.repository.erasing import ErasureRepository
from auth_service.repository.links import LinkRepository
from auth_service.repository.operations import OperationsRepository
from auth_service.repository.passkeys import PasskeyRepository
from auth_service.repository.written import WrittenMailRepository
from auth_service.service.account_sessions import AccountSessions
from auth_service.service.admission import Admission
from auth_service.service.apps import Apps
from auth_service.service.authorizations import Authorizations
from auth_service.service.browsers import Browsers
from auth_service.service.challenges import Challenges
from auth_service.service.devices import Devices
from auth_service.service.emails import Emails
from auth_service.service.erasure import Erasure
from auth_service.service.factors import Factors
from auth_service.service.housekeeping import Housekeeping
from auth_service.service.identities import Identities
from auth_service.service.introspection import Introspector
from auth_service.service.key_rotation import KeyRotation
from auth_service.service.letters import Letterhead
from auth_service.service.mailer import Mailer
from auth_service.service.mails import Mails
from auth_service.service.notices import Notices
from auth_service.service.passkeys import Passkeys
from auth_service.service.password_policy import PasswordPolicy
from auth_service.service.passwords import Passwords
from auth_service.service.post_office import Postman, PostOffice
from auth_service.service.providers import Providers
from auth_service.service.refresh_tokens import RefreshTokens
from auth_service.service.refreshing import Refreshing
from auth_service.service.revocations import Revocations
from auth_service.service.security import Security
from auth_service.service.sessions import Sessions
from auth_service.service.sign_in import SignIn
from auth_service.service.sign_up import SignUp
from auth_service.service.signing import SigningKeys
from auth_service.service.staff import Staff
from auth_service.service.throttle import Throttle
from auth_service.servicer import AuthServicer
from rookery.auth.v1.account_service_pb2_grpc import add_AccountServiceServicer_to_server
from rookery.auth.v1.auth_service_pb2_grpc import add_AuthServiceServicer_to_server
from rookery.auth.v1.mail_service_pb2_grpc import add_MailServiceServicer_to_server
from rookery.user.v1.user_service_pb2_grpc import UserServiceStub
from rookery_common.app import App, Component, Role
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
from rookery_common.rpc import RpcClient, RpcServer, erasure_serving
from rookery_common.rpc.server import Registration
from rookery_common.worker_leases import PostgresWorkerLease

SERVICE = "rookery.auth.v1.AuthService"
ACCOUNT_SERVICE = "rookery.auth.v1.AccountService"
MAIL_SERVICE = "rookery.auth.v1.MailService"
MIGRATIONS = Path(__file__).parent / "migrations"
WORKERS = range(128)
GATEWAY = frozenset({"gateway"})
NOTIFIERS = frozenset({"notification"})
# Everyone verifies internal tokens.
KEY_READERS = frozenset(
    {"gateway", "user", "post", "feed", "messaging", "notification", "search", "analytics", "moderation"}
)
ALLOWED_CALLERS = {
    "GetSigningKeys": KEY_READERS,
    "ListPermittedAccounts": NOTIFIERS,
    "GetMailbox": NOTIFIERS,
    "SendMail": NOTIFIERS,
    **erasure_serving.ALLOWED_CALLERS,
    "*": GATEWAY,
}
DRAIN_SECONDS = 3.0
log = get_logger()


@dataclass(frozen=True, slots=True)
class _Tools:
    """What most of the service's objects stand on."""

    settings: Settings
    repository: AuthRepository
    accounts: AccountRepository
    passkeys: PasskeyRepository
    links: LinkRepository
    ids: IdSource
    clock: Clock

    def derived(self, purpose: str) -> bytes:
        return derive_key(self.settings.master_key_bytes(), purpose)

    @property
    def provider(self) -> LocalKeyProvider:
        return LocalKeyProvider(self.settings.master_key_bytes())

    @property
    def cipher(self) -> FieldCipher:
        return FieldCipher(self.provider)

    @property
    def index(self) -> BlindIndex:
        return BlindIndex(self.derived("auth.index"))


class Auth:
    """The service's objects, wired; tests build it over a store and a user service of their own."""

    def __init__(
        self,
        settings: Settings,
        repository: AuthRepository,
        accounts: AccountRepository,
        passkeys: PasskeyRepository,
        links: LinkRepository,
        written: WrittenMailRepository,
        users: UserClient,
        http: JsonHttp,
        ids: IdSource,
        clock: Clock,
    ) -> None:
        tools = _Tools(settings, repository, accounts, passkeys, links, ids, clock)
        events, emails = Events(clock), Emails(tools.cipher, tools.index)
        policy = PasswordPolicy(settings.breached_passwords_file)
        self._wire_tokens(tools, events)
        self._wire_sign_in(tools, emails)
        self._wire_security(tools, emails, events, policy)
        identities = Identities(tools.cipher, tools.index)
        self._wire_sign_up(tools, emails, identities, events, policy, users)
        self._wire_providers(tools, identities, http)
        self.office = PostOffice(written, accounts, tools.cipher, clock, is_sent=settings.sends_mails)
        self._wire_servicers()
        self.verifier = TokenVerifier(self.keys.jwks, clock)

    def _wire_tokens(self, tools: _Tools, events: Events) -> None:
        settings, repository, clock = tools.settings, tools.repository, tools.clock
        policy = settings.refresh_policy
        refresh_tokens = RefreshTokens(repository, tools.derived("auth.refresh"), policy, clock)
        self.keys = SigningKeys(repository, tools.provider, clock)
        self.apps = Apps(repository, tools.ids, clock)
        self.sessions = Sessions(
            repository, self.keys, events, tools.ids, clock, refresh_tokens, policy=settings.session_policy
        )
        self.refreshing = Refreshing(repository, refresh_tokens, self.sessions, clock, grace=policy.grace)
        self.introspector = Introspector(self.sessions, refresh_tokens, clock)
        self.revocations = Revocations(repository, clock)
        self.staff = Staff(repository)

    def _wire_sign_in(self, tools: _Tools, emails: Emails) -> None:
        settings, repository, accounts, clock = tools.settings, tools.repository, tools.accounts, tools.clock
        hasher = PasswordHasher(settings.password_passes, settings.password_memory_kib, settings.password_lanes)
        devices = Devices(tools.derived("auth.devices"), clock)
        throttle = Throttle(repository, accounts, devices, tools.index, clock)
        self.passwords = Passwords(hasher, settings.password_workers)
        self.challenges = Challenges(accounts, tools.cipher, clock)
        self.sign_in = SignIn(repository, accounts, self.passwords, emails, throttle)
        self.factors = Factors(accounts, throttle, tools.cipher, tools.index, clock, issuer=settings.title)
        self.passkeys = Passkeys(
            tools.passkeys,
            self.challenges,
            tools.cipher,
            clock,
            public_url=settings.public_url,
            title=settings.title,
        )
        self.mails = Mails(accounts, tools.cipher, clock, is_sent=settings.sends_mails)
        self.notices = Notices(self.mails, emails)
        self.browsers = Browsers(
            accounts,
            self.sign_in,
            self.factors,
            self.passkeys,
            self.challenges,
            self.sessions,
            devices,
            self.notices,
            clock,
            longest=settings.session_policy.browser,
        )
        self.authorizations = Authorizations(repository, self.apps, self.sign_in, self.sessions, self.refreshing, clock)

    def _wire_security(self, tools: _Tools, emails: Emails, events: Events, policy: PasswordPolicy) -> None:
        accounts, clock = tools.accounts, tools.clock
        self.security = Security(
            accounts,
            self.browsers,
            self.challenges,
            self.passwords,
            policy,
            emails,
            self.mails,
            self.notices,
            events,
            clock,
        )
        self.account_sessions = AccountSessions(accounts, self.sessions, tools.cipher, events, clock)

    def _wire_sign_up(
        self,
        tools: _Tools,
        emails: Emails,
        identities: Identities,
        events: Events,
        policy: PasswordPolicy,
        users: UserClient,
    ) -> None:
        self.admission = admission_of(tools.settings, tools.accounts, tools.clock)
        self.sign_up = SignUp(
            tools.repository,
            tools.accounts,
            tools.links,
            self.admission,
            users,
            self.apps,
            self.sessions,
            self.sign_in,
            self.passwords,
            policy,
            emails,
            identities,
            self.mails,
            events,
            tools.clock,
        )

    def _wire_providers(self, tools: _Tools, identities: Identities, http: JsonHttp) -> None:
        settings, clock = tools.settings, tools.clock
        self.providers = Providers(
            {
                provider.name: OidcProvider(provider, http, clock, loopback=settings.local_mode)
                for provider in settings.sign_in_providers
            },
            tools.links,
            self.challenges,
            self.browsers,
            self.admission,
            self.sign_up,
            identities,
            clock,
            public_url=settings.public_url,
        )

    def _wire_servicers(self) -> None:
        self.account_servicer = AccountServicer(
            self.browsers,
            self.factors,
            self.passkeys,
            self.providers,
            self.security,
            self.sessions,
            self.account_sessions,
            self.mails,
            self.sign_up,
            self.admission,
        )
        self.servicer = AuthServicer(
            self.apps,
            self.sign_up,
            self.authorizations,
            self.introspector,
            self.sessions,
            self.account_sessions,
            self.keys,
            self.revocations,
            self.staff,
        )

    def registrations(self) -> list[Registration]:
        """What the process serves."""
        return [
            (add_AuthServiceServicer_to_server, self.servicer, SERVICE),
            (add_AccountServiceServicer_to_server, self.account_servicer, ACCOUNT_SERVICE),
            (add_MailServiceServicer_to_server, MailServicer(self.office), MAIL_SERVICE),
        ]


def mailer_of(settings: Settings, accounts: AccountRepository, clock: Clock, transport: Transport) -> Mailer:
    """Sends what the serving processes have recorded."""
    emails, cipher = emails_of(settings)
    letterhead = Letterhead(sender=settings.mail_from, public_url=settings.public_url)
    return Mailer(
        accounts,
        Mails(accounts, cipher, clock, is_sent=True),
        Challenges(accounts, cipher, clock),
        emails,
        transport,
        clock,
        letterhead=letterhead,
        title=settings.title,
        public_url=settings.public_url,
    )


def postman_of(
    settings: Settings, written: WrittenMailRepository, accounts: AccountRepository, clock: Clock, transport: Transport
) -> Postman:
    """Sends what other services have written."""
    letterhead = Letterhead(sender=settings.mail_from, public_url=settings.public_url)
    return Postman(written, accounts, *emails_of(settings), transport, letterhead, clock)


def erasure_of(settings: Settings, accounts: AccountRepository, outbox: PostgresOutbox, clock: Clock) -> Erasure:
    """Ends accounts for good."""
    emails, cipher = emails_of(settings)
    mails = Mails(accounts, cipher, clock, is_sent=settings.sends_mails)
    return Erasure(ErasureRepository(outbox), accounts, emails, mails, Events(clock), clock)


def emails_of(settings: Settings) -> tuple[Emails, FieldCipher]:
    """What reads and finds addresses, and what encrypts besides."""
    master_key = settings.master_key_bytes()
    cipher = FieldCipher(LocalKeyProvider(master_key))
    return Emails(cipher, BlindIndex(derive_key(master_key, "auth.index"))), cipher


class OutboxDrain:
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
    repository, accounts = AuthRepository(pg, outbox), AccountRepository(pg, outbox)
    components: list[Component] = [pg, producer, OutboxDrain(outbox)]
    checks = {"postgres": pg.check}
    if Role.SERVE in roles:
        lease = PostgresWorkerLease(pg, clock, WORKERS)
        user = RpcClient(settings, settings.user_target, UserServiceStub, service="user")
        ids = Snowflake(clock, lease.worker)
        http = JsonHttp()
        stores = (repository, accounts, PasskeyRepository(pg), LinkRepository(pg), WrittenMailRepository(pg))
        auth = Auth(settings, *stores, UserClient(user), http, ids, clock)
        server = _server(settings, auth, erasure_of(settings, accounts, outbox, clock))
        components += [lease, user, http, auth.passwords, auth.revocations, server]
        checks["worker_number"] = lease.check
    if Role.RELAY in roles:
        components += [Relay(outbox, producer, service="auth"), Housekeeping(repository, accounts, clock)]
        transport = transport_of(settings)
        if transport is not None:
            components.append(mailer_of(settings, accounts, clock, transport))
            components.append(postman_of(settings, WrittenMailRepository(pg), accounts, clock, transport))
        provider = LocalKeyProvider(settings.master_key_bytes())
        components.append(KeyRotation(OperationsRepository(pg), provider, clock, every=settings.key_lifetime))
    return App(settings, __version__, components, checks)


def _server(settings: Settings, auth: Auth, erasure: Erasure) -> RpcServer:
    services = [*auth.registrations(), erasure_serving.erasure_registration(erasure)]
    return RpcServer(settings, verifier=auth.verifier, services=services, allowed_callers=ALLOWED_CALLERS)


def admission_of(settings: Settings, accounts: AccountRepository, clock: Clock) -> Admission:
    """Who may sign up, as the operator has set it."""
    _, cipher = emails_of(settings)
    return Admission(accounts, cipher, clock, mode=settings.sign_up_mode, confirms_emails=settings.confirms_emails)


async def migrate() -> None:
    """Brings the database up to this release."""
    await migrate_postgres(Settings(), MIGRATIONS)
