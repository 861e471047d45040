"""For you, tried on people who are made up: does its order have first what they would have wanted, and nothing where
there is nothing to find?

What people here like is made of things that the ranking does not know: subjects, how good a post is, who is close to
whom. All it is given is what they do: when something was posted, by whom, and which marks were left before. In one
population nobody likes one thing more than another; there a ranking that wins has looked into the answer.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Final

from feed_service.models import Entry, Mark, MarkKind, Reason
from feed_service.ranking import HOUR_MS, Candidate, Weights, affinities, rank
from rookery_common.ids import lowest_id_at

NOW_MS: Final = 1_800_000_000_000
SUBJECTS: Final = 6
AUTHORS: Final = 40
FOLLOWED: Final = 20
PAST_DAYS: Final = 30
PAST_POSTS: Final = 20
NEW_HOURS: Final = 48.0
NEW_POSTS: Final = 4
# Of the others, this share has looked at a new post before the reader does.
LOOKED: Final = 0.3
PAGE: Final = 20
ORDERS: Final = ("chronological", "popular", "for you")


@dataclass(frozen=True)
class Person:
    """Somebody who reads, in numbers that no ranking sees."""

    tastes: Sequence[float]
    close_to: Mapping[int, float]


@dataclass(frozen=True)
class Author:
    """Somebody who writes: of what, and how well."""

    subjects: Sequence[float]
    skill: float


@dataclass(frozen=True)
class Post:
    """A post with what it is about and how good it has become."""

    author_id: int
    hours: float
    subjects: Sequence[float]
    quality: float


Liking = Callable[[Person, Post, random.Random], float]


def _subjects(person: Person, post: Post, choices: random.Random) -> float:
    """People like what is about what they care for."""
    near = sum(a * b for a, b in zip(person.tastes, post.subjects, strict=True))
    return near + choices.gauss(0, 0.15)


def _quality(person: Person, post: Post, choices: random.Random) -> float:
    """People like what is good, whoever has written it."""
    return post.quality + choices.gauss(0, 0.25)


def _closeness(person: Person, post: Post, choices: random.Random) -> float:
    """People like what those write to whom they are close."""
    return person.close_to[post.author_id] + choices.gauss(0, 0.25)


def _freshness(person: Person, post: Post, choices: random.Random) -> float:
    """People like what is new."""
    return math.exp(-post.hours / 10) + choices.gauss(0, 0.25)


def _nothing(person: Person, post: Post, choices: random.Random) -> float:
    """Nobody likes one thing more than another."""
    return choices.random()


POPULATIONS: Final[Mapping[str, Liking]] = {
    "subjects": _subjects,
    "quality": _quality,
    "closeness": _closeness,
    "freshness": _freshness,
    "null": _nothing,
}


@dataclass(frozen=True)
class Score:
    """NDCG@20 of an order, its mean over readers and how far that may be off (95 %)."""

    mean: float
    margin: float


def evaluate(population: str, readers: int, seed: int, weights: Weights | None = None) -> dict[str, Score]:
    """Each order's score for as many readers. The same seed gives the same people."""
    choices, likes = random.Random(f"{population}/{seed}"), POPULATIONS[population]
    authors = {author_id: _author(choices) for author_id in range(1, AUTHORS + 1)}
    people = [_person(choices) for _ in range(readers)]
    new = [
        _post(author_id, author, NEW_HOURS, choices) for author_id, author in authors.items() for _ in range(NEW_POSTS)
    ]
    liked = [[likes(person, post, choices) for post in new] for person in people]
    # A mark is left by whoever likes a post more than most of what that person sees.
    favourites = [0] * len(new)
    for person_likes in liked:
        bar = _bar(person_likes)
        for n, value in enumerate(person_likes):
            favourites[n] += value > bar and choices.random() < LOOKED
    scores: dict[str, list[float]] = defaultdict(list)
    for person, person_likes in zip(people, liked, strict=True):
        followed = choices.sample(sorted(authors), FOLLOWED)
        shown = [n for n, post in enumerate(new) if post.author_id in followed]
        marks = _marks(person, [(author_id, authors[author_id]) for author_id in followed], likes, choices)
        for name, order in _orders(new, shown, favourites, marks, weights or Weights()).items():
            scores[name].append(ndcg([person_likes[n] for n in order]))
    return {name: _score(scores[name]) for name in ORDERS}


def ndcg(values: Sequence[float], most: int = PAGE) -> float:
    """How near the first page is to the best that it could be: 1 for the best order, by what its reader likes."""
    low, high = min(values), max(values)
    gains = [(value - low) / (high - low) if high > low else 1.0 for value in values]
    best = _discounted(sorted(gains, reverse=True)[:most])
    return _discounted(gains[:most]) / best if best else 1.0


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


def _orders(
    new: Sequence[Post], shown: Sequence[int], favourites: Sequence[int], marks: Sequence[Mark], weights: Weights
) -> dict[str, list[int]]:
    """The same posts in each order; `for you` is the platform's own code."""
    numbers = {_id_at(new[n].hours): n for n in shown}
    candidates = [
        Candidate(Entry(entry_id, new[n].author_id, Reason.FOLLOWED_AUTHOR), favourites=favourites[n])
        for entry_id, n in numbers.items()
    ]
    ranked = rank(candidates, affinities(marks, NOW_MS), weights, {}, NOW_MS)
    return {
        "chronological": [numbers[entry_id] for entry_id in sorted(numbers, reverse=True)],
        "popular": sorted(numbers.values(), key=lambda n: favourites[n], reverse=True),
        "for you": [numbers[each.entry.entry_id] for each in ranked],
    }


def _marks(person: Person, followed: Sequence[tuple[int, Author]], likes: Liking, choices: random.Random) -> list[Mark]:
    """What the reader has favourited in the last month, by the same liking, of other posts."""
    past = [
        _post(author_id, author, PAST_DAYS * 24.0, choices) for author_id, author in followed for _ in range(PAST_POSTS)
    ]
    values = [likes(person, post, choices) for post in past]
    bar = _bar(values)
    return [
        Mark(_id_at(NEW_HOURS + post.hours), post.author_id, MarkKind.FAVOURITE)
        for post, value in zip(past, values, strict=True)
        if value > bar
    ]


def _bar(values: Sequence[float]) -> float:
    """Above it is one post in eight."""
    return sorted(values)[len(values) * 7 // 8]


def _author(choices: random.Random) -> Author:
    return Author(_mix(choices), choices.random())


def _person(choices: random.Random) -> Person:
    return Person(_mix(choices), {author_id: choices.random() ** 3 for author_id in range(1, AUTHORS + 1)})


def _post(author_id: int, author: Author, within_hours: float, choices: random.Random) -> Post:
    other = _mix(choices)
    subjects = [0.7 * own + 0.3 * one for own, one in zip(author.subjects, other, strict=True)]
    quality = 0.5 * author.skill + 0.5 * choices.random()
    return Post(author_id, choices.random() * within_hours, subjects, quality)


def _mix(choices: random.Random) -> list[float]:
    """Much of one or two subjects, little of the others."""
    parts = [choices.random() ** 4 for _ in range(SUBJECTS)]
    length = math.sqrt(sum(part * part for part in parts))
    return [part / length for part in parts]


def _id_at(hours_ago: float) -> int:
    return lowest_id_at(int(NOW_MS - hours_ago * HOUR_MS))


def _score(values: Sequence[float]) -> Score:
    return Score(fmean(values), 1.96 * stdev(values) / math.sqrt(len(values)))
