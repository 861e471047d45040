"""SearchService as its callers see it."""

from __future__ import annotations

from typing import Any, Final

import grpc

from rookery.search.v1 import search_service_pb2 as pb
from rookery.search.v1.search_service_pb2_grpc import SearchServiceServicer
from rookery_common.auth import Identity, ScopeMissing, current_identity
from search_service.errors import InvalidSearch
from search_service.models import Found, Hashtag, Search, Sought
from search_service.service.search import Finder

SERVICE_NAME: Final = "rookery.search.v1.SearchService"
ALLOWED_CALLERS: Final = {"Search": frozenset({"gateway"})}
SCOPE: Final = "read:search"
ACCOUNTS_SCOPE: Final = "read:accounts"
_SOUGHT: Final = {
    pb.SearchKind.SEARCH_KIND_ACCOUNTS: Sought.ACCOUNTS,
    pb.SearchKind.SEARCH_KIND_STATUSES: Sought.STATUSES,
    pb.SearchKind.SEARCH_KIND_HASHTAGS: Sought.HASHTAGS,
}
Context = grpc.aio.ServicerContext[Any, Any]


class SearchServicer(SearchServiceServicer):
    """The RPCs of search."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder

    async def Search(self, request: pb.SearchRequest, context: Context) -> pb.SearchResponse:
        search = Search(
            query=request.query,
            sought=_sought(request),
            limit=request.limit,
            offset=request.offset,
            author_id=request.author_id,
            max_id=request.max_id,
            min_id=request.min_id,
            following=request.following,
        )
        return _response(await self._finder.find(_viewer(search.sought), search))


def _viewer(sought: frozenset[Sought]) -> Identity | None:
    """The account that searches; None for nobody signed in, and for an application's own token."""
    identity = current_identity()
    if identity is None:
        return None
    names = sought == {Sought.ACCOUNTS} and identity.has_scope(ACCOUNTS_SCOPE)
    if not names and not identity.has_scope(SCOPE):
        raise ScopeMissing(f"The token's scopes do not include {SCOPE}")
    return identity if identity.account_id else None


def _sought(request: pb.SearchRequest) -> frozenset[Sought]:
    """Of kinds that are named, those; else all."""
    if any(kind not in _SOUGHT for kind in request.kinds):
        raise InvalidSearch("kinds", "has a kind that does not exist")
    return frozenset(_SOUGHT[kind] for kind in request.kinds) or frozenset(Sought)


def _response(found: Found) -> pb.SearchResponse:
    hashtags = [_hashtag(hashtag) for hashtag in found.hashtags]
    return pb.SearchResponse(account_ids=found.account_ids, post_ids=found.post_ids, hashtags=hashtags)


def _hashtag(hashtag: Hashtag) -> pb.Hashtag:
    history = [pb.HashtagDay(day=day.start, uses=day.uses, accounts=day.accounts) for day in hashtag.history]
    return pb.Hashtag(name=hashtag.name, history=history)
