"""Composition root: the engines of messaging, its rules, its server, and what makes it ready."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from messaging_service import __version__
from messaging_service import servicer as messaging
from messaging_service.clients import AuthClient, UserClient
from messaging_service.config import Settings
from messaging_service.consumers import POST_GROUP, POST_TOPIC, PostEventsHandler
from messaging_service.direct_servicer import DIRECT_SERVICE_NAME, DirectThreadServicer
from messaging_service.events import MessagingEvents
from messaging_service.repository import direct_threads
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.live import NOTICES, PREFIX
from messaging_service.repository.messages import MessageRepository
from messaging_service.repository.statements import STATEMENTS
from messaging_service.service.confirm import Confirmer
from messaging_service.service.conversations import Conversations
from messaging_service.service.direct_threads import DirectThreads, DirectThreadWriter
from messaging_service.service.erase_account import AccountErasure
from messaging_service.service.inbox import Inbox
from messaging_service.service.live import MessageLoader
from messaging_service.service.message_log import MessageLog
from messaging_service.service.messages import Messages
from messaging_service.service.notices import Notices
from messaging_service.service.seals import Seals
from messaging_service.servicer import SERVICE_NAME, MessagingServicer
from rookery.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from rookery.messaging.v1.direct_thread_service_pb2_grpc import add_DirectThreadServiceServicer_to_server
from rookery.messaging.v1.messaging_service_pb2_grpc import add_MessagingServiceServicer_to_server
from rookery.user.v1.user_service_pb2_grpc import UserServiceStub
from rookery_common.app import App, Component, Role
from rookery_common.auth import TokenVerifier
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.clients.redis import RedisClient
from rookery_common.clock import SystemClock
from rookery_common.crypto import BlindIndex, FieldCipher, LocalKeyProvider, derive_key
from rookery_common.erasure import StepwiseEraser
from rookery_common.ids import Snowflake
from rookery_common.kafka.consumer import Consumer
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.events import Event
from rookery_common.kafka.producer import Producer
from rookery_common.kafka.relay import Relay
from rookery_common.live.announcer import Announcer
from rookery_common.live.hub import LiveHub, as_sent
from rookery_common.live.streams import LiveStreams
from rookery_common.paging import CursorCodec
from rookery_common.rpc import erasure_serving
from rookery_common.rpc.client import RpcClient
from rookery_common.rpc.erasure_serving import erasure_registration
from rookery_common.rpc.server import RpcServer
from rookery_common.worker_leases import CqlWorkerLease

# Of the 1,024 worker numbers of Snowflakes, those that are messaging's.
WORKERS: Final = range(576, 768)
ALLOWED_CALLERS: Final = {**messaging.ALLOWED_CALLERS, **erasure_serving.ALLOWED_CALLERS}
MIGRATIONS: Final = Path(__file__).parent / "migrations"


class _Core:
    """What all roles share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.cql = Cql(settings, "messaging", STATEMENTS)
        self.state = RedisClient.state(settings, "messaging")
        self.producer = Producer(settings, "messaging", settings.topic_prefix)
        self.outbox = CqlOutbox(self.cql, self.producer, self.clock, confirmer=self._confirm)
        self.conversations = ConversationRepository(self.cql)
        self.messages = MessageRepository(self.cql, self.outbox)
        self.streams = LiveStreams(self.state, NOTICES, PREFIX, cluster=settings.redis_cluster)
        self.notices = Notices(Announcer(self.streams))
        self.direct_threads = direct_threads.DirectThreadRepository(self.cql)
        self.direct_streams = LiveStreams(
            self.state, direct_threads.DIRECT_NOTICES, direct_threads.PREFIX, cluster=settings.redis_cluster
        )
        self._confirmer = Confirmer(self.conversations, self.messages, self.notices)

    async def _confirm(self, event: Event) -> bool:
        """The outbox asks whoever completes, who writes through repositories that have the outbox."""
        return await self._confirmer(event)


def build(roles: frozenset[Role]) -> App:
    """One process in the given roles; ValidationError where a setting is missing or wrong."""
    core = _Core(Settings())
    components: list[Component] = [core.cql, core.state, core.producer]
    # Redis is not asked: without it messages are sent and read, and streams are told of a gap later.
    checks: dict[str, Callable[[], Awaitable[None]]] = {"cql": core.cql.check}
    if Role.RELAY in roles:
        components.append(Relay(core.outbox, core.producer, service="messaging"))
    if Role.CONSUME in roles:
        components.append(_consumer(core))
    if Role.SERVE in roles:
        components += _serving(core, checks)
    return App(core.settings, __version__, components, checks)


def _consumer(core: _Core) -> Consumer:
    settings = core.settings
    writer = DirectThreadWriter(core.direct_threads, Announcer(core.direct_streams), core.clock)
    return Consumer(
        settings,
        POST_GROUP,
        [POST_TOPIC],
        PostEventsHandler(writer),
        dead_letters=core.producer,
        service=settings.service,
        topic_prefix=settings.topic_prefix,
        batch=True,
    )


def _serving(core: _Core, checks: dict[str, Callable[[], Awaitable[None]]]) -> list[Component]:
    settings, clock = core.settings, core.clock
    lease = CqlWorkerLease(core.cql, clock, WORKERS)
    ids = Snowflake(clock, lease.worker)
    auth = RpcClient(settings, settings.auth_target, AuthServiceStub, service="auth")
    user = RpcClient(settings, settings.user_target, UserServiceStub, service="user")
    master, events = settings.master_key_bytes(), MessagingEvents(clock)
    seals = Seals(FieldCipher(LocalKeyProvider(master)), BlindIndex(derive_key(master, "messaging digests")))
    log = MessageLog(core.conversations, core.messages, core.notices, seals, events, ids, clock)
    conversations = Conversations(core.conversations, core.messages, UserClient(user), seals, events, ids, clock)
    cursors = CursorCodec(derive_key(master, "messaging cursors"))
    live = LiveHub(core.streams, MessageLoader(core.conversations, core.messages, seals), clock)
    servicer = MessagingServicer(
        conversations,
        Inbox(core.conversations, core.messages, seals, cursors),
        Messages(conversations, core.messages, log, seals),
        live,
    )
    direct_live = LiveHub(core.direct_streams, as_sent, clock)
    direct = DirectThreadServicer(DirectThreads(core.direct_threads), direct_live)
    erasure = AccountErasure(core.conversations, core.messages)
    server = RpcServer(
        settings,
        verifier=TokenVerifier(AuthClient(auth).signing_keys, clock),
        services=[
            (add_MessagingServiceServicer_to_server, servicer, SERVICE_NAME),
            erasure_registration(StepwiseEraser([*erasure.steps, core.direct_threads.erase], clock)),
            (add_DirectThreadServiceServicer_to_server, direct, DIRECT_SERVICE_NAME),
        ],
        allowed_callers=ALLOWED_CALLERS,
    )
    checks["worker_lease"] = lease.check
    return [lease, auth, user, _Drain(core.outbox), log, live, direct_live, server]


class _Drain:
    """Publishes what the last requests have committed before the producer stops; the relay would, a little later."""

    def __init__(self, outbox: CqlOutbox) -> None:
        self._outbox = outbox

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        await self._outbox.drain()


async def migrate() -> None:
    """Brings the keyspace's schema up to date."""
    await migrate_cql(Settings(), MIGRATIONS)
