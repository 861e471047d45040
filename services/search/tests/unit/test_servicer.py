"""Through a real stub and server: who may search, with which scope, and the shape of answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, cast

import pytest
import pytest_asyncio

from rookery.search.v1 import search_service_pb2 as pb
from rookery.search.v1.search_service_pb2_grpc import SearchServiceStub, add_SearchServiceServicer_to_server
from rookery_common.auth import Identity
from rookery_common.errors import AppError, PermissionDenied
from rookery_common.rpc import RpcClient
from rookery_common.testing.rpc import Network, Tokens, settings_of
from search_service.errors import InvalidSearch
from search_service.models import Day, Found, Hashtag, Search, Sought
from search_service.servicer import ALLOWED_CALLERS, SERVICE_NAME, SearchServicer

ACCOUNTS, STATUSES, HASHTAGS = pb.SearchKind.values()[1:]


class FakeFinder:
    """Finds one of each kind, and remembers what it was asked for, and by whom."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, Search]] = []

    async def find(self, viewer: Identity | None, search: Search) -> Found:
        self.asked.append((viewer.account_id if viewer else 0, search))
        if search.limit == 0:
            raise InvalidSearch("limit", "must be from 1 to 40")
        return Found([1], [2], [Hashtag("rook", (Day(86_400, 3, 2),))])


class Caller:
    """The service as others call it."""

    def __init__(self, clients: dict[str, RpcClient], tokens: Tokens) -> None:
        self._clients = clients
        self._tokens = tokens

    async def __call__(
        self, request: pb.SearchRequest, *, by: str = "gateway", who: int | None = None, scope: str = "read"
    ) -> pb.SearchResponse:
        identity = None if who is None else self._tokens.identity(who, scopes=(scope,))
        return cast(pb.SearchResponse, await self._clients[by].call("Search", request, timeout=5, identity=identity))


@pytest.fixture
def finder() -> FakeFinder:
    return FakeFinder()


@pytest_asyncio.fixture
async def search(finder: FakeFinder) -> AsyncIterator[Caller]:
    tokens = Tokens()
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        servicer = SearchServicer(cast(Any, finder))
        registration = (add_SearchServiceServicer_to_server, servicer, SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        clients = {
            name: await network.client(server.port, SearchServiceStub, service="search", settings=settings_of(name))
            for name in ("gateway", "feed")
        }
        yield Caller(clients, tokens)


async def test_what_is_asked_and_found_is_handed_on(search: Caller, finder: FakeFinder) -> None:
    request = pb.SearchRequest(
        query="rook",
        kinds=[ACCOUNTS, HASHTAGS],
        limit=5,
        offset=1,
        author_id=2,
        max_id=9,
        min_id=4,
        following=True,
    )
    answer = await search(request, who=7)
    day = pb.HashtagDay(day=86_400, uses=3, accounts=2)
    assert answer == pb.SearchResponse(account_ids=[1], post_ids=[2], hashtags=[pb.Hashtag(name="rook", history=[day])])
    sought = frozenset({Sought.ACCOUNTS, Sought.HASHTAGS})
    assert finder.asked == [(7, Search("rook", sought, 5, 1, 2, 9, 4, True))]


async def test_no_kinds_are_all_kinds_and_nobody_may_search(search: Caller, finder: FakeFinder) -> None:
    await search(pb.SearchRequest(query="rook", limit=5))
    await search(pb.SearchRequest(query="rook", limit=5), who=0)
    assert finder.asked == [(0, Search("rook", frozenset(Sought), 5))] * 2


@pytest.mark.parametrize(
    ("scope", "kinds", "allowed"),
    [
        ("read", [], True),
        ("read:search", [STATUSES], True),
        ("read:accounts", [ACCOUNTS], True),
        ("read:accounts", [ACCOUNTS, STATUSES], False),
        ("read:accounts", [], False),
        ("write", [ACCOUNTS], False),
    ],
)
async def test_scopes_are_asked_for(search: Caller, scope: str, kinds: list[int], allowed: bool) -> None:
    request = pb.SearchRequest(query="rook", limit=5, kinds=cast(Any, kinds))
    if allowed:
        await search(request, who=7, scope=scope)
    else:
        with pytest.raises(PermissionDenied):
            await search(request, who=7, scope=scope)


async def test_errors_name_their_field(search: Caller) -> None:
    for request, field in (
        (pb.SearchRequest(query="rook"), "limit"),
        (pb.SearchRequest(query="rook", limit=5, kinds=[pb.SEARCH_KIND_UNSPECIFIED]), "kinds"),
    ):
        with pytest.raises(AppError) as refused:
            await search(request)
        assert (refused.value.reason, refused.value.fields[0].field) == ("INVALID_SEARCH", field)


async def test_only_the_gateway_may_call(search: Caller) -> None:
    with pytest.raises(PermissionDenied) as refused:
        await search(pb.SearchRequest(query="rook", limit=5), by="feed")
    assert refused.value.reason == "CALLER_NOT_ALLOWED"
