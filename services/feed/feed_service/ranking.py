"""How For you is ranked: every feature of a post, what it counts for, and why a post is where it is.

A post's score is the sum of its features, each from 0 to 1 and times its weight, times what its author counts for:

    recency      1 for a post of now, half of it every 12 hours
    affinity     how much of the author's its reader has answered and favourited; 0 for a stranger
    engagement   how much a post gets of everybody for each hour that it is out
    diversity    1 for an author's best post, 1/2 for the second, 1/3 for the third: nobody fills a page alone
    discovery    1 for what comes from somebody whom the reader does not follow

That is all there is. The weights below are the platform's; a reader may have others.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from feed_service.models import Entry, Mark, MarkKind
from rookery_common.ids import ms_of

HOUR_MS: Final = 3_600_000
RECENCY_HALF_LIFE_HOURS: Final = 12.0
# A mark counts half as much a month later.
AFFINITY_HALF_LIFE_HOURS: Final = 30 * 24.0
MARK_WORTH: Final = {MarkKind.FAVOURITE: 1.0, MarkKind.REPLY: 2.0}
# So many marks, or so much engagement an hour, make half of what there is to reach.
AFFINITY_HALF: Final = 3.0
ENGAGEMENT_HALF: Final = 2.0
# A post is not judged by its first minutes alone.
ENGAGEMENT_GRACE_HOURS: Final = 2.0
MAX_WEIGHT: Final = 10.0
MAX_AUTHOR_WEIGHT: Final = 2.0


@dataclass(frozen=True, slots=True)
class Weights:
    """What each feature counts for, from 0 to 10."""

    recency: float = 1.0
    affinity: float = 2.0
    engagement: float = 1.0
    diversity: float = 0.5
    discovery: float = 0.1


@dataclass(frozen=True, slots=True)
class Candidate:
    """A post that may be shown, with what everybody did with it."""

    entry: Entry
    replies: int = 0
    reblogs: int = 0
    favourites: int = 0
    is_stranger: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What one feature has added to a score: its value times its weight."""

    feature: str
    value: float
    weight: float


@dataclass(frozen=True, slots=True)
class Ranked:
    """A post in its place, and what brought it there."""

    entry: Entry
    score: float
    why: Sequence[Part]


def affinities(marks: Iterable[Mark], now_ms: int) -> dict[int, float]:
    """Of each author, how much the reader has done with the author's posts: from 0 to 1."""
    worth: dict[int, float] = {}
    for mark in marks:
        halved = MARK_WORTH[mark.kind] * _halved(mark.mark_id, now_ms, AFFINITY_HALF_LIFE_HOURS)
        worth[mark.author_id] = worth.get(mark.author_id, 0.0) + halved
    return {author_id: _saturated(done, AFFINITY_HALF) for author_id, done in worth.items()}


def recency(entry_id: int, now_ms: int) -> float:
    """1 for what is of now, or of a clock that is ahead."""
    return _halved(entry_id, now_ms, RECENCY_HALF_LIFE_HOURS)


def engagement(candidate: Candidate, now_ms: int) -> float:
    """Answers and reblogs count twice: they take more than a favourite does."""
    done = candidate.favourites + 2 * (candidate.replies + candidate.reblogs)
    return _saturated(done / (_hours_since(candidate.entry.entry_id, now_ms) + ENGAGEMENT_GRACE_HOURS), ENGAGEMENT_HALF)


def rank(
    candidates: Iterable[Candidate],
    affinity: Mapping[int, float],
    weights: Weights,
    author_weights: Mapping[int, float],
    now_ms: int,
) -> list[Ranked]:
    """The best first; of equals the newer.

    What counts for nothing is left out: authors of weight 0, and strangers where discovery is 0.
    """
    waiting = []
    for candidate in candidates:
        times = author_weights.get(candidate.entry.author_id, 1.0)
        if times > 0 and (weights.discovery > 0 or not candidate.is_stranger):
            scored = _Scored(candidate, affinity, weights, now_ms, times)
            waiting.append((-scored.score(0), -candidate.entry.entry_id, 0, scored))
    heapq.heapify(waiting)
    ranked, above = list[Ranked](), Counter[int]()
    while waiting:
        _, order, counted, scored = heapq.heappop(waiting)
        author_id = scored.entry.author_id
        if counted < above[author_id]:
            # More of the author's stands above it by now than when it was scored, so that it is worth less.
            heapq.heappush(waiting, (-scored.score(above[author_id]), order, above[author_id], scored))
            continue
        ranked.append(Ranked(scored.entry, scored.score(counted), scored.why(counted)))
        above[author_id] += 1
    return ranked


class _Scored:
    """A candidate's features; but for how many of its author's posts stand above it, they do not change."""

    def __init__(
        self, candidate: Candidate, affinity: Mapping[int, float], weights: Weights, now_ms: int, times: float
    ) -> None:
        self.entry = candidate.entry
        self._times = times
        self._diversity = weights.diversity
        self._parts = (
            Part("recency", recency(candidate.entry.entry_id, now_ms), weights.recency),
            Part("affinity", affinity.get(candidate.entry.author_id, 0.0), weights.affinity),
            Part("engagement", engagement(candidate, now_ms), weights.engagement),
            Part("discovery", float(candidate.is_stranger), weights.discovery),
        )
        self._fixed = sum(part.value * part.weight for part in self._parts)

    def score(self, above: int) -> float:
        return (self._fixed + self._diversity / (1 + above)) * self._times

    def why(self, above: int) -> tuple[Part, ...]:
        return (*self._parts, Part("diversity", 1 / (1 + above), self._diversity))


def _hours_since(entry_id: int, now_ms: int) -> float:
    return max(0, now_ms - ms_of(entry_id)) / HOUR_MS


def _halved(entry_id: int, now_ms: int, half_life_hours: float) -> float:
    return float(0.5 ** (_hours_since(entry_id, now_ms) / half_life_hours))


def _saturated(amount: float, half: float) -> float:
    return amount / (amount + half)
