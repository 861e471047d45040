"""Searches as people make them: checked, each kind in its own way, at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta

from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.hashtags import normalized_tag
from search_service.clients import UserClient
from search_service.errors import InvalidSearch, UserRequired
from search_service.folding import fold
from search_service.metrics import SEARCH_SECONDS
from search_service.models import (
    HISTORY_DAYS,
    MAX_FOLLOWED,
    MAX_LIMIT,
    MAX_OFFSET,
    MAX_QUERY_CHARS,
    Day,
    Found,
    Hashtag,
    Search,
    Sought,
    StatusSearch,
    TermKind,
)
from search_service.repository.searches import Searches
from search_service.service.parse import local_name, parse


class Finder:
    """Finds accounts, statuses and hashtags."""

    def __init__(self, searches: Searches, users: UserClient, clock: Clock, domain: str) -> None:
        self._searches = searches
        self._users = users
        self._clock = clock
        self._domain = domain

    async def find(self, viewer: Identity | None, search: Search) -> Found:
        """What matches, of each kind. Raises InvalidSearch by field, UserRequired, Unavailable."""
        query = _checked(search)
        if search.following and viewer is None:
            raise UserRequired
        account_ids, post_ids, hashtags = await asyncio.gather(
            self._accounts(viewer, query, search), self._statuses(viewer, query, search), self._hashtags(query, search)
        )
        return Found(account_ids, post_ids, hashtags)

    async def _accounts(self, viewer: Identity | None, query: str, search: Search) -> list[int]:
        if Sought.ACCOUNTS not in search.sought or query.startswith("#"):
            return []
        among = await self._users.followed_by(viewer, MAX_FOLLOWED) if search.following and viewer else None
        with SEARCH_SECONDS.labels(Sought.ACCOUNTS).time():
            name = fold(local_name(query, self._domain))
            return await self._searches.accounts(name, among, search.limit, search.offset) if name else []

    async def _statuses(self, viewer: Identity | None, query: str, search: Search) -> list[int]:
        """Nobody who is not signed in searches what people wrote."""
        if Sought.STATUSES not in search.sought or viewer is None:
            return []
        terms = parse(query, self._domain)
        if not terms:
            return []
        with SEARCH_SECONDS.labels(Sought.STATUSES).time():
            names = {term.text for term in terms if term.kind == TermKind.FROM and term.text != "me"}
            known = await self._searches.account_ids(sorted(names)) if names else {}
            return await self._searches.statuses(
                StatusSearch(
                    viewer_id=viewer.account_id,
                    terms=terms,
                    account_ids=known,
                    limit=search.limit,
                    offset=search.offset,
                    author_id=search.author_id,
                    max_id=search.max_id,
                    min_id=search.min_id,
                )
            )

    async def _hashtags(self, query: str, search: Search) -> list[Hashtag]:
        name = normalized_tag(query)
        if Sought.HASHTAGS not in search.sought or not name or "@" in name or " " in name:
            return []
        with SEARCH_SECONDS.labels(Sought.HASHTAGS).time():
            end = search.offset + search.limit
            exists, like = await asyncio.gather(self._searches.tag_exists(name), self._searches.tags(name, end))
            names = ([name] if exists else []) + [other for other in like if other != name]
            return await self._with_history(names[search.offset : end])

    async def _with_history(self, names: list[str]) -> list[Hashtag]:
        if not names:
            return []
        today = datetime.combine(self._clock.now().astimezone(UTC), time(), UTC)
        starts = [int((today - timedelta(days=ago)).timestamp()) for ago in range(HISTORY_DAYS)]
        used = await self._searches.history(names, starts[-1] * 1000)
        days = {name: {day.start: day for day in used.get(name, [])} for name in names}
        return [Hashtag(name, tuple(days[name].get(start, Day(start, 0, 0)) for start in starts)) for name in names]


def _checked(search: Search) -> str:
    """The query without the space around it."""
    query = search.query.strip()
    if not query:
        raise InvalidSearch("q", "can't be blank", "ERR_BLANK")
    if len(query) > MAX_QUERY_CHARS:
        raise InvalidSearch("q", f"is too long (at most {MAX_QUERY_CHARS} characters)", "ERR_TOO_LONG")
    if not 1 <= search.limit <= MAX_LIMIT:
        raise InvalidSearch("limit", f"must be from 1 to {MAX_LIMIT}")
    if not 0 <= search.offset <= MAX_OFFSET:
        raise InvalidSearch("offset", f"must be from 0 to {MAX_OFFSET}")
    if search.offset and len(search.sought) != 1:
        raise InvalidSearch("offset", "goes with one kind only")
    for name, id_ in (("account_id", search.author_id), ("max_id", search.max_id), ("min_id", search.min_id)):
        if id_ < 0:
            raise InvalidSearch(name, "is not an id")
    return query
