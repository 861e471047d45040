"""The calls that every composed page makes: entries of many requests share each of them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from gateway_service.columns import Skeleton, Ties, relations_of, skeleton_of
from rookery.feed.v1.feed_service_pb2 import (
    BatchGetHomeEntry,
    BatchGetHomeRequest,
    BatchGetHomeResult,
)
from rookery.post.v1.post_service_pb2 import (
    BatchGetPostsEntry,
    BatchGetPostsRequest,
    BatchGetPostsResult,
    PostQuery,
)
from rookery.user.v1.user_service_pb2 import (
    AccountQuery,
    AccountView,
    BatchGetAccountsEntry,
    BatchGetAccountsRequest,
    BatchGetAccountsResult,
    BatchGetRelationshipsEntry,
    BatchGetRelationshipsRequest,
    BatchGetRelationshipsResult,
)
from rookery_common.auth import Identity
from rookery_common.paging import Page
from rookery_common.rpc import Batcher, Bulkhead, RpcClient, fill_context
from rookery_common.rpc.batching import Entry, Result

READ_SECONDS = 3.0
# After this time an older post may have been replaced by one that looks at columns.
OLDER_SECONDS: Final = 60.0
# Ids of posts or accounts, each with the version that is held here; 0 where none is.
Known = Mapping[int, int]
Q = TypeVar("Q", bound=Entry)
R = TypeVar("R", bound=Result)


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
        self._user_wall, self._post_wall, self._feed_wall = walls["user"], walls["post"], walls["feed"]
        self._columns_from = 0.0
        self._homes: Batcher[BatchGetHomeEntry, BatchGetHomeResult] = Batcher(
            _sender(feed, "BatchGetHome", BatchGetHomeRequest), name="home"
        )
        self._posts: Batcher[BatchGetPostsEntry, BatchGetPostsResult] = Batcher(
            _sender(post, "BatchGetPosts", BatchGetPostsRequest), name="posts"
        )
        self.accounts: Batcher[BatchGetAccountsEntry, BatchGetAccountsResult] = Batcher(
            _sender(user, "BatchGetAccounts", BatchGetAccountsRequest), name="accounts"
        )
        self.relationships: Batcher[BatchGetRelationshipsEntry, BatchGetRelationshipsResult] = Batcher(
            _sender(user, "BatchGetRelationships", BatchGetRelationshipsRequest), name="relationships"
        )

    async def home(self, viewer: Identity, page: Page, tags: Collection[str]) -> Skeleton:
        """A page of the viewer's home, with what is posted with these hashtags."""
        with self._feed_wall:
            return skeleton_of(await self._homes(_home_entry(page, tags), timeout=READ_SECONDS, identity=viewer))

    async def homes(self, asked: Sequence[HomeAsked]) -> list[Skeleton | Exception]:
        """The pages that are asked for."""
        entries = [_home_entry(each.page, each.tags) for each in asked]
        results = await _together(self._feed_wall, self._homes, [each.asker for each in asked], entries)
        return [result if isinstance(result, Exception) else skeleton_of(result) for result in results]

    async def posts(self, viewer: Identity | None, known: Known) -> BatchGetPostsResult:
        """Posts that the viewer may see; of those that are held in their latest version only what differs."""
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
        entries = list(map(self._posts_entry, known))
        results = await _together(self._post_wall, self._posts, askers, entries)
        # All of them, though others may have been answered: that happens once a minute, between two releases.
        if any(self._is_of_an_older(*each) for each in zip(entries, results, strict=True)):
            entries = list(map(self._posts_entry, known))
            results = await _together(self._post_wall, self._posts, askers, entries)
        return results

    async def accounts_of_many(
        self, askers: Sequence[Asker], known: Sequence[Known]
    ) -> list[Sequence[AccountView] | Exception]:
        """Profiles and counts that each asks for."""
        results = await _together(self._user_wall, self.accounts, askers, list(map(accounts_entry, known)))
        return [result if isinstance(result, Exception) else result.accounts for result in results]

    async def ties_of_many(
        self, askers: Sequence[Asker], accounts: Sequence[Collection[int]]
    ) -> list[Ties | Exception]:
        """What each is to the accounts that it asks for."""
        entries = [BatchGetRelationshipsEntry(account_ids=asked, in_columns=True) for asked in accounts]
        results = await _together(self._user_wall, self.relationships, askers, entries)
        return [
            result if isinstance(result, Exception) else Ties(relations_of(result), result.viewer_epoch)
            for result in results
        ]

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


def _sender(client: RpcClient, method: str, request: Callable[..., Any]) -> Callable[..., Awaitable[Sequence[Any]]]:
    """How a batch of entries is sent by this method, whose requests and answers have nothing else."""

    async def send(entries: list[Any], timeout: float) -> Sequence[Any]:
        return (await client.exchange(method, request(entries=entries), timeout=timeout)).results  # type: ignore[no-any-return]

    return send


async def _together(
    wall: Bulkhead, batcher: Batcher[Q, R], askers: Sequence[Asker], entries: list[Q]
) -> list[R | Exception]:
    """The result of each entry, which is of the asker in its place."""
    for entry, asker in zip(entries, askers, strict=True):
        fill_context(entry.context, *asker)
    with wall.of_many(len(entries)):
        return await batcher.together(entries, timeout=READ_SECONDS)


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
