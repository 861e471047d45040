"""Composition root: the engines of notification, its rules, its server, its consumers, and what makes it ready."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

from notification_service import __version__, servicer
from notification_service.clients import AuthClient, PostClient, UserClient, auth_stub, post_stub, user_stub
from notification_service.config import Settings
from notification_service.consumers import (
    AUTH_GROUP,
    AUTH_TOPIC,
    DECISION_GROUP,
    DECISION_TOPIC,
    ENGAGEMENT_GROUP,
    ENGAGEMENT_TOPIC,
    MESSAGE_GROUP,
    MESSAGE_TOPIC,
    POST_GROUP,
    POST_TOPIC,
    PUSH_GROUP,
    REPORT_TOPIC,
    STAFF_EVENTS,
    STAFF_GROUP,
    USER_GROUP,
    USER_TOPIC,
    ActsHandler,
    DecisionsHandler,
    EngagementHandler,
    MessagesHandler,
    PostEventsHandler,
    PushesHandler,
    SessionsHandler,
    StaffHandler,
    UserEventsHandler,
)
from notification_service.events import PUSH_TOPIC, PushLane
from notification_service.group_servicer import GroupServicer
from notification_service.letters import Letters
from notification_service.policy_servicer import PolicyServicer
from notification_service.preference_servicer import PreferenceServicer
from notification_service.push_servicer import PushServicer
from notification_service.push_transport import PushTransport
from notification_service.repository import (
    digests,
    erasures,
    markers,
    members,
    notifications,
    policies,
    preferences,
    push,
    told,
    watchers,
)
from notification_service.repository.counts import CountCache
from notification_service.repository.digests import DigestRepository
from notification_service.repository.erasures import ErasureRepository
from notification_service.repository.history import HistoryRepository
from notification_service.repository.live import NOTIFICATIONS, PREFIX
from notification_service.repository.markers import MarkerRepository
from notification_service.repository.members import MemberRepository
from notification_service.repository.notifications import HEADS, NotificationRepository
from notification_service.repository.policies import PolicyRepository
from notification_service.repository.preferences import PreferenceRepository
from notification_service.repository.push import PushRepository
from notification_service.repository.told import ToldRepository
from notification_service.repository.watchers import WatcherRepository
from notification_service.repository.windows import WindowRepository
from notification_service.service.channels import Channels
from notification_service.service.decisions import DecisionTeller
from notification_service.service.digest_lane import DigestLane
from notification_service.service.digest_schedule import DigestSchedule, Slots
from notification_service.service.digest_writer import DigestWriter
from notification_service.service.edits import EditTeller
from notification_service.service.erase_account import AccountErasure
from notification_service.service.groups import GroupReader
from notification_service.service.markers import Markers
from notification_service.service.polls import PollTeller
from notification_service.service.posts import PostTeller
from notification_service.service.push import Subscriptions
from notification_service.service.push_key import PushKey
from notification_service.service.push_queue import PushQueue
from notification_service.service.pusher import Pusher
from notification_service.service.put_away import PutAway
from notification_service.service.read import NotificationReader
from notification_service.service.sieve import Sieve
from notification_service.service.staff import Staff, StaffTeller
from notification_service.service.standing import StandingTeller
from notification_service.service.tell import Teller
from notification_service.service.unsubscribing import UnsubscribeTokens
from notification_service.service.watch import WatchTeller
from notification_service.servicer import NotificationServicer
from rookery.notification.v1.group_service_pb2_grpc import add_GroupServiceServicer_to_server
from rookery.notification.v1.notification_service_pb2_grpc import add_NotificationServiceServicer_to_server
from rookery.notification.v1.policy_service_pb2_grpc import add_PolicyServiceServicer_to_server
from rookery.notification.v1.preference_service_pb2_grpc import add_PreferenceServiceServicer_to_server
from rookery.notification.v1.push_service_pb2_grpc import add_PushServiceServicer_to_server
from rookery_common.app import App, Component, Role
from rookery_common.auth import TokenVerifier
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.clients.redis import RedisClient
from rookery_common.clients.web import Web
from rookery_common.clock import SystemClock
from rookery_common.crypto import FieldCipher, LocalKeyProvider, derive_key
from rookery_common.erasure import StepwiseEraser
from rookery_common.kafka.consumer import LIVE_PACE_SECONDS, Consumer
from rookery_common.kafka.producer import Producer
from rookery_common.live.announcer import Announcer
from rookery_common.live.hub import LiveHub, as_sent
from rookery_common.live.streams import LiveStreams
from rookery_common.rpc import erasure_serving
from rookery_common.rpc.client import RpcClient
from rookery_common.rpc.erasure_serving import erasure_registration
from rookery_common.rpc.server import RpcServer

MIGRATIONS: Final = Path(__file__).parent / "migrations"
STATEMENTS: Final = {
    **notifications.STATEMENTS,
    **members.STATEMENTS,
    **told.STATEMENTS,
    **watchers.STATEMENTS,
    **markers.STATEMENTS,
    **push.STATEMENTS,
    **policies.STATEMENTS,
    **preferences.STATEMENTS,
    **digests.STATEMENTS,
    **erasures.STATEMENTS,
}


ALLOWED_CALLERS: Final = {**servicer.ALLOWED_CALLERS, **erasure_serving.ALLOWED_CALLERS}


class _Core:
    """What all roles share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.cql = Cql(settings, "notification", STATEMENTS)
        self.cache = RedisClient.cache(settings, "notification")
        self.state = RedisClient.state(settings, "notification")
        cluster = settings.redis_cluster
        self.notifications = NotificationRepository(self.cql, self.clock)
        self.windows = WindowRepository(self.cache, cluster=cluster)
        self.streams = LiveStreams(self.state, NOTIFICATIONS, PREFIX, cluster=cluster)
        self.heads = NotificationRepository(self.cql, self.clock, HEADS)
        self.members = MemberRepository(self.cql, self.clock)
        self.producer = Producer(settings, "notification", settings.topic_prefix)
        cipher = FieldCipher(LocalKeyProvider(settings.master_key_bytes()))
        self.pushes = PushRepository(self.cql, cipher)
        self.push_key = PushKey(self.pushes, settings.public_url)
        self.subscriptions = Subscriptions(self.pushes, self.clock, plain=settings.local_mode)
        queue = PushQueue(self.pushes, PushLane(self.producer, self.clock), self.clock)
        self.preferences = PreferenceRepository(self.cql)
        self.channels = Channels(self.preferences, self.clock)
        self.digests = DigestRepository(self.cql)
        self.slots = Slots(self.clock, settings.digest_hour_seconds)
        self.unsubscribing = UnsubscribeTokens(derive_key(settings.master_key_bytes(), "notification.unsubscribe"))
        self.auth = RpcClient(settings, settings.auth_target, auth_stub, service="auth")
        history = HistoryRepository(self.cql, self.notifications, self.heads, self.members)
        self.teller = Teller(history, self.windows, Announcer(self.streams), queue, self.channels, self.clock)


def build(roles: frozenset[Role]) -> App:
    """One process in the given roles; what it publishes follows from what it has consumed, so its relay is idle."""
    core = _Core(Settings())
    components: list[Component] = [core.cql, core.cache, core.state, core.auth]
    # Redis is not asked: lists are answered from CQL without it, and what consumes waits for it.
    checks: dict[str, Callable[[], Awaitable[None]]] = {"cql": core.cql.check}
    if Role.CONSUME in roles:
        components += _consuming(core)
    if Role.SERVE in roles:
        components += _serving(core)
    return App(core.settings, __version__, components, checks)


def _serving(core: _Core) -> list[Component]:
    live = LiveHub(core.streams, as_sent, core.clock)
    reader = NotificationReader(core.windows, core.notifications)
    put_away = PutAway(core.teller, core.notifications, core.windows)
    marks = Markers(MarkerRepository(core.cql), core.clock)
    notifying = NotificationServicer(reader, put_away, marks, live)
    erasure = AccountErasure(ErasureRepository(core.cql, core.clock), core.windows)
    groups = GroupReader(core.heads, core.notifications, core.members, CountCache(core.cache), core.teller)
    grouping = GroupServicer(groups, reader, put_away, marks)
    pushing = PushServicer(core.subscriptions, core.push_key)
    policing = PolicyServicer(PolicyRepository(core.cql))
    schedule = DigestSchedule(core.digests, core.unsubscribing, core.slots)
    preferring = PreferenceServicer(core.preferences, schedule)
    server = RpcServer(
        core.settings,
        verifier=TokenVerifier(AuthClient(core.auth).signing_keys, core.clock),
        services=[
            (add_NotificationServiceServicer_to_server, notifying, "rookery.notification.v1.NotificationService"),
            (add_GroupServiceServicer_to_server, grouping, "rookery.notification.v1.GroupService"),
            (add_PushServiceServicer_to_server, pushing, "rookery.notification.v1.PushService"),
            (add_PolicyServiceServicer_to_server, policing, "rookery.notification.v1.PolicyService"),
            (add_PreferenceServiceServicer_to_server, preferring, "rookery.notification.v1.PreferenceService"),
            erasure_registration(StepwiseEraser(erasure.steps, core.clock)),
        ],
        allowed_callers=ALLOWED_CALLERS,
    )
    return [live, server]


def _consuming(core: _Core) -> list[Component]:
    settings = core.settings
    post = RpcClient(settings, settings.post_target, post_stub, service="post")
    user = RpcClient(settings, settings.user_target, user_stub, service="user")
    web = Web(settings, user_agent=f"Rookery/{__version__} ({settings.public_url})")
    told_posts = ToldRepository(core.cql, core.clock)
    consumer = partial(
        Consumer,
        settings,
        dead_letters=core.producer,
        service=settings.service,
        topic_prefix=settings.topic_prefix,
        batch=True,
        pace_seconds=LIVE_PACE_SECONDS,
    )
    acts = ActsHandler(core.teller)
    watching, posts = WatcherRepository(core.cql), PostClient(post)
    standing = StandingTeller(core.teller, told_posts)
    staff = Staff(AuthClient(core.auth), core.clock)
    of_staff = StaffHandler(StaffTeller(core.teller, staff))
    tellers = (
        PostTeller(core.teller, told_posts, posts),
        WatchTeller(core.teller, watching),
        EditTeller(standing, posts),
    )
    return [
        post,
        core.producer,
        consumer(USER_GROUP, [USER_TOPIC], UserEventsHandler(acts, watching)),
        consumer(ENGAGEMENT_GROUP, [ENGAGEMENT_TOPIC], EngagementHandler(acts, PollTeller(core.teller, posts))),
        consumer(POST_GROUP, [POST_TOPIC], PostEventsHandler(*tellers)),
        consumer(DECISION_GROUP, [DECISION_TOPIC], DecisionsHandler(DecisionTeller(standing))),
        consumer(MESSAGE_GROUP, [MESSAGE_TOPIC], MessagesHandler(standing)),
        consumer(AUTH_GROUP, [AUTH_TOPIC], SessionsHandler(core.subscriptions, core.teller)),
        consumer(STAFF_GROUP, [REPORT_TOPIC, USER_TOPIC], of_staff, takes=STAFF_EVENTS),
        user,
        web,
        *_reaching(core, user, posts, staff, web, consumer),
    ]


def _reaching(
    core: _Core, user: RpcClient, posts: PostClient, staff: Staff, web: Web, consumer: Callable[..., Component]
) -> list[Component]:
    """The ways to those who are not here: pushes and digests."""
    users = UserClient(user, core.settings.public_url.rstrip("/") + "/avatars/original/missing.png")
    sieve = Sieve(PolicyRepository(core.cql), posts, users, staff, core.clock)
    pusher = Pusher(
        core.pushes, core.notifications, users, core.push_key, PushTransport(web), sieve, core.channels, core.clock
    )
    writer = DigestWriter(
        core.digests,
        core.preferences,
        core.notifications,
        MarkerRepository(core.cql),
        users,
        sieve,
        AuthClient(core.auth),
        Letters(title=core.settings.title, public_url=core.settings.public_url),
        core.unsubscribing,
        core.slots,
        core.clock,
        public_url=core.settings.public_url,
    )
    return [
        consumer(PUSH_GROUP, [PUSH_TOPIC], PushesHandler(pusher)),
        DigestLane(core.digests, writer, core.slots, core.clock),
    ]


async def migrate() -> None:
    """Brings the keyspace's schema up to date."""
    await migrate_cql(Settings(), MIGRATIONS)
