"""What post is asked for when follows begin, and what is done where it is a release older."""

from __future__ import annotations

from typing import Any, cast

import pytest

from feed_service.clients import AUTHORS_AT_ONCE, PostClient
from feed_service.models import Entry, Reason
from rookery.post.v1 import post_pb2
from rookery.post.v1 import post_service_pb2 as pb
from rookery_common.errors import NotOffered
from rookery_common.rpc.client import RpcClient


class Post:
    """Each author of an even id has posted twice, and shared something before that."""

    def __init__(self, *, is_older: bool) -> None:
        self.is_older = is_older
        self.calls: list[str] = []

    async def call(self, method: str, request: Any, **_how: object) -> Any:
        self.calls.append(method)
        if method == "ListAccountPosts":
            return pb.ListAccountPostsResponse(posts=[_post(*row) for row in _rows(request.account_id)])
        if self.is_older:
            raise NotOffered("post does not know it.")
        rows = [row for author_id in request.author_ids for row in _rows(author_id)]
        ids, authors, are_reblogs = zip(*rows, strict=True) if rows else ([], [], [])
        return pb.ListRecentPostsResponse(post_ids=ids, author_ids=authors, are_reblogs=are_reblogs)


def _rows(author_id: int) -> list[tuple[int, int, bool]]:
    posts = [(1000 * author_id + number, author_id, number == 0) for number in (2, 1, 0)]
    return posts if author_id % 2 == 0 else []


def _post(post_id: int, author_id: int, is_reblog: bool) -> post_pb2.Post:
    return post_pb2.Post(
        post_id=post_id,
        author_id=author_id,
        reblog_of_id=7 if is_reblog else 0,
        state=post_pb2.PostState.POST_STATE_VISIBLE,
        visibility=post_pb2.Visibility.VISIBILITY_PUBLIC,
    )


@pytest.mark.parametrize("is_older", [False, True])
async def test_recent_posts_are_those_of_each_author(is_older: bool) -> None:
    post = Post(is_older=is_older)
    found = await PostClient(cast(RpcClient, post)).recent([2, 3, 4], 40)
    assert {author_id: list(entries) for author_id, entries in found.items() if entries} == {
        author_id: [
            Entry(1000 * author_id + 2, author_id, Reason.FOLLOWED_AUTHOR),
            Entry(1000 * author_id + 1, author_id, Reason.FOLLOWED_AUTHOR),
            Entry(1000 * author_id, author_id, Reason.REBLOG),
        ]
        for author_id in (2, 4)
    }
    assert post.calls == (["ListRecentPosts"] + 3 * ["ListAccountPosts"] if is_older else ["ListRecentPosts"])


async def test_many_authors_are_asked_for_some_at_a_time() -> None:
    post = Post(is_older=False)
    await PostClient(cast(RpcClient, post)).recent(range(1, AUTHORS_AT_ONCE + 2), 40)
    assert post.calls == 2 * ["ListRecentPosts"]
