"""What serving and consuming have in common, and the consumers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from google.protobuf.message import Message

from post_service import (
    __version__,
)
from post_service.clients import UserClient
from post_service.config import Settings
from post_service.consumers import (
    DECISIONS_GROUP,
    DECISIONS_TOPIC,
    DELETION_EVENTS,
    DELETIONS_GROUP,
    DELETIONS_TOPIC,
    LINK_CARDS_GROUP,
    LINK_CARDS_TOPIC,
    MEDIA_GROUP,
    MEDIA_TOPIC,
    PROFILE_EVENTS,
    PROFILES_GROUP,
    PROFILES_TOPIC,
    DecisionsHandler,
    DeletionsHandler,
    LinkCardsHandler,
    MediaHandler,
    ProfilesHandler,
)
from post_service.events import PostCodec, PostEvents
from post_service.flags import FLAGS, LINK_CARDS
from post_service.imaging.pool import ImageWorkers
from post_service.repository.cache import PostCache
from post_service.repository.cards import CardRepository
from post_service.repository.engagements import EngagementRepository
from post_service.repository.mark_cache import MarkCache
from post_service.repository.marks import MarkRepository
from post_service.repository.media import MediaRepository
from post_service.repository.polls import PollEndRepository, PollRepository
from post_service.repository.posts import PostRepository
from post_service.repository.redis_guard import RedisGuard
from post_service.repository.revisions import RevisionRepository
from post_service.repository.schedule import ScheduleRepository
from post_service.repository.scheduled import ScheduledRepository
from post_service.repository.unfinished_media import UnfinishedMediaRepository
from post_service.schedule_models import JobKind
from post_service.service.create_post import PostWriter
from post_service.service.decide import Decisions
from post_service.service.delete_post import PostRemover, PostStores
from post_service.service.fetch_card import CardFetcher
from post_service.service.link_cards import LinkCards
from post_service.service.marks import MarkReader
from post_service.service.media_files import MediaFiles
from post_service.service.poll_ends import PollEnds
from post_service.service.polls import PollReader
from post_service.service.process_media import MediaProcessing
from post_service.service.profile_pictures import ProfilePictures
from post_service.service.publish_scheduled import ScheduledPublisher
from post_service.service.quotes import QuoteRule
from post_service.service.read_posts import PostReader
from post_service.service.replies import ReplyRule
from post_service.service.scheduler import Scheduler
from post_service.service.settle import Settler
from post_service.versions import HybridClock
from rookery.user.v1.user_service_pb2_grpc import UserServiceStub
from rookery_common.app import Component
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.redis import RedisClient
from rookery_common.clients.s3_parts import S3Parts
from rookery_common.clients.web import Web
from rookery_common.clock import SystemClock
from rookery_common.flags import Flags
from rookery_common.ids import Snowflake
from rookery_common.kafka.consumer import Consumer
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.handling import BatchHandler, EventHandler
from rookery_common.kafka.producer import Producer
from rookery_common.rpc.client import RpcClient
from rookery_common.worker_leases import CqlWorkerLease

WORKERS: Final = range(256, 512)
FETCHED: Final = 500
MEDIA_FETCHED: Final = 8
"""Events that are fetched at once where they are handled one by one."""


class Parts:
    """What serving and consuming have in common."""

    def __init__(self, settings: Settings, cql: Cql, outbox: CqlOutbox, files: S3Parts) -> None:
        self._settings, self._cql, self._outbox = settings, cql, outbox
        self._files, self._clock = files, SystemClock()
        self.redis = RedisClient.cache(settings, "post")
        self.user = RpcClient(settings, settings.user_target, UserServiceStub, service="user")
        self._users, guard = UserClient(self.user), RedisGuard(self._clock)
        self._versions, self._codec = HybridClock(self._clock), PostCodec(files.public_url)
        self._events = PostEvents(self._codec, self._clock)
        self._posts = PostRepository(cql, outbox, self._clock)
        self._engagements, self._marks = EngagementRepository(cql, outbox, self._clock), MarkRepository(cql)
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
        self._unfinished = UnfinishedMediaRepository(cql, outbox)
        self._media_files = MediaFiles(self._media, files, self._clock)
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
                dead_letters,
                DELETIONS_GROUP,
                DELETIONS_TOPIC,
                DeletionsHandler(self._remover, self._reader),
                takes=DELETION_EVENTS,
            ),
            self._consumer(
                dead_letters, PROFILES_GROUP, PROFILES_TOPIC, ProfilesHandler(pictures), takes=PROFILE_EVENTS
            ),
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

    def media(self, dead_letters: Producer) -> list[Component]:
        """What processes the uploads that were accepted; few are fetched, for each may take seconds."""
        workers = ImageWorkers(self._settings.image_workers)
        processing = MediaProcessing(
            self._media,
            self._unfinished,
            self._files,
            self._media_files,
            workers,
            self._clock,
            self._settings.image_workers,
        )
        handler = MediaHandler(processing)
        return [workers, self._consumer(dead_letters, MEDIA_GROUP, MEDIA_TOPIC, handler, fetched=MEDIA_FETCHED)]

    def _consumer(
        self,
        dead_letters: Producer,
        group: str,
        topic: str,
        handler: EventHandler | BatchHandler,
        *,
        takes: Sequence[type[Message]] = (),
        batch: int = 1,
        fetched: int = FETCHED,
    ) -> Consumer:
        """One whose handler takes up to `batch` events at once, or one by one of so many that are fetched."""
        return Consumer(
            self._settings,
            group,
            [topic],
            handler,
            takes=takes,
            dead_letters=dead_letters,
            service="post",
            topic_prefix=self._settings.topic_prefix,
            batch=batch > 1,
            batch_size=batch if batch > 1 else fetched,
        )
