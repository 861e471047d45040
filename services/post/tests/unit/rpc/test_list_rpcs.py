"""Lists of marks and of who engages, through real stubs, tokens and interceptors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from google.protobuf.message import Message

from post_service.models import Post
from post_service.service.engage import Engagement
from rookery.post.v1 import engagement_service_pb2 as pb
from rookery_common.errors import AppError, Status
from rookery_common.rpc.client import RpcClient
from rookery_common.testing.rpc import Tokens

Write = Callable[..., Awaitable[Post]]
OWN = {pb.ListFavouritesRequest: "read:favourites", pb.ListBookmarksRequest: "read:bookmarks"}


async def test_marks_and_who_engages_are_listed(
    engagement_client: RpcClient, engagement: Engagement, write: Write, tokens: Tokens
) -> None:
    post_id, bob = (await write()).post_id, tokens.identity(102)
    await engagement.favourite(bob, post_id, active=True)
    await engagement.bookmark(bob, post_id, active=True)
    for kind in OWN:
        method = kind.DESCRIPTOR.name.removesuffix("Request")
        page = await engagement_client.call(method, kind(page_size=1), timeout=5, identity=bob)
        assert ([each.post_id for each in page.posts], page.reached_id) == ([post_id], page.posts[0].mark_id)
    request = pb.ListEngagedAccountsRequest(post_id=post_id, kind=pb.ENGAGEMENT_KIND_FAVOURITE)
    assert list((await engagement_client.call("ListEngagedAccounts", request, timeout=5)).account_ids) == [102]


@pytest.mark.parametrize("kind", list(OWN))
async def test_ones_own_lists_need_a_user_and_the_scope(
    engagement_client: RpcClient, tokens: Tokens, kind: type[Message]
) -> None:
    method = kind.DESCRIPTOR.name.removesuffix("Request")
    for who, status in (
        (None, Status.UNAUTHENTICATED),
        (tokens.identity(0), Status.PERMISSION_DENIED),
        (tokens.identity(102, scopes=["write", "read:statuses"]), Status.PERMISSION_DENIED),
    ):
        with pytest.raises(AppError) as caught:
            await engagement_client.call(method, kind(), timeout=5, identity=who)
        assert caught.value.status == status
    await engagement_client.call(method, kind(), timeout=5, identity=tokens.identity(102, scopes=[OWN[kind]]))


async def test_a_browser_takes_bookmarks_along_and_nothing_else(engagement_client: RpcClient, tokens: Tokens) -> None:
    browser = tokens.identity(102, scopes=["security"])
    await engagement_client.call("ListBookmarks", pb.ListBookmarksRequest(), timeout=5, identity=browser)
    with pytest.raises(AppError) as caught:
        await engagement_client.call("ListFavourites", pb.ListFavouritesRequest(), timeout=5, identity=browser)
    assert caught.value.status == Status.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListEngagedAccountsRequest(post_id=1), "kind"),
        (pb.ListEngagedAccountsRequest(post_id=1, kind=pb.ENGAGEMENT_KIND_REBLOG, page_size=81), "page_size"),
        (
            pb.ListEngagedAccountsRequest(post_id=1, kind=pb.ENGAGEMENT_KIND_REBLOG, after_account_id=-1),
            "after_account_id",
        ),
    ],
)
async def test_what_is_wrong_is_named(engagement_client: RpcClient, request_: Message, field: str) -> None:
    with pytest.raises(AppError) as caught:
        await engagement_client.call("ListEngagedAccounts", request_, timeout=5)
    assert [violation.field for violation in caught.value.fields] == [field]
