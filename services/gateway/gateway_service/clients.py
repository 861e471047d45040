"""The services behind the gateway; their hot calls are batched, with the caller's identity in each entry."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from types import SimpleNamespace
from typing import Any

from gateway_service.batched_calls import READ_SECONDS, BatchedCalls, Known, accounts_entry
from gateway_service.columns import Relation, Skeleton, relations_of
from gateway_service.config import Settings
from rookery.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from rookery.auth.v1.account_service_pb2_grpc import AccountServiceStub
from rookery.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from rookery.feed.v1.feed_service_pb2 import (
    GetListTimelineRequest,
    GetListTimelineResponse,
    ListPublicTimelineRequest,
    ListPublicTimelineResponse,
)
from rookery.feed.v1.feed_service_pb2_grpc import FeedServiceStub
from rookery.feed.v1.ranking_service_pb2_grpc import RankingServiceStub
from rookery.messaging.v1.direct_thread_service_pb2_grpc import DirectThreadServiceStub
from rookery.messaging.v1.messaging_service_pb2_grpc import MessagingServiceStub
from rookery.moderation.v1.announcement_service_pb2_grpc import AnnouncementServiceStub
from rookery.moderation.v1.moderation_service_pb2 import BatchGetReportsRequest, BatchGetReportsResponse, Report
from rookery.moderation.v1.moderation_service_pb2_grpc import ModerationServiceStub
from rookery.notification.v1.group_service_pb2_grpc import GroupServiceStub
from rookery.notification.v1.notification_service_pb2 import ListNotificationsRequest, ListNotificationsResponse
from rookery.notification.v1.notification_service_pb2_grpc import NotificationServiceStub
from rookery.notification.v1.policy_service_pb2 import GetPolicyRequest, GetPolicyResponse
from rookery.notification.v1.policy_service_pb2_grpc import PolicyServiceStub
from rookery.notification.v1.preference_service_pb2_grpc import PreferenceServiceStub
from rookery.notification.v1.push_service_pb2_grpc import PushServiceStub
from rookery.post.v1.draft_service_pb2_grpc import DraftServiceStub
from rookery.post.v1.edit_service_pb2_grpc import EditServiceStub
from rookery.post.v1.engagement_service_pb2_grpc import EngagementServiceStub
from rookery.post.v1.pin_service_pb2_grpc import PinServiceStub
from rookery.post.v1.poll_service_pb2_grpc import PollServiceStub
from rookery.post.v1.post_service_pb2 import (
    BatchGetPostsResult,
)
from rookery.post.v1.post_service_pb2_grpc import PostServiceStub
from rookery.post.v1.quote_service_pb2_grpc import QuoteServiceStub
from rookery.post.v1.reply_service_pb2_grpc import ReplyServiceStub
from rookery.post.v1.schedule_service_pb2_grpc import ScheduleServiceStub
from rookery.post.v1.upload_service_pb2_grpc import UploadServiceStub
from rookery.search.v1.search_service_pb2_grpc import SearchServiceStub
from rookery.user.v1.account_pb2 import Relationship
from rookery.user.v1.deletion_service_pb2_grpc import DeletionServiceStub
from rookery.user.v1.directory_service_pb2_grpc import DirectoryServiceStub
from rookery.user.v1.featured_tag_service_pb2 import ListFeaturedTagsRequest, ListFeaturedTagsResponse
from rookery.user.v1.featured_tag_service_pb2_grpc import FeaturedTagServiceStub
from rookery.user.v1.filter_service_pb2 import Filter, ListFiltersRequest, ListFiltersResponse
from rookery.user.v1.filter_service_pb2_grpc import FilterServiceStub
from rookery.user.v1.list_service_pb2_grpc import ListServiceStub
from rookery.user.v1.preference_service_pb2 import (
    GetHomePreferencesRequest,
    GetHomePreferencesResponse,
    HomePreferences,
)
from rookery.user.v1.preference_service_pb2_grpc import PreferenceServiceStub as HomePreferenceServiceStub
from rookery.user.v1.profile_service_pb2 import GetPostingDefaultsRequest, GetPostingDefaultsResponse
from rookery.user.v1.profile_service_pb2_grpc import ProfileServiceStub
from rookery.user.v1.relationship_service_pb2_grpc import RelationshipServiceStub
from rookery.user.v1.suggestion_service_pb2_grpc import SuggestionServiceStub
from rookery.user.v1.tag_service_pb2 import ListFollowedTagsRequest, ListFollowedTagsResponse
from rookery.user.v1.tag_service_pb2_grpc import TagServiceStub
from rookery.user.v1.transfer_service_pb2_grpc import TransferServiceStub
from rookery.user.v1.user_service_pb2 import (
    AccountView,
    BatchGetRelationshipsEntry,
)
from rookery.user.v1.user_service_pb2_grpc import UserServiceStub
from rookery_common.auth import Identity
from rookery_common.kafka.producer import Producer
from rookery_common.paging import Page
from rookery_common.rpc import Bulkhead, RpcClient

MAX_FOLLOWED_TAGS = 100
SERVICES = ("auth", "user", "post", "feed", "messaging", "notification", "moderation", "search", "analytics")
StubFactory = Callable[[Any], Any]


def joined(*stubs: StubFactory) -> StubFactory:
    """All gRPC services of one of ours over one channel: no two of them have a method of the same name."""

    def build(channel: Any) -> SimpleNamespace:
        return SimpleNamespace(**{name: call for stub in stubs for name, call in vars(stub(channel)).items()})

    return build


auth_stub = joined(AuthServiceStub, AccountServiceStub)
feed_stub = joined(FeedServiceStub, RankingServiceStub)
post_stub = joined(
    PostServiceStub,
    EngagementServiceStub,
    EditServiceStub,
    PinServiceStub,
    PollServiceStub,
    QuoteServiceStub,
    ReplyServiceStub,
    ScheduleServiceStub,
    DraftServiceStub,
    UploadServiceStub,
)
moderation_stub = joined(ModerationServiceStub, AnnouncementServiceStub)
messaging_stub = joined(MessagingServiceStub, DirectThreadServiceStub)
notification_stub = joined(
    NotificationServiceStub, GroupServiceStub, PolicyServiceStub, PreferenceServiceStub, PushServiceStub
)
user_stub = joined(
    UserServiceStub,
    DirectoryServiceStub,
    FeaturedTagServiceStub,
    FilterServiceStub,
    ListServiceStub,
    HomePreferenceServiceStub,
    ProfileServiceStub,
    RelationshipServiceStub,
    SuggestionServiceStub,
    TagServiceStub,
    TransferServiceStub,
    DeletionServiceStub,
)


class Clients:
    """Component: a client of each service, the calls that are batched, and a producer. All raise AppError.

    `most` is how many may wait for one service at once: one that hangs must not hold up what does without it.
    """

    def __init__(self, settings: Settings, most: Callable[[], float] = lambda: math.inf) -> None:
        walls = {name: Bulkhead(name, most) for name in SERVICES}
        self._user_wall = walls["user"]

        def client(service: str, target: str, stub: StubFactory) -> RpcClient:
            return RpcClient(settings, target, stub, service=service, bulkhead=walls[service])

        self.auth = client("auth", settings.auth_target, auth_stub)
        self.user = client("user", settings.user_target, user_stub)
        self.post = client("post", settings.post_target, post_stub)
        self.feed = client("feed", settings.feed_target, feed_stub)
        self.messaging = client("messaging", settings.messaging_target, messaging_stub)
        self.notification = client("notification", settings.notification_target, notification_stub)
        self.moderation = client("moderation", settings.moderation_target, moderation_stub)
        self.search = client("search", settings.search_target, SearchServiceStub)
        self.analytics = client("analytics", settings.analytics_target, AnalyticsServiceStub)
        self.producer = Producer(settings, "gateway", settings.topic_prefix)
        self._started = (
            self.auth,
            self.user,
            self.post,
            self.feed,
            self.messaging,
            self.notification,
            self.moderation,
            self.search,
            self.analytics,
            self.producer,
        )
        self.batched = BatchedCalls(self.user, self.post, self.feed, walls)

    async def start(self) -> None:
        """Begins to connect; none of them need be there yet."""
        for client in self._started:
            await client.start()

    async def stop(self) -> None:
        """Closes all; calls that run fail."""
        for client in reversed(self._started):
            await client.stop()

    async def list_notifications(
        self, viewer: Identity, request: ListNotificationsRequest
    ) -> ListNotificationsResponse:
        """What the viewer is told."""
        answer: ListNotificationsResponse = await self.notification.call(
            "ListNotifications", request, timeout=READ_SECONDS, idempotent=True, identity=viewer
        )
        return answer

    async def get_policy(self, viewer: Identity) -> GetPolicyResponse:
        """Of whom the viewer wants to hear, and what the viewer has answered to others."""
        answer: GetPolicyResponse = await self.notification.call(
            "GetPolicy", GetPolicyRequest(), timeout=READ_SECONDS, idempotent=True, identity=viewer
        )
        return answer

    async def batch_get_reports(self, viewer: Identity, report_ids: Sequence[int]) -> Sequence[Report]:
        """Those of them that there are, for a moderator."""
        answer: BatchGetReportsResponse = await self.moderation.call(
            "BatchGetReports",
            BatchGetReportsRequest(report_ids=report_ids),
            timeout=READ_SECONDS,
            idempotent=True,
            identity=viewer,
        )
        return answer.reports

    async def list_filters(self, viewer: Identity) -> Sequence[Filter]:
        """What the viewer does not want to meet."""
        answer: ListFiltersResponse = await self.user.call(
            "ListFilters", ListFiltersRequest(), timeout=READ_SECONDS, idempotent=True, identity=viewer
        )
        return answer.filters

    async def list_followed_tags(self, viewer: Identity) -> Sequence[str]:
        """All hashtags that the viewer follows."""
        answer: ListFollowedTagsResponse = await self.user.call(
            "ListFollowedTags",
            ListFollowedTagsRequest(page_size=MAX_FOLLOWED_TAGS),
            timeout=READ_SECONDS,
            idempotent=True,
            identity=viewer,
        )
        return answer.names

    async def list_featured_tags(self, viewer: Identity | None, account_id: int) -> ListFeaturedTagsResponse:
        """Hashtags on an account's profile, as the viewer may see them."""
        answer: ListFeaturedTagsResponse = await self.user.call(
            "ListFeaturedTags",
            ListFeaturedTagsRequest(account_id=account_id),
            timeout=READ_SECONDS,
            idempotent=True,
            identity=viewer,
        )
        return answer

    async def get_home_preferences(self, viewer: Identity) -> HomePreferences:
        """How the viewer wants the home."""
        answer: GetHomePreferencesResponse = await self.user.call(
            "GetHomePreferences",
            GetHomePreferencesRequest(),
            timeout=READ_SECONDS,
            idempotent=True,
            identity=viewer,
        )
        return answer.preferences

    async def get_posting_defaults(self, author: Identity) -> GetPostingDefaultsResponse:
        """What the author's new posts are where they don't say it themselves."""
        answer: GetPostingDefaultsResponse = await self.user.call(
            "GetPostingDefaults",
            GetPostingDefaultsRequest(),
            timeout=READ_SECONDS,
            idempotent=True,
            identity=author,
        )
        return answer

    async def batch_get_home(self, viewer: Identity, page: Page, tags: Collection[str] = ()) -> Skeleton:
        """A page of the viewer's home, with what is posted with these hashtags: ids with reasons, newest first."""
        return await self.batched.home(viewer, page, tags)

    async def get_list_timeline(self, viewer: Identity, members: Sequence[int], page: Page) -> GetListTimelineResponse:
        """What these have in the viewer's home: ids with reasons, newest first."""
        request = GetListTimelineRequest(
            author_ids=members,
            limit=page.limit,
            max_id=page.max_id or 0,
            since_id=page.since_id or 0,
            min_id=page.min_id or 0,
        )
        answer: GetListTimelineResponse = await self.feed.call(
            "GetListTimeline", request, timeout=READ_SECONDS, idempotent=True, identity=viewer
        )
        return answer

    async def list_public_timeline(
        self, viewer: Identity | None, wanted: ListPublicTimelineRequest, page: Page
    ) -> ListPublicTimelineResponse:
        """A page of what is the same for everybody: ids, newest first."""
        request = ListPublicTimelineRequest(
            limit=page.limit, max_id=page.max_id or 0, since_id=page.since_id or 0, min_id=page.min_id or 0
        )
        request.MergeFrom(wanted)
        answer: ListPublicTimelineResponse = await self.feed.call(
            "ListPublicTimeline", request, timeout=READ_SECONDS, idempotent=True, identity=viewer
        )
        return answer

    async def batch_get_posts(self, viewer: Identity | None, known: Known) -> BatchGetPostsResult:
        """Posts that the viewer may see, with counts and marks; others are left out."""
        return await self.batched.posts(viewer, known)

    async def batch_get_accounts(self, viewer: Identity | None, known: Known) -> Sequence[AccountView]:
        """Profiles and counts; unknown ids are left out."""
        with self._user_wall:
            answer = await self.batched.accounts(accounts_entry(known), timeout=READ_SECONDS, identity=viewer)
            return answer.accounts

    async def batch_get_relationships(self, viewer: Identity, account_ids: Sequence[int]) -> Sequence[Relationship]:
        """What the viewer is to others; those of whom it can't be said are left out."""
        entry = BatchGetRelationshipsEntry(account_ids=account_ids)
        with self._user_wall:
            return (await self.batched.relationships(entry, timeout=READ_SECONDS, identity=viewer)).relationships

    async def batch_get_relations(self, viewer: Identity, account_ids: Sequence[int]) -> dict[int, Relation]:
        """As `batch_get_relationships`, by account, as far as it decides what is shown."""
        entry = BatchGetRelationshipsEntry(account_ids=account_ids, in_columns=True)
        with self._user_wall:
            return relations_of(await self.batched.relationships(entry, timeout=READ_SECONDS, identity=viewer))
