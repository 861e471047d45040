"""All services together."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

from gateway_fakes.account_lists import FakeLists
from gateway_fakes.accounts import FakeAccounts
from gateway_fakes.announcements import FakeModeration
from gateway_fakes.auth import FakeAuth
from gateway_fakes.deletions import FakeDeletions
from gateway_fakes.directory import FakeAnalytics, FakeDirectory
from gateway_fakes.filters import FakeFilters
from gateway_fakes.notification import FakeNotification
from gateway_fakes.post import FakePost
from gateway_fakes.preferences import FakePreferences
from gateway_fakes.profiles import FakeProfiles
from gateway_fakes.relationships import FakeRelationships
from gateway_fakes.service import FakeService, bad
from gateway_fakes.suggestions import FakeSuggestions
from gateway_fakes.tags import FakeTags
from gateway_fakes.transfers import FakeTransfers
from gateway_fakes.user import FakeUser
from gateway_service.columns import Relation, Skeleton, Ties, relation_in, skeleton_of
from rookery.feed.v1 import feed_service_pb2, ranking_service_pb2
from rookery.post.v1 import post_pb2, post_service_pb2
from rookery.user.v1 import account_pb2, filter_service_pb2, preference_service_pb2, user_service_pb2
from rookery.user.v1.featured_tag_service_pb2 import ListFeaturedTagsRequest
from rookery_common.auth import Identity
from rookery_common.errors import AppError
from rookery_common.paging import Page
from rookery_common.testing.clock import FakeClock


class FakeFeed(FakeService):
    """Takes what it is told; its rankings have the oldest first, so that nobody takes them for anything else."""

    def ListForYou(self, request: Any, who: Identity | None) -> Any:
        assert who is not None
        if request.page_token and not request.page_token.removeprefix("after-").isdigit():
            raise bad("page_token", "ERR_INVALID", "is not of this list")
        after = int(request.page_token.removeprefix("after-") or 0)
        follows = {author for reader, author in self.world.user.follows if reader == who.account_id}
        posts = sorted(self.world.post.posts.values(), key=lambda post: post.post_id)
        found = [post for post in posts if post.post_id > max(after, request.since_id)]
        result = ranking_service_pb2.ListForYouResponse()
        for post in found[: request.limit]:
            reason = (
                feed_service_pb2.REASON_FOLLOWED_AUTHOR if post.author_id in follows else feed_service_pb2.REASON_PUBLIC
            )
            ranked = result.entries.add(score=1.23456)
            ranked.entry.MergeFrom(
                feed_service_pb2.TimelineEntry(entry_id=post.post_id, author_id=post.author_id, reason=reason)
            )
            ranked.why.add(feature="recency", value=0.5, weight=2)
        if len(found) > request.limit:
            result.next_page_token = f"after-{result.entries[-1].entry.entry_id}"
        return result

    def AddOwnPost(self, _request: Any, who: Identity | None) -> Any:
        assert who is not None
        return feed_service_pb2.AddOwnPostResponse()

    def ListPublicTimeline(self, request: Any, _who: Identity | None) -> Any:
        """Of everyone's public posts, those with one of the hashtags if any are named; newest first."""
        result = feed_service_pb2.ListPublicTimelineResponse()
        for post in sorted(self.world.post.posts.values(), key=lambda post: -post.post_id):
            below = not request.max_id or post.post_id < request.max_id
            tagged = not request.any_tags or {tag.lower() for tag in request.any_tags} & set(post.tags)
            media = bool(post.media) or not request.only_media
            if below and tagged and media and post.visibility == post_pb2.VISIBILITY_PUBLIC and not post.reblog_of_id:
                result.entries.add(
                    entry_id=post.post_id, author_id=post.author_id, reason=feed_service_pb2.REASON_PUBLIC
                )
        result.more = len(result.entries) > request.limit
        del result.entries[request.limit :]
        return result


@dataclass
class World:
    """All of them; has the attributes of the gateway's Clients, and the parts of its services by themselves."""

    clock: FakeClock
    auth: FakeAuth = field(init=False)
    accounts: FakeAccounts = field(init=False)
    user: FakeUser = field(init=False)
    profiles: FakeProfiles = field(init=False)
    filters: FakeFilters = field(init=False)
    lists: FakeLists = field(init=False)
    directory: FakeDirectory = field(init=False)
    suggestions: FakeSuggestions = field(init=False)
    tags: FakeTags = field(init=False)
    preferences: FakePreferences = field(init=False)
    transfers: FakeTransfers = field(init=False)
    deletions: FakeDeletions = field(init=False)
    relationships: FakeRelationships = field(init=False)
    post: FakePost = field(init=False)
    feed: FakeFeed = field(init=False)
    analytics: FakeAnalytics = field(init=False)
    notification: FakeNotification = field(init=False)
    moderation: FakeModeration = field(init=False)

    def __post_init__(self) -> None:
        self.auth, self.user = FakeAuth(self), FakeUser(self)
        self.accounts = FakeAccounts(self)
        self.moderation = FakeModeration(self)
        self.profiles = FakeProfiles(self)
        self.filters = FakeFilters(self)
        self.lists = FakeLists(self)
        self.suggestions = FakeSuggestions(self)
        self.tags = FakeTags(self)
        self.preferences = FakePreferences(self)
        self.transfers = FakeTransfers(self)
        self.deletions = FakeDeletions(self)
        self.relationships = FakeRelationships(self)
        self.auth.parts = (self.accounts,)
        self.directory = FakeDirectory(self)
        self.user.parts = (
            self.profiles, self.filters, self.lists, self.suggestions, self.relationships, self.directory, self.tags,
            self.preferences, self.transfers, self.deletions,
        )  # fmt: skip
        self.post, self.feed = FakePost(self), FakeFeed(self)
        self.analytics = FakeAnalytics(self)
        self.notification = FakeNotification(self)

    async def batch_get_posts(self, _viewer: Identity | None, known: Any) -> post_service_pb2.BatchGetPostsResult:
        found = [self.post.posts[post_id] for post_id in known if post_id in self.post.posts]
        counts, marks = post_pb2.PostCounts(), post_pb2.PostMarks()
        views = [
            post_service_pb2.PostView(
                post_id=post.post_id,
                version=post.version,
                post=post,
                counts=counts,
                marks=marks,
                author_id=post.author_id,
                poll=self.post.tally(post),
                quote_state=self.post.quote_state(post),
            )
            for post in found
        ]
        return post_service_pb2.BatchGetPostsResult(posts=views)

    @property
    def batched(self) -> World:
        """The same, for many at once."""
        return self

    async def homes(self, asked: Any) -> list[Any]:
        return [await _result(self.batch_get_home(each.asker.viewer, each.page, each.tags)) for each in asked]

    async def posts_of_many(self, askers: Any, known: Any) -> list[Any]:
        return [await _result(self.batch_get_posts(*each)) for each in _of(askers, known)]

    async def accounts_of_many(self, askers: Any, known: Any) -> list[Any]:
        return [await _result(self.batch_get_accounts(*each)) for each in _of(askers, known)]

    async def ties_of_many(self, askers: Any, accounts: Any) -> list[Any]:
        found = [await _result(self.batch_get_relations(*each)) for each in _of(askers, accounts)]
        return [each if isinstance(each, Exception) else Ties(each) for each in found]

    async def batch_get_accounts(self, _viewer: Identity | None, known: Any) -> list[user_service_pb2.AccountView]:
        found = [self.user.accounts[account_id] for account_id in known if account_id in self.user.accounts]
        counts = account_pb2.AccountCounts(followers=1, following=2, statuses=3)
        return [
            user_service_pb2.AccountView(account_id=each.account_id, version=each.version, account=each, counts=counts)
            for each in found
        ]

    async def list_filters(self, viewer: Identity) -> list[filter_service_pb2.Filter]:
        if self.user.failure is not None:
            raise self.user.failure
        return self.filters.of(viewer.account_id)

    async def batch_get_relationships(self, viewer: Identity, account_ids: Any) -> list[account_pb2.Relationship]:
        known = [account_id for account_id in account_ids if account_id in self.user.accounts]
        return [self.user.relation(viewer.account_id, account_id) for account_id in known]

    async def batch_get_relations(self, viewer: Identity, account_ids: Any) -> dict[int, Relation]:
        found = await self.batch_get_relationships(viewer, account_ids)
        return {each.account_id: relation_in(each) for each in found}

    async def list_followed_tags(self, viewer: Identity) -> list[str]:
        if self.user.failure is not None:
            raise self.user.failure
        return self.tags.of(viewer.account_id)

    async def list_featured_tags(self, viewer: Identity | None, account_id: int) -> Any:
        request = ListFeaturedTagsRequest(account_id=account_id)
        return await self.user.call("ListFeaturedTags", request, timeout=1, identity=viewer)

    async def get_home_preferences(self, viewer: Identity) -> preference_service_pb2.HomePreferences:
        if self.user.failure is not None:
            raise self.user.failure
        return self.preferences.known[viewer.account_id]

    async def get_posting_defaults(self, author: Identity) -> Any:
        if self.user.failure is not None:
            raise self.user.failure
        return await self.profiles.call("GetPostingDefaults", None, timeout=1, identity=author)

    async def batch_get_home(self, viewer: Identity, page: Page, tags: Any = ()) -> Skeleton:
        """Of everyone's posts, those of whom the viewer follows, and the viewer's own."""
        result = feed_service_pb2.BatchGetHomeResult()
        for post in sorted(self.post.posts.values(), key=lambda post: -post.post_id):
            own = post.author_id == viewer.account_id
            below = not page.max_id or post.post_id < page.max_id
            followed = (viewer.account_id, post.author_id) in self.user.follows
            if below and (own or followed or set(tags) & set(post.tags)):
                reason = feed_service_pb2.REASON_OWN_POST if own else feed_service_pb2.REASON_FOLLOWED_TAG
                reason = feed_service_pb2.REASON_FOLLOWED_AUTHOR if followed else reason
                result.entries.add(entry_id=post.post_id, author_id=post.author_id, reason=reason)
        result.more = len(result.entries) > page.limit
        del result.entries[page.limit :]
        return skeleton_of(result)

    async def get_list_timeline(
        self, viewer: Identity, members: Any, page: Page
    ) -> feed_service_pb2.GetListTimelineResponse:
        """Those of the home that these have written."""
        home = await self.batch_get_home(viewer, page)
        entries = [
            feed_service_pb2.TimelineEntry(entry_id=each.entry_id, author_id=each.author_id)
            for each in home.entries
            if each.author_id in members
        ]
        reached_id = home.entries[-1].entry_id if home.more else 0
        return feed_service_pb2.GetListTimelineResponse(entries=entries, reached_id=reached_id)

    def newcomer(self, username: str, *scopes: str) -> tuple[int, dict[str, str]]:
        """A new account's id, and headers with a token of it."""
        account_id = self.user.add(username)
        return account_id, {"authorization": f"Bearer {self.auth.grant(account_id, *scopes)}"}

    def app_headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.auth.grant(0)}"}


def _of(askers: Any, asked: Any) -> list[tuple[Identity, Any]]:
    return [(asker.viewer, each) for asker, each in zip(askers, asked, strict=True)]


async def _result(call: Awaitable[Any]) -> Any:
    """What it answers, or what it fails with."""
    try:
        return await call
    except AppError as error:
        return error
