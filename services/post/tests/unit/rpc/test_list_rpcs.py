"""Lists of marks and of who engages, through real stubs, tokens and interceptors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from google.protobuf.message import Message

from post_service.models import Post, Visibility
from post_service.service.engage import Engagement
from rookery.post.v1 import engagement_service_pb2 as pb
from rookery.post.v1.engagement_service_pb2_grpc import EngagementServiceStub
from rookery_common.errors import AppError, Status
from rookery_common.rpc.client import RpcClient
from rookery_common.rpc.server import RpcServer
from rookery_common.testing.rpc import Network, Tokens, settings_of

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
    page = await engagement_client.call("ListEngagedAccounts", request, timeout=5)
    assert (list(page.account_ids), page.reached_id, page.ahead_id) == ([102], 0, 102)
    request.until_account_id = 102
    assert not (await engagement_client.call("ListEngagedAccounts", request, timeout=5)).account_ids


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
        *(
            (pb.ListEngagedAccountsRequest(post_id=1, kind=pb.ENGAGEMENT_KIND_REBLOG, **{field: -1}), field)
            for field in ("after_account_id", "before_account_id", "until_account_id")
        ),
    ],
)
async def test_what_is_wrong_is_named(engagement_client: RpcClient, request_: Message, field: str) -> None:
    with pytest.raises(AppError) as caught:
        await engagement_client.call("ListEngagedAccounts", request_, timeout=5)
    assert [violation.field for violation in caught.value.fields] == [field]


async def test_bookmarks_are_made_for_somebody_who_is_not_there_by_user_alone(
    engagement_client: RpcClient, server: RpcServer, network: Network, write: Write, tokens: Tokens
) -> None:
    shown, hidden = (await write()).post_id, (await write(visibility=Visibility.DIRECT)).post_id
    user = await network.client(server.port, EngagementServiceStub, service="post", settings=settings_of("user"))
    request = pb.BookmarkPostsForRequest(account_id=104, post_ids=[hidden, shown, 1])
    for _ in range(2):
        assert list((await user.call("BookmarkPostsFor", request, timeout=5)).post_ids) == [shown]
    listed = await engagement_client.call(
        "ListBookmarks", pb.ListBookmarksRequest(), timeout=5, identity=tokens.identity(104)
    )
    assert [each.post_id for each in listed.posts] == [shown]
    with pytest.raises(AppError) as caught:
        await engagement_client.call("BookmarkPostsFor", request, timeout=5)
    assert caught.value.status == Status.PERMISSION_DENIED
    for wrong in (
        {"post_ids": [shown]},
        {"account_id": 1, "post_ids": range(1, 102)},
        {"account_id": 1, "post_ids": [0]},
    ):
        with pytest.raises(AppError) as caught:
            await user.call("BookmarkPostsFor", pb.BookmarkPostsForRequest(**wrong), timeout=5)
        assert caught.value.status == Status.INVALID_ARGUMENT
