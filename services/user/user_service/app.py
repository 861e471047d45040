"""Composition root of the user service."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from rookery.user.v1.deletion_service_pb2_grpc import add_DeletionServiceServicer_to_server
from rookery.user.v1.directory_service_pb2_grpc import add_DirectoryServiceServicer_to_server
from rookery.user.v1.featured_tag_service_pb2_grpc import add_FeaturedTagServiceServicer_to_server
from rookery.user.v1.filter_service_pb2_grpc import add_FilterServiceServicer_to_server
from rookery.user.v1.list_service_pb2_grpc import add_ListServiceServicer_to_server
from rookery.user.v1.preference_service_pb2_grpc import add_PreferenceServiceServicer_to_server
from rookery.user.v1.profile_service_pb2_grpc import add_ProfileServiceServicer_to_server
from rookery.user.v1.relationship_service_pb2_grpc import add_RelationshipServiceServicer_to_server
from rookery.user.v1.snapshot_service_pb2_grpc import add_SnapshotServiceServicer_to_server
from rookery.user.v1.suggestion_service_pb2_grpc import add_SuggestionServiceServicer_to_server
from rookery.user.v1.tag_service_pb2_grpc import add_TagServiceServicer_to_server
from rookery.user.v1.transfer_service_pb2_grpc import add_TransferServiceServicer_to_server
from rookery.user.v1.user_service_pb2_grpc import add_UserServiceServicer_to_server
from rookery_common.app import App, Component, Role
from rookery_common.auth import TokenVerifier
from rookery_common.clients.postgres import Postgres
from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.clients.redis import RedisClient
from rookery_common.clients.web import Web
from rookery_common.clock import SystemClock
from rookery_common.crypto import derive_key
from rookery_common.erasure import Eraser, StepwiseEraser
from rookery_common.ids import IdSource, Snowflake
from rookery_common.kafka.consumer import EASY_PACE_SECONDS, Consumer
from rookery_common.kafka.handling import BatchHandler, EventHandler
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.kafka.producer import Producer
from rookery_common.kafka.relay import Relay
from rookery_common.logs import get_logger
from rookery_common.paging import CursorCodec
from rookery_common.rpc import RpcServer
from rookery_common.rpc.server import Registration
from rookery_common.worker_leases import PostgresWorkerLease
from user_service import (
    __version__,
    consumers,
    deletion_servicer,
    directory_servicer,
    encodings,
    featured_tag_servicer,
    filter_servicer,
    list_servicer,
    preference_servicer,
    profile_servicer,
    relationship_servicer,
    servicer,
    snapshot_servicer,
    suggestion_servicer,
    tag_servicer,
    transfer_servicer,
)
from user_service.cache import EpochCache
from user_service.clients import AuthClient, ErasureClient, PostClient
from user_service.config import Settings
from user_service.deletion_servicer import DeletionServicer
from user_service.deletions.models import OWN
from user_service.deletions.own import OwnRows
from user_service.deletions.repository import DeletionRepository, ErasureRepository
from user_service.deletions.service import Deletions
from user_service.deletions.work import ErasureWork, ErasureWorker
from user_service.directory.repository import DirectoryRepository
from user_service.directory.service import Directory
from user_service.directory_servicer import DirectoryServicer
from user_service.events import Events
from user_service.featured_tag_servicer import FeaturedTagServicer
from user_service.featured_tags.repository import FeaturedTagRepository
from user_service.featured_tags.service import FeaturedTags
from user_service.filter_servicer import FilterServicer
from user_service.filters.repository import FilterRepository
from user_service.filters.service import Filters
from user_service.list_servicer import ListServicer
from user_service.lists.repository import ListRepository
from user_service.lists.service import Lists
from user_service.preference_servicer import PreferenceServicer
from user_service.preferences.repository import PreferenceRepository
from user_service.preferences.service import Preferences
from user_service.profile_servicer import ProfileServicer
from user_service.profiles.links import LinkChecks
from user_service.profiles.repository import ProfileRepository
from user_service.profiles.service import Profiles
from user_service.purge import UsernamePurge
from user_service.relationship_events import RelationshipEvents
from user_service.relationship_servicer import RelationshipServicer
from user_service.relationships.expiry import MuteExpiry
from user_service.relationships.listing import RelationshipLists
from user_service.relationships.repository import RelationshipRepository
from user_service.relationships.service import Relationships
from user_service.relayed import EpochsFirst
from user_service.repository import UserRepository
from user_service.service import Caches, UserService
from user_service.servicer import UserServicer, encode_account
from user_service.snapshot_servicer import SnapshotServicer
from user_service.snapshots.repository import SnapshotRepository
from user_service.snapshots.service import Snapshots
from user_service.suggestion_servicer import SuggestionServicer
from user_service.suggestions.repository import SuggestionRepository
from user_service.suggestions.service import Suggestions
from user_service.tag_servicer import TagServicer
from user_service.tags.repository import TagRepository
from user_service.tags.service import FollowedTags
from user_service.transfer_servicer import TransferServicer
from user_service.transfers.exports import ExportRepository
from user_service.transfers.importing import Imports
from user_service.transfers.imports import ImportRepository
from user_service.transfers.service import Exports
from user_service.transfers.work import ImportWork, ImportWorker

NAME = "user"
ALLOWED_CALLERS = {
    **servicer.ALLOWED_CALLERS,
    **profile_servicer.ALLOWED_CALLERS,
    **relationship_servicer.ALLOWED_CALLERS,
    **filter_servicer.ALLOWED_CALLERS,
    **list_servicer.ALLOWED_CALLERS,
    **directory_servicer.ALLOWED_CALLERS,
    **suggestion_servicer.ALLOWED_CALLERS,
    **tag_servicer.ALLOWED_CALLERS,
    **featured_tag_servicer.ALLOWED_CALLERS,
    **preference_servicer.ALLOWED_CALLERS,
    **transfer_servicer.ALLOWED_CALLERS,
    **snapshot_servicer.ALLOWED_CALLERS,
    **deletion_servicer.ALLOWED_CALLERS,
}
# Of the 1,024 worker numbers of Snowflakes, those that are user's.
WORKERS = range(128, 256)
DRAIN_SECONDS = 5.0
# While its owner waits, and by a worker, whose calls do about a second's work each.
END_SESSIONS_SECONDS, ERASE_SECONDS = 2.0, 10.0
MIGRATIONS = Path(__file__).parent / "migrations"
log = get_logger()


async def migrate() -> None:
    """Brings the database's schema up to date."""
    await migrate_postgres(Settings(), MIGRATIONS)


class OutboxDrain:
    """Component, stopped before the producer: what was committed last is published now, not by the relay later."""

    def __init__(self, outbox: PostgresOutbox) -> None:
        self._outbox = outbox

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._outbox.drain()
        except TimeoutError:
            log.warning("user.events_left_to_relay")


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of each part of the service."""

    accounts: UserService
    profiles: Profiles
    filters: Filters
    relationships: Relationships
    pages: RelationshipLists
    lists: Lists
    directory: Directory
    suggestions: Suggestions
    tags: FollowedTags
    featured_tags: FeaturedTags
    preferences: Preferences
    exports: Exports
    snapshots: Snapshots
    imports: Imports


def build(roles: frozenset[Role]) -> App:
    """One process in the given roles; ValidationError where a setting is missing or wrong."""
    settings = Settings()
    clock = SystemClock()
    pg = Postgres.from_settings(settings, name=NAME)
    redis = RedisClient.cache(settings, NAME)
    producer = Producer(settings, NAME, settings.topic_prefix)
    lease = PostgresWorkerLease(pg, clock, WORKERS)
    outbox = PostgresOutbox(pg, producer, NAME)
    caches = _caches(redis, clock)
    rules = _rules(settings, pg, outbox, caches, Snowflake(clock, lease.worker), clock)
    components: list[Component] = [pg, redis, producer, OutboxDrain(outbox), caches.views, caches.relationships]
    checks = {"postgres": pg.check}
    if roles & {Role.SERVE, Role.CONSUME}:
        components.append(lease)
        checks["worker_number"] = lease.check
    if Role.RELAY in roles:
        components += [
            Relay(outbox, EpochsFirst(producer, caches), service=NAME),
            UsernamePurge(UserRepository(pg, outbox), clock),
        ]
    if Role.CONSUME in roles:
        web = Web(settings, user_agent=f"Rookery/{__version__} (+{settings.public_url})")
        links = LinkChecks(ProfileRepository(pg, outbox), caches, Events(clock), clock, web, settings.public_url)
        posts = PostClient(settings, settings.post_target)
        work = ImportWork(ImportRepository(pg), rules.accounts, rules.relationships, rules.lists, posts, clock)
        components += [web, posts, *_consumers(settings, rules, links, producer)]
        components += [MuteExpiry(rules.relationships, clock), ImportWorker(work, clock)]
        components += _erasing(settings, pg, outbox, caches, clock)
    if Role.SERVE in roles:
        sessions = ErasureClient(settings, settings.auth_target, "auth", END_SESSIONS_SECONDS)
        services = [OWN, *settings.erasing_targets()]
        deletions = Deletions(DeletionRepository(outbox), caches, Events(clock), sessions, services, clock)
        components += [sessions, *_server(settings, rules, deletions, clock)]
    return App(settings, __version__, components, checks)


def _erasing(
    settings: Settings, pg: Postgres, outbox: PostgresOutbox, caches: Caches, clock: SystemClock
) -> list[Component]:
    clients = {
        service: ErasureClient(settings, target, service, ERASE_SECONDS)
        for service, target in settings.erasing_targets().items()
    }
    own = StepwiseEraser(OwnRows(pg, outbox, caches, RelationshipEvents(clock)).steps(), clock)
    erasers: dict[str, Eraser] = {OWN: own, **clients}
    return [*clients.values(), ErasureWorker(ErasureWork(ErasureRepository(pg), erasers, clock), clock)]


def _rules(
    settings: Settings, pg: Postgres, outbox: PostgresOutbox, caches: Caches, ids: IdSource, clock: SystemClock
) -> Rules:
    cursors = CursorCodec(derive_key(settings.master_key_bytes(), "user cursors"))
    events, relationships = Events(clock), RelationshipRepository(pg, outbox)
    return Rules(
        accounts=UserService(
            UserRepository(pg, outbox),
            caches,
            events,
            ids,
            clock,
            cursors,
            encode=encode_account,
            reserved=settings.extra_reserved(),
        ),
        profiles=Profiles(ProfileRepository(pg, outbox), caches, events, clock, ids),
        filters=Filters(FilterRepository(pg, outbox), events, ids, clock),
        relationships=Relationships(relationships, caches, RelationshipEvents(clock), ids, clock),
        pages=RelationshipLists(relationships, caches, cursors, clock),
        lists=Lists(ListRepository(pg, outbox), caches, events, ids, cursors),
        directory=Directory(DirectoryRepository(pg)),
        suggestions=Suggestions(SuggestionRepository(pg), clock),
        tags=FollowedTags(TagRepository(pg, outbox), events, ids, cursors),
        featured_tags=FeaturedTags(FeaturedTagRepository(pg), relationships, ids),
        preferences=Preferences(PreferenceRepository(pg, outbox), events, ids),
        exports=Exports(ExportRepository(pg), cursors, clock),
        snapshots=Snapshots(SnapshotRepository(pg), cursors),
        imports=Imports(ImportRepository(pg), ids, clock),
    )


def accounts_alone(settings: Settings, pg: Postgres, redis: RedisClient, clock: SystemClock) -> UserService:
    """For an operator's command that tells nobody of anything and makes no id: without a producer, without a lease."""
    outbox = PostgresOutbox(pg, Producer(settings, NAME, settings.topic_prefix), NAME)
    ids = Snowflake(clock, PostgresWorkerLease(pg, clock, WORKERS).worker)
    return _rules(settings, pg, outbox, _caches(redis, clock), ids, clock).accounts


def _caches(redis: RedisClient, clock: SystemClock) -> Caches:
    return Caches(EpochCache(redis, encodings.VIEWS, clock), EpochCache(redis, encodings.RELATIONSHIPS, clock))


def _server(settings: Settings, rules: Rules, deletions: Deletions, clock: SystemClock) -> list[Component]:
    auth = AuthClient(settings, settings.auth_target)
    verifier = TokenVerifier(auth.signing_keys, clock)
    accounts = UserServicer(rules.accounts, rules.relationships, rules.pages, verifier)
    relationships = RelationshipServicer(rules.relationships, rules.pages)
    transfers = TransferServicer(rules.exports, rules.imports)
    services: list[Registration] = [
        (add_UserServiceServicer_to_server, accounts, servicer.SERVICE_NAME),
        (add_RelationshipServiceServicer_to_server, relationships, relationship_servicer.SERVICE_NAME),
        (add_ProfileServiceServicer_to_server, ProfileServicer(rules.profiles), profile_servicer.SERVICE_NAME),
        (add_FilterServiceServicer_to_server, FilterServicer(rules.filters), filter_servicer.SERVICE_NAME),
        (add_ListServiceServicer_to_server, ListServicer(rules.lists), list_servicer.SERVICE_NAME),
        (add_DirectoryServiceServicer_to_server, DirectoryServicer(rules.directory), directory_servicer.SERVICE_NAME),
        (
            add_SuggestionServiceServicer_to_server,
            SuggestionServicer(rules.suggestions),
            suggestion_servicer.SERVICE_NAME,
        ),
        (add_TagServiceServicer_to_server, TagServicer(rules.tags), tag_servicer.SERVICE_NAME),
        (
            add_FeaturedTagServiceServicer_to_server,
            FeaturedTagServicer(rules.featured_tags),
            featured_tag_servicer.SERVICE_NAME,
        ),
        (
            add_PreferenceServiceServicer_to_server,
            PreferenceServicer(rules.preferences),
            preference_servicer.SERVICE_NAME,
        ),
        (add_SnapshotServiceServicer_to_server, SnapshotServicer(rules.snapshots), snapshot_servicer.SERVICE_NAME),
        (add_TransferServiceServicer_to_server, transfers, transfer_servicer.SERVICE_NAME),
        (add_DeletionServiceServicer_to_server, DeletionServicer(deletions), deletion_servicer.SERVICE_NAME),
    ]
    server = RpcServer(settings, verifier=verifier, services=services, allowed_callers=ALLOWED_CALLERS)
    return [auth, server]


def _consumers(settings: Settings, rules: Rules, links: LinkChecks, producer: Producer) -> list[Component]:
    def consumer(
        group: str, topic: str, handler: EventHandler | BatchHandler, takes: Sequence[type[Message]], **how: Any
    ) -> Consumer:
        return Consumer(
            settings,
            group,
            [topic],
            handler,
            takes=takes,
            dead_letters=producer,
            service=NAME,
            topic_prefix=settings.topic_prefix,
            **how,
        )

    c = consumers
    posts = c.PostEventsHandler(rules.accounts)
    granting, checking = c.AccountEventsHandler(rules.relationships), c.LinkEventsHandler(links)
    return [
        consumer(c.AUTH_GROUP, c.AUTH_TOPIC, c.AuthEventsHandler(rules.accounts), c.AUTH_EVENTS),
        consumer(c.POST_GROUP, c.POST_TOPIC, posts, c.POST_EVENTS, batch=True, pace_seconds=EASY_PACE_SECONDS),
        consumer(c.ACCOUNT_GROUP, c.ACCOUNT_TOPIC, granting, c.ACCOUNT_EVENTS),
        consumer(c.LINK_GROUP, c.ACCOUNT_TOPIC, checking, c.ACCOUNT_EVENTS),
    ]
