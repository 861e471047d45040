"""Composition root: the engines of post, its rules, its server, and what makes it ready."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from post_service import (
    __version__,
    draft_servicer,
    edit_servicer,
    engagement_servicer,
    pin_servicer,
    poll_servicer,
    quote_servicer,
    reply_servicer,
    schedule_servicer,
)
from post_service.clients import AuthClient, UserClient
from post_service.config import Settings
from post_service.consumers import (
    DECISIONS_GROUP,
    DECISIONS_TOPIC,
    DELETIONS_GROUP,
    DELETIONS_TOPIC,
    LINK_CARDS_GROUP,
    LINK_CARDS_TOPIC,
    PROFILES_GROUP,
    PROFILES_TOPIC,
    DecisionsHandler,
    DeletionsHandler,
    LinkCardsHandler,
    ProfilesHandler,
)
from post_service.draft_servicer import DraftServicer
from post_service.edit_servicer import EditServicer
from post_service.engagement_servicer import EngagementServicer
from post_service.events import PostCodec, PostEvents
from post_service.flags import FLAGS, LINK_CARDS
from post_service.imaging.pool import ImageWorkers
from post_service.pin_servicer import PinServicer
from post_service.poll_servicer import PollServicer
from post_service.quote_servicer import QuoteServicer
from post_service.reply_servicer import ReplyServicer
from post_service.repository.cache import PostCache
from post_service.repository.cards import CardRepository
from post_service.repository.engagements import EngagementRepository
from post_service.repository.mark_cache import MarkCache
from post_service.repository.marked import MarkedRepository
from post_service.repository.marks import MarkRepository
from post_service.repository.media import MediaRepository
from post_service.repository.pins import PinRepository
from post_service.repository.polls import PollEndRepository, PollRepository, VoteRepository
from post_service.repository.posts import PostRepository
from post_service.repository.quotes import QuoteRepository
from post_service.repository.redis_guard import RedisGuard
from post_service.repository.replies import ReplyRepository
from post_service.repository.revisions import RevisionRepository
from post_service.repository.saved_drafts import SavedDraftRepository
from post_service.repository.schedule import ScheduleRepository
from post_service.repository.scheduled import ScheduledRepository
from post_service.repository.statements import STATEMENTS
from post_service.schedule_models import JobKind
from post_service.schedule_servicer import ScheduleServicer
from post_service.service.confirm_vote import VoteConfirmer
from post_service.service.create_post import PostWriter
from post_service.service.decide import Decisions
from post_service.service.delete_post import PostRemover, PostStores
from post_service.service.edit_post import PostEditor
from post_service.service.engage import Engagement
from post_service.service.fetch_card import CardFetcher
from post_service.service.link_cards import LinkCards
from post_service.service.list_engaged import EngagedAccounts
from post_service.service.list_marked import MarkedPosts
from post_service.service.list_posts import AccountPosts
from post_service.service.list_voters import Voters
from post_service.service.marks import MarkReader
from post_service.service.media import MediaLibrary
from post_service.service.pins import Pins
from post_service.service.poll_ends import PollEnds
from post_service.service.polls import PollReader
from post_service.service.profile_pictures import ProfilePictures
from post_service.service.publish_scheduled import ScheduledPublisher
from post_service.service.quotes import QuoteRule, Quotes
from post_service.service.read_posts import PostReader
from post_service.service.reblog import Reblogger
from post_service.service.replies import Replies, ReplyRule
from post_service.service.revisions import Revisions
from post_service.service.saved_drafts import SavedDrafts
from post_service.service.scheduled_posts import ScheduledPosts
from post_service.service.scheduler import Scheduler
from post_service.service.settle import Settler
from post_service.service.sweep_uploads import UploadSweeper
from post_service.service.threads import ThreadReader
from post_service.service.vote import Voting
from post_service.servicer import ALLOWED_CALLERS, PostServicer, Rules
from post_service.versions import HybridClock
from rookery.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from rookery.post.v1.draft_service_pb2_grpc import add_DraftServiceServicer_to_server
from rookery.post.v1.edit_service_pb2_grpc import add_EditServiceServicer_to_server
from rookery.post.v1.engagement_service_pb2_grpc import add_EngagementServiceServicer_to_server
from rookery.post.v1.pin_service_pb2_grpc import add_PinServiceServicer_to_server
from rookery.post.v1.poll_service_pb2_grpc import add_PollServiceServicer_to_server
from rookery.post.v1.post_service_pb2_grpc import add_PostServiceServicer_to_server
from rookery.post.v1.quote_service_pb2_grpc import add_QuoteServiceServicer_to_server
from rookery.post.v1.reply_service_pb2_grpc import add_ReplyServiceServicer_to_server
from rookery.post.v1.schedule_service_pb2_grpc import add_ScheduleServiceServicer_to_server
from rookery.user.v1.user_service_pb2_grpc import UserServiceStub
from rookery_common.app import App, Component, Role
from rookery_common.auth import TokenVerifier
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.clients.redis import RedisClient
from rookery_common.clients.s3 import S3
from rookery_common.clients.web import Web
from rookery_common.clock import SystemClock
from rookery_common.flags import Flags
from rookery_common.ids import Snowflake
from rookery_common.kafka.consumer import Consumer
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.handling import BatchHandler, EventHandler
from rookery_common.kafka.producer import Producer
from rookery_common.kafka.relay import Relay
from rookery_common.rpc.client import RpcClient
from rookery_common.rpc.server import RpcServer
from rookery_common.worker_leases import CqlWorkerLease

SERVICE_NAME: Final = "rookery.post.v1.PostService"
WORKERS: Final = range(256, 512)
FETCHED: Final = 500
"""Events that are fetched at once where they are handled one by one."""
MIGRATIONS: Final = Path(__file__).parent / "migrations"
Check = Callable[[], Awaitable[None]]


def build(roles: frozenset[Role]) -> App:
    """One process in the given roles; ValidationError where a setting is missing or wrong."""
    settings = Settings()
    cql = Cql(settings, "post", STATEMENTS)
    producer = Producer(settings, "post", settings.topic_prefix)
    outbox = CqlOutbox(cql, producer, SystemClock(), confirmer=VoteConfirmer(PollRepository(cql)))
    files = S3(settings, "post")
    components: list[Component] = [cql, producer, files]
    checks: dict[str, Check] = {"cql": cql.check}
    if Role.RELAY in roles:
        components.append(Relay(outbox, producer, service="post"))
        components.append(UploadSweeper(MediaRepository(cql), CardRepository(cql), files, SystemClock()))
    if roles & {Role.SERVE, Role.CONSUME}:
        parts = _Parts(settings, cql, outbox, files)
        components += [parts.redis, parts.user, parts.lease, _Drain(outbox)]
        checks["worker_lease"] = parts.lease.check
        if Role.CONSUME in roles:
            components += [*parts.consumers(producer), *parts.link_cards(producer), parts.scheduler()]
        if Role.SERVE in roles:
            components += parts.serving()
    # Redis is a cache and user a courtesy: without them posts are served, so that neither decides about readiness.
    return App(settings, __version__, components, checks)


class _Parts:
    """What serving and consuming have in common."""

    def __init__(self, settings: Settings, cql: Cql, outbox: CqlOutbox, files: S3) -> None:
        self._settings, self._cql, self._outbox = settings, cql, outbox
        self._files, self._clock = files, SystemClock()
        self.redis = RedisClient.cache(settings, "post")
        self.user = RpcClient(settings, settings.user_target, UserServiceStub, service="user")
        self._users, guard = UserClient(self.user), RedisGuard(self._clock)
        self._versions, self._codec = HybridClock(self._clock), PostCodec(files.public_url)
        self._events = PostEvents(self._codec, self._clock)
        self._posts = PostRepository(cql, outbox, self._clock)
        self._engagements, self._marks = EngagementRepository(cql, outbox), MarkRepository(cql)
        self._cache = PostCache(self.redis, guard)
        self._mark_reader = MarkReader(self._marks, MarkCache(self.redis, guard), self._versions)
        self._polls = PollRepository(cql)
        self._reader = PostReader(
            self._posts,
            self._engagements,
            self._mark_reader,
            PollReader(self._polls),
            self._cache,
            self._codec,
            self._users,
            self._versions,
        )
        self._revisions = RevisionRepository(cql, outbox)
        self._settler = Settler(self._posts, self._revisions, self._events, self._versions)
        self._stores = PostStores(self._posts, self._engagements, self._cache, self._revisions)
        self._remover = PostRemover(
            self._stores, self._reader, self._mark_reader, self._codec, self._events, self._versions
        )

        self.lease = CqlWorkerLease(cql, self._clock, WORKERS)
        self._ids, self._media = Snowflake(self._clock, self.lease.worker), MediaRepository(cql)
        self._schedule = ScheduleRepository(cql)
        self._scheduled = ScheduledRepository(cql, self._schedule)
        ends = PollEndRepository(cql, outbox)
        self._poll_ends = PollEnds(ends, self._schedule, self._posts, self._events, self._clock)
        self._writer = self._post_writer()

    def scheduler(self) -> Scheduler:
        publisher = ScheduledPublisher(self._scheduled, self._writer, self._ids, self._clock)
        return Scheduler(self._schedule, {JobKind.PUBLISH: publisher, JobKind.END_POLL: self._poll_ends}, self._clock)

    def _post_writer(self) -> PostWriter:
        return PostWriter(
            self._posts,
            self._media,
            self._cache,
            self._reader,
            self._users,
            self._codec,
            self._events,
            self._poll_ends,
            QuoteRule(self._posts, self._reader, self._users),
            ReplyRule(self._reader, self._codec, self._users),
            self._ids,
            self._versions,
            self._settings.local_domain,
            hold=self._settings.hold_posts,
        )

    def consumers(self, dead_letters: Producer) -> list[Component]:
        decisions = Decisions(self._posts, self._reader, self._settler, self._events, self._versions)
        pictures = ProfilePictures(self._media, self._versions, self._clock)
        return [
            self._consumer(dead_letters, DECISIONS_GROUP, DECISIONS_TOPIC, DecisionsHandler(decisions)),
            self._consumer(
                dead_letters, DELETIONS_GROUP, DELETIONS_TOPIC, DeletionsHandler(self._remover, self._reader)
            ),
            self._consumer(dead_letters, PROFILES_GROUP, PROFILES_TOPIC, ProfilesHandler(pictures)),
        ]

    def link_cards(self, dead_letters: Producer) -> list[Component]:
        """What asks other sites, with a worker of its own for their pictures."""
        settings, cards = self._settings, CardRepository(self._cql)
        flags = Flags(settings.flags_file, FLAGS, service="post")
        web = Web(settings, user_agent=f"Rookery/{__version__} (+{settings.public_url})")
        workers = ImageWorkers(1)
        rules = LinkCards(
            self._posts,
            cards,
            CardFetcher(web, workers, self._files, cards, self._ids, self._clock),
            self._reader,
            self._versions,
            self._clock,
            settings.local_domain,
            lambda: flags.on(LINK_CARDS),
        )
        consumer = self._consumer(dead_letters, LINK_CARDS_GROUP, LINK_CARDS_TOPIC, LinkCardsHandler(rules), batch=64)
        return [flags, web, workers, consumer]

    def _consumer(
        self, dead_letters: Producer, group: str, topic: str, handler: EventHandler | BatchHandler, *, batch: int = 1
    ) -> Consumer:
        """One whose handler takes up to `batch` events at once."""
        return Consumer(
            self._settings,
            group,
            [topic],
            handler,
            dead_letters=dead_letters,
            service="post",
            topic_prefix=self._settings.topic_prefix,
            batch=batch > 1,
            batch_size=batch if batch > 1 else FETCHED,
        )

    def serving(self) -> list[Component]:
        settings = self._settings
        auth = RpcClient(settings, settings.auth_target, AuthServiceStub, service="auth")
        workers = ImageWorkers(settings.image_workers)
        verifier = TokenVerifier(AuthClient(auth).signing_keys, self._clock)
        rules = self._rules(workers)
        server = RpcServer(
            settings,
            verifier=verifier,
            services=[
                (add_PostServiceServicer_to_server, PostServicer(rules, self._codec, verifier), SERVICE_NAME),
                (
                    add_EngagementServiceServicer_to_server,
                    self._engagement_servicer(),
                    engagement_servicer.SERVICE_NAME,
                ),
                (add_DraftServiceServicer_to_server, self._draft_servicer(), draft_servicer.SERVICE_NAME),
                (add_EditServiceServicer_to_server, self._edit_servicer(), edit_servicer.SERVICE_NAME),
                (add_PinServiceServicer_to_server, self._pin_servicer(), pin_servicer.SERVICE_NAME),
                (add_PollServiceServicer_to_server, self._poll_servicer(), poll_servicer.SERVICE_NAME),
                (add_QuoteServiceServicer_to_server, self._quote_servicer(), quote_servicer.SERVICE_NAME),
                (add_ReplyServiceServicer_to_server, self._reply_servicer(), reply_servicer.SERVICE_NAME),
                (add_ScheduleServiceServicer_to_server, self._schedule_servicer(), schedule_servicer.SERVICE_NAME),
            ],
            allowed_callers=ALLOWED_CALLERS,
        )
        return [auth, workers, server]

    def _draft_servicer(self) -> DraftServicer:
        drafts = SavedDraftRepository(self._cql)
        rules = SavedDrafts(drafts, self._posts, self._media, self._writer, self._ids, self._versions, self._clock)
        return DraftServicer(rules, self._codec)

    def _edit_servicer(self) -> EditServicer:
        editor = PostEditor(
            self._posts,
            self._revisions,
            self._media,
            self._reader,
            self._remover,
            self._settler,
            self._users,
            self._events,
            self._poll_ends,
            self._versions,
            self._clock,
            self._settings.local_domain,
            hold=self._settings.hold_posts,
        )
        return EditServicer(editor, Revisions(self._posts, self._revisions, self._reader), self._codec)

    def _pin_servicer(self) -> PinServicer:
        pins = PinRepository(self._cql)
        return PinServicer(Pins(pins, self._posts, self._reader, self._mark_reader, self._clock))

    def _poll_servicer(self) -> PollServicer:
        votes = VoteRepository(self._cql, self._outbox, self._polls)
        voting = Voting(self._polls, votes, self._posts, self._reader, self._events, self._versions)
        return PollServicer(voting, Voters(self._polls))

    def _quote_servicer(self) -> QuoteServicer:
        quotes = QuoteRepository(self._cql, self._outbox, self._clock)
        rules = Quotes(quotes, self._posts, self._reader, self._settler, self._events, self._versions)
        return QuoteServicer(rules, self._codec)

    def _reply_servicer(self) -> ReplyServicer:
        replies = ReplyRepository(self._cql, self._outbox)
        rules = Replies(replies, self._posts, self._reader, self._settler, self._events, self._versions)
        return ReplyServicer(rules, self._codec)

    def _schedule_servicer(self) -> ScheduleServicer:
        scheduled = ScheduledPosts(
            self._scheduled, self._posts, self._media, self._writer, self._ids, self._versions, self._clock
        )
        return ScheduleServicer(scheduled, self._codec)

    def _engagement_servicer(self) -> EngagementServicer:
        lists = MarkedRepository(self._cql, self._clock)
        return EngagementServicer(
            self._engagement(), MarkedPosts(lists, self._marks), EngagedAccounts(self._engagements, self._reader)
        )

    def _engagement(self) -> Engagement:
        return Engagement(
            self._engagements,
            self._marks,
            self._mark_reader,
            self._reader,
            self._events,
            self._ids,
            self._versions,
            self._clock,
        )

    def _rules(self, workers: ImageWorkers) -> Rules:
        posts, reader, versions, events, ids = self._posts, self._reader, self._versions, self._events, self._ids
        return Rules(
            self._writer,
            self._remover,
            reader,
            AccountPosts(posts, reader, self._codec),
            ThreadReader(posts, reader, self._codec),
            self._engagement(),
            Reblogger(self._stores, reader, self._mark_reader, self._remover, self._codec, events, ids, versions),
            MediaLibrary(self._media, self._files, workers, ids, versions, self._clock),
        )


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
