"""The calls that every composed page makes: entries of many requests share each of them."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from gateway_service.columns import Skeleton, Ties, relations_of, skeleton_of
from rookery.feed.v1.feed_service_pb2 import (
    BatchGetHomeEntry,
    BatchGetHomeRequest,
    BatchGetHomeResponse,
    BatchGetHomeResult,
)
from rookery.post.v1.post_service_pb2 import (
    BatchGetPostsEntry,
    BatchGetPostsRequest,
    BatchGetPostsResponse,
    BatchGetPostsResult,
    PostQuery,
)
from rookery.user.v1.user_service_pb2 import (
    AccountQuery,
    AccountView,
    BatchGetAccountsEntry,
    BatchGetAccountsRequest,
    BatchGetAccountsResponse,
    BatchGetAccountsResult,
    BatchGetRelationshipsEntry,
    BatchGetRelationshipsRequest,
    BatchGetRelationshipsResponse,
    BatchGetRelationshipsResult,
)
from rookery_common.auth import Identity
from rookery_common.paging import Page
from rookery_common.rpc import Batcher, Bulkhead, RpcClient, fill_context

READ_SECONDS = 3.0
# After this time an older post may have been replaced by one that looks at columns.
OLDER_SECONDS: Final = 60.0
# Ids of posts or accounts, each with the version that is held here; 0 where none is.
Known = Mapping[int, int]


class Asker(NamedTuple):
    """One of those who are asked for together: who it is, and the trace that its request belongs to."""

    viewer: Identity
    traceparent: str


class HomeAsked(NamedTuple):
    """A page of the home of one of them, with the hashtags that it follows."""

    asker: Asker
    page: Page
    tags: Collection[str]


class BatchedCalls:
    """Each for one viewer, or for many side by side: then each has its own result, or what it failed with."""

    def __init__(self, user: RpcClient, post: RpcClient, feed: RpcClient, walls: Mapping[str, Bulkhead]) -> None:
        self._user, self._post, self._feed = user, post, feed
        self._user_wall, self._post_wall, self._feed_wall = walls["user"], walls["post"], walls["feed"]
        self._columns_from = 0.0
        self._homes: Batcher[BatchGetHomeEntry, BatchGetHomeResult] = Batcher(self._send_homes, name="home")
        self._posts: Batcher[BatchGetPostsEntry, BatchGetPostsResult] = Batcher(self._send_posts, name="posts")
        self.accounts: Batcher[BatchGetAccountsEntry, BatchGetAccountsResult] = Batcher(
            self._send_accounts, name="accounts"
        )
        self.relationships: Batcher[BatchGetRelationshipsEntry, BatchGetRelationshipsResult] = Batcher(
            self._send_relationships, name="relationships"
        )

    async def home(self, viewer: Identity, page: Page, tags: Collection[str]) -> Skeleton:
        with self._feed_wall:
            return skeleton_of(await self._homes(_home_entry(page, tags), timeout=READ_SECONDS, identity=viewer))

    async def homes(self, asked: Sequence[HomeAsked]) -> list[Skeleton | Exception]:
        entries = [_home_entry(each.page, each.tags) for each in asked]
        for entry, each in zip(entries, asked, strict=True):
            fill_context(entry.context, *each.asker)
        with self._feed_wall.of_many(len(entries)):
            results = await self._homes.together(entries, timeout=READ_SECONDS)
        return [result if isinstance(result, Exception) else skeleton_of(result) for result in results]

    async def posts(self, viewer: Identity | None, known: Known) -> BatchGetPostsResult:
        with self._post_wall:
            entry = self._posts_entry(known)
            result = await self._posts(entry, timeout=READ_SECONDS, identity=viewer)
            if self._is_of_an_older(entry, result):
                result = await self._posts(self._posts_entry(known), timeout=READ_SECONDS, identity=viewer)
            return result

    async def posts_of_many(
        self, askers: Sequence[Asker], known: Sequence[Known]
    ) -> list[BatchGetPostsResult | Exception]:
        """What each asks for."""
        with self._post_wall.of_many(len(askers)):
            entries = self._posts_entries(askers, known)
            results = await self._posts.together(entries, timeout=READ_SECONDS)
            # All of them, though others may have been answered: that happens once a minute, between two releases.
            if any(self._is_of_an_older(*each) for each in zip(entries, results, strict=True)):
                results = await self._posts.together(self._posts_entries(askers, known), timeout=READ_SECONDS)
            return results

    async def accounts_of_many(
        self, askers: Sequence[Asker], known: Sequence[Known]
    ) -> list[Sequence[AccountView] | Exception]:
        """Profiles and counts that each asks for."""
        entries = [accounts_entry(each) for each in known]
        for entry, asker in zip(entries, askers, strict=True):
            fill_context(entry.context, *asker)
        with self._user_wall.of_many(len(entries)):
            results = await self.accounts.together(entries, timeout=READ_SECONDS)
        return [result if isinstance(result, Exception) else result.accounts for result in results]

    async def ties_of_many(
        self, askers: Sequence[Asker], accounts: Sequence[Collection[int]]
    ) -> list[Ties | Exception]:
        """What each is to the accounts that it asks for."""
        entries = [BatchGetRelationshipsEntry(account_ids=asked, in_columns=True) for asked in accounts]
        for entry, asker in zip(entries, askers, strict=True):
            fill_context(entry.context, *asker)
        with self._user_wall.of_many(len(entries)):
            results = await self.relationships.together(entries, timeout=READ_SECONDS)
        return [
            result if isinstance(result, Exception) else Ties(relations_of(result), result.viewer_epoch)
            for result in results
        ]

    def _posts_entries(self, askers: Sequence[Asker], known: Sequence[Known]) -> list[BatchGetPostsEntry]:
        entries = [self._posts_entry(each) for each in known]
        for entry, asker in zip(entries, askers, strict=True):
            fill_context(entry.context, *asker)
        return entries

    def _posts_entry(self, known: Known) -> BatchGetPostsEntry:
        if time.monotonic() >= self._columns_from:
            return BatchGetPostsEntry(post_ids=known, known_versions=known.values(), in_columns=True)
        queries = [PostQuery(post_id=post_id, known_version=version) for post_id, version in known.items()]
        return BatchGetPostsEntry(posts=queries, in_columns=True)

    def _is_of_an_older(self, entry: BatchGetPostsEntry, result: BatchGetPostsResult | Exception) -> bool:
        """Whether a release answered that does not look at columns; if so, it is asked as it knows it for a while."""
        if isinstance(result, Exception) or result.by_columns or not entry.post_ids:
            return False
        self._columns_from = time.monotonic() + OLDER_SECONDS
        return True

    async def _send_homes(self, entries: list[BatchGetHomeEntry], timeout: float) -> Sequence[BatchGetHomeResult]:
        request = BatchGetHomeRequest(entries=entries)
        response: BatchGetHomeResponse = await self._feed.exchange("BatchGetHome", request, timeout=timeout)
        return response.results

    async def _send_posts(self, entries: list[BatchGetPostsEntry], timeout: float) -> Sequence[BatchGetPostsResult]:
        request = BatchGetPostsRequest(entries=entries)
        response: BatchGetPostsResponse = await self._post.exchange("BatchGetPosts", request, timeout=timeout)
        return response.results

    async def _send_accounts(
        self, entries: list[BatchGetAccountsEntry], timeout: float
    ) -> Sequence[BatchGetAccountsResult]:
        request = BatchGetAccountsRequest(entries=entries)
        response: BatchGetAccountsResponse = await self._user.exchange("BatchGetAccounts", request, timeout=timeout)
        return response.results

    async def _send_relationships(
        self, entries: list[BatchGetRelationshipsEntry], timeout: float
    ) -> Sequence[BatchGetRelationshipsResult]:
        request = BatchGetRelationshipsRequest(entries=entries)
        response: BatchGetRelationshipsResponse = await self._user.exchange(
            "BatchGetRelationships", request, timeout=timeout
        )
        return response.results


def accounts_entry(known: Known) -> BatchGetAccountsEntry:
    """What is asked of accounts of which these versions are held."""
    queries = [AccountQuery(account_id=account_id, known_version=version) for account_id, version in known.items()]
    return BatchGetAccountsEntry(accounts=queries)


def _home_entry(page: Page, tags: Collection[str]) -> BatchGetHomeEntry:
    return BatchGetHomeEntry(
        limit=page.limit,
        max_id=page.max_id or 0,
        since_id=page.since_id or 0,
        min_id=page.min_id or 0,
        followed_tags=sorted(tags),
        in_columns=True,
    )
