"""For you: what a reader may care for most comes first. `ranking` has what that means."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from feed_service.errors import WrongLimit, WrongWeight
from feed_service.models import MAX_PAGE, Entry, PageQuery, Reason
from feed_service.ranking import (
    MAX_AUTHOR_WEIGHT,
    MAX_WEIGHT,
    Candidate,
    Ranked,
    Weights,
    affinities,
    rank,
    recency,
)
from feed_service.repository.follows import FollowRepository
from feed_service.repository.marks import MarkRepository
from feed_service.repository.rankings import LIFE_SECONDS, RankingRepository
from feed_service.service.home import HomeReader
from feed_service.service.popular import FactsOfPosts, PopularPosts
from feed_service.service.tagged import TagTails
from rookery_common.auth import Identity
from rookery_common.clients.redis import RedisUnavailable
from rookery_common.clock import Clock
from rookery_common.errors import FieldViolation, InvalidArgument
from rookery_common.ids import lowest_id_at
from rookery_common.logs import get_logger
from rookery_common.paging import CursorCodec, CursorValues, InvalidCursor

# What is looked at: of the home, of each followed hashtag, and of all this together what promises most.
HOME_ENTRIES: Final = 300
TAG_POSTS: Final = 20
MOST_CANDIDATES: Final = 200
MARKS: Final = 500
MAX_AUTHOR_WEIGHTS: Final = 1_000
_ROUTE: Final = "for_you"
log = get_logger()


@dataclass(frozen=True, slots=True)
class ForYouQuery:
    """A page of a ranking; with `since_id` a ranking of what came into the home since, and of nothing else."""

    limit: int
    token: str = ""
    tags: frozenset[str] = frozenset()
    weights: Weights = field(default_factory=Weights)
    author_weights: Mapping[int, float] = field(default_factory=dict)
    without_reblogs: bool = False
    since_id: int = 0


@dataclass(frozen=True, slots=True)
class ForYouPage:
    """The best first; the token is empty on the last page."""

    ranked: Sequence[Ranked]
    token: str


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins in which ranking, and of when and since when that is."""

    offset: int
    name: str
    as_of_ms: int
    since_id: int


class ForYou:
    """Rankings, each made with its first page. Without Redis they are made again, of the same posts, for every page."""

    def __init__(
        self,
        homes: HomeReader,
        tails: TagTails,
        popular: PopularPosts,
        posts: FactsOfPosts,
        follows: FollowRepository,
        marks: MarkRepository,
        rankings: RankingRepository,
        cursors: CursorCodec,
        clock: Clock,
    ) -> None:
        self._homes = homes
        self._tails = tails
        self._popular = popular
        self._posts = posts
        self._follows = follows
        self._marks = marks
        self._rankings = rankings
        self._cursors = cursors
        self._clock = clock

    async def page(self, reader: Identity, query: ForYouQuery) -> ForYouPage:
        """Raises WrongLimit, WrongWeight, InvalidCursor (also for one that is over an hour old), Unavailable."""
        _check(query)
        place = self._place(reader.account_id, query)
        ranked = await self._kept(reader.account_id, place)
        if ranked is None:
            ranked = await self._ranked(reader, query, place)
            place = await self._keep(reader.account_id, place, ranked)
        end = place.offset + query.limit
        token = "" if end >= len(ranked) else self._token(reader.account_id, place, end)
        return ForYouPage(ranked[place.offset : end], token)

    def _place(self, reader_id: int, query: ForYouQuery) -> _Place:
        now_ms = self._clock.unix_ms()
        if not query.token:
            return _Place(0, "", now_ms, query.since_id)
        values = self._cursors.decode(_ROUTE, reader_id, query.token)
        place = _Place(int(values["o"]), str(values["n"]), int(values["t"]), int(values["s"]))
        if now_ms - place.as_of_ms > LIFE_SECONDS * 1000:
            raise InvalidCursor
        return place

    def _token(self, reader_id: int, place: _Place, offset: int) -> str:
        values: CursorValues = {"o": offset, "n": place.name, "t": place.as_of_ms, "s": place.since_id}
        return self._cursors.encode(_ROUTE, reader_id, values)

    async def _kept(self, reader_id: int, place: _Place) -> list[Ranked] | None:
        if not place.name:
            return None
        try:
            return await self._rankings.find(reader_id, place.name)
        except RedisUnavailable as error:
            log.warning("for_you.not_found", reason=error.reason)
            return None

    async def _keep(self, reader_id: int, place: _Place, ranked: Sequence[Ranked]) -> _Place:
        try:
            name = await self._rankings.keep(reader_id, ranked)
        except RedisUnavailable as error:
            log.warning("for_you.not_kept", reason=error.reason)
            return place
        return _Place(place.offset, name, place.as_of_ms, place.since_id)

    async def _ranked(self, reader: Identity, query: ForYouQuery, place: _Place) -> list[Ranked]:
        marks, entries = await asyncio.gather(
            self._marks.newest(reader.account_id, MARKS), self._entries(reader.account_id, query, place)
        )
        affinity = affinities(marks, place.as_of_ms)

        def promise(entry: Entry) -> float:
            near = affinity.get(entry.author_id, 0.0)
            return query.weights.recency * recency(entry.entry_id, place.as_of_ms) + query.weights.affinity * near

        chosen = sorted(entries, key=promise, reverse=True)[:MOST_CANDIDATES]
        candidates = await self._candidates(reader, chosen)
        return rank(candidates, affinity, query.weights, query.author_weights, place.as_of_ms)

    async def _entries(self, reader_id: int, query: ForYouQuery, place: _Place) -> list[Entry]:
        """What may be shown, each post once, of others, and made before the ranking."""
        bounds = PageQuery(HOME_ENTRIES, max_id=lowest_id_at(place.as_of_ms + 1), since_id=place.since_id)
        home, tagged, strangers = await asyncio.gather(
            self._homes.newest(reader_id, HOME_ENTRIES, bounds),
            self._tagged(query.tags),
            self._strangers(reader_id, query, place),
        )
        found = {entry.entry_id: entry for entry in (*strangers, *tagged, *home)}
        return [
            entry
            for entry in found.values()
            if place.since_id < entry.entry_id < bounds.high
            and entry.author_id != reader_id
            and not (query.without_reblogs and entry.reason is Reason.REBLOG)
        ]

    async def _tagged(self, tags: frozenset[str]) -> list[Entry]:
        parts = await asyncio.gather(*(self._tails.newest(tag) for tag in sorted(tags)))
        return [Entry(post.post_id, post.author_id, Reason.FOLLOWED_TAG) for part in parts for post in part[:TAG_POSTS]]

    async def _strangers(self, reader_id: int, query: ForYouQuery, place: _Place) -> list[Entry]:
        """What is popular by those whom the reader does not follow."""
        if place.since_id or query.weights.discovery == 0:
            return []
        posts, following = await asyncio.gather(self._popular.newest(), self._follows.following(reader_id))
        return [
            Entry(post.post_id, post.author_id, Reason.PUBLIC)
            for post in posts
            if post.author_id not in following.authors
        ]

    async def _candidates(self, reader: Identity, entries: Sequence[Entry]) -> list[Candidate]:
        """Those that the reader may see and has left no mark on; of a post and its reblogs the first."""
        facts = await self._posts.facts(reader, [entry.entry_id for entry in entries])
        seen = set[int]()
        candidates = []
        for entry in entries:
            fact = facts.get(entry.entry_id)
            if fact is None or fact.is_marked or fact.original_id in seen:
                continue
            seen.add(fact.original_id)
            is_stranger = entry.reason is Reason.PUBLIC
            candidates.append(Candidate(entry, fact.replies, fact.reblogs, fact.favourites, is_stranger))
        return candidates


def _check(query: ForYouQuery) -> None:
    if not 1 <= query.limit <= MAX_PAGE:
        raise WrongLimit(MAX_PAGE)
    for name in Weights.__slots__:
        if not 0 <= getattr(query.weights, name) <= MAX_WEIGHT:
            raise WrongWeight(f"weights.{name}", MAX_WEIGHT)
    if len(query.author_weights) > MAX_AUTHOR_WEIGHTS:
        violation = FieldViolation("author_weights", "ERR_TOO_MANY", f"must be at most {MAX_AUTHOR_WEIGHTS}")
        raise InvalidArgument(f"author_weights must be at most {MAX_AUTHOR_WEIGHTS}", fields=[violation])
    if not all(0 <= weight <= MAX_AUTHOR_WEIGHT for weight in query.author_weights.values()):
        raise WrongWeight("author_weights", MAX_AUTHOR_WEIGHT)
