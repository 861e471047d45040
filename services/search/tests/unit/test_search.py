"""The rules of searching, over searches that remember what they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from rookery_common.auth import Identity
from rookery_common.testing import FakeClock
from search_service.errors import InvalidSearch, UserRequired
from search_service.models import Day, Found, Search, Sought, StatusSearch
from search_service.service.search import Finder

ALICE = Identity(account_id=9, session_id=1, app_id=1, scopes=frozenset({"read"}))
ALL = frozenset(Sought)
TODAY = 1_772_323_200
"""The fake clock's day, 2026-03-01."""


class FakeSearches:
    """Finds the same whatever it is asked."""

    def __init__(self) -> None:
        self.names: list[tuple[str, Sequence[int] | None, int, int]] = []
        self.posts: list[StatusSearch] = []
        self.exact = True

    async def accounts(self, name: str, among: Sequence[int] | None, limit: int, offset: int) -> list[int]:
        self.names.append((name, among, limit, offset))
        return [1, 2]

    async def account_ids(self, usernames: Sequence[str]) -> dict[str, int]:
        return {name: 100 + len(name) for name in usernames}

    async def statuses(self, search: StatusSearch) -> list[int]:
        self.posts.append(search)
        return [30, 20]

    async def tag_exists(self, name: str) -> bool:
        return self.exact

    async def tags(self, prefix: str, size: int) -> list[str]:
        return [f"{prefix}more", prefix, f"{prefix}most"][:size]

    async def history(self, names: Sequence[str], since: int) -> dict[str, list[Day]]:
        assert since == (TODAY - 6 * 86_400) * 1000
        return {names[0]: [Day(TODAY, 5, 2), Day(TODAY - 86_400, 1, 1)]}


class FakeUsers:
    """Everybody follows 4 and 5."""

    async def followed_by(self, viewer: Identity, most: int) -> list[int]:
        return [4, 5]


@pytest.fixture
def searches() -> FakeSearches:
    return FakeSearches()


@pytest.fixture
def finder(searches: FakeSearches, clock: FakeClock) -> Finder:
    return Finder(cast(Any, searches), cast(Any, FakeUsers()), clock, "rookery.test")


async def test_all_kinds_are_found_at_once(finder: Finder, searches: FakeSearches) -> None:
    found = await finder.find(ALICE, Search(" Röok ", ALL, 10))
    assert (found.account_ids, found.post_ids) == ([1, 2], [30, 20])
    assert [hashtag.name for hashtag in found.hashtags] == ["röok", "röokmore", "röokmost"]
    assert [(day.start - TODAY, day.uses, day.accounts) for day in found.hashtags[0].history[:3]] == [
        (0, 5, 2),
        (-86_400, 1, 1),
        (-2 * 86_400, 0, 0),
    ]
    assert all(len(hashtag.history) == 7 for hashtag in found.hashtags)
    assert searches.names == [("rook", None, 10, 0)]
    assert searches.posts[0].viewer_id == 9


async def test_names_in_a_query_are_resolved(finder: Finder, searches: FakeSearches) -> None:
    await finder.find(ALICE, Search("from:me from:alice -from:bob rook", frozenset({Sought.STATUSES}), 10, 5))
    assert searches.posts[0].account_ids == {"alice": 105, "bob": 103}
    assert (searches.posts[0].limit, searches.posts[0].offset) == (10, 5)


async def test_a_stranger_searches_no_statuses(finder: Finder, searches: FakeSearches) -> None:
    assert (await finder.find(None, Search("rook", ALL, 10))).post_ids == []
    assert searches.posts == []


async def test_following_looks_among_those_whom_the_caller_follows(finder: Finder, searches: FakeSearches) -> None:
    await finder.find(ALICE, Search("@bob@Rookery.test", frozenset({Sought.ACCOUNTS}), 10, 20, following=True))
    assert searches.names == [("bob", [4, 5], 10, 20)]
    with pytest.raises(UserRequired):
        await finder.find(None, Search("bob", frozenset({Sought.ACCOUNTS}), 10, following=True))


@pytest.mark.parametrize(
    ("query", "kinds"),
    [("#rook", {Sought.HASHTAGS, Sought.STATUSES}), ("@rook", {Sought.ACCOUNTS, Sought.STATUSES})],
)
async def test_a_sign_says_what_is_meant(finder: Finder, query: str, kinds: set[Sought]) -> None:
    found = await finder.find(ALICE, Search(query, ALL, 10))
    asked = {Sought.ACCOUNTS: found.account_ids, Sought.STATUSES: found.post_ids, Sought.HASHTAGS: found.hashtags}
    assert {kind for kind, results in asked.items() if results} == kinds


async def test_words_are_no_hashtag(finder: Finder) -> None:
    for query in ("two words", "#two words", "#", "##"):
        assert (await finder.find(None, Search(query, frozenset({Sought.HASHTAGS}), 10))) == Found()


async def test_hashtags_are_paged_with_the_exact_one_first(finder: Finder, searches: FakeSearches) -> None:
    async def names(limit: int, offset: int) -> list[str]:
        found = await finder.find(None, Search("rook", frozenset({Sought.HASHTAGS}), limit, offset))
        return [hashtag.name for hashtag in found.hashtags]

    assert [await names(1, offset) for offset in range(4)] == [["rook"], ["rookmore"], ["rookmost"], []]
    searches.exact = False
    assert await names(1, 0) == ["rookmore"]


@pytest.mark.parametrize(
    ("search", "field"),
    [
        (Search("", ALL, 10), "q"),
        (Search("  ", ALL, 10), "q"),
        (Search("x" * 201, ALL, 10), "q"),
        (Search("x", ALL, 0), "limit"),
        (Search("x", ALL, 41), "limit"),
        (Search("x", ALL, 10, 1), "offset"),
        (Search("x", frozenset({Sought.STATUSES}), 10, 401), "offset"),
        (Search("x", frozenset({Sought.STATUSES}), 10, -1), "offset"),
        (Search("x", ALL, 10, author_id=-1), "account_id"),
        (Search("x", ALL, 10, max_id=-1), "max_id"),
        (Search("x", ALL, 10, min_id=-1), "min_id"),
    ],
)
async def test_bounds_are_kept(finder: Finder, search: Search, field: str) -> None:
    with pytest.raises(InvalidSearch) as refused:
        await finder.find(ALICE, search)
    assert refused.value.fields[0].field == field
