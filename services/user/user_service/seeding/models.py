"""Who is made up, and whom they follow: decided by the seed alone, so that it can be made again, or gone on with."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from rookery_common.ids import EPOCH, TIME_SHIFT
from user_service.errors import FieldInvalid

MAX_SEED: Final = 999
MAX_ACCOUNTS: Final = 50_000_000
MAX_FOLLOWS: Final = 1_000
# Whom few follow, most follow few: the n-th of all has a share of n to the power of 1 / _SKEW - 1.
_SKEW: Final = 3
# Each seed's people came in two days of their own, a millisecond apart and long ago: nobody else ever had their ids.
_SPAN: Final = timedelta(days=2)
_MOODS: Final = ("Quiet", "Early", "Bold", "Gentle", "Merry", "Patient", "Swift", "Curious", "Proud", "Sleepy", "Wise")
_BIRDS: Final = ("Rook", "Heron", "Wren", "Dipper", "Plover", "Siskin", "Avocet", "Merlin", "Lapwing", "Teal", "Knot")


class Person(NamedTuple):
    """Somebody who is made up."""

    account_id: int
    username: str
    display_name: str
    note: str
    created_at: datetime


class Edge(NamedTuple):
    """One follow of them."""

    follower_id: int
    followee_id: int
    follow_id: int
    followed_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """So many people, numbered from 0, each of whom follows so many others. Raises FieldInvalid."""

    seed: int
    accounts: int
    follows: int

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("seed", self.seed, 1, MAX_SEED),
            ("accounts", self.accounts, 1, MAX_ACCOUNTS),
            # Others must be left to draw from.
            ("follows", self.follows, 0, min(MAX_FOLLOWS, self.accounts // 4)),
        ):
            if not least <= value <= most:
                raise FieldInvalid(name, f"must be between {least} and {most}")

    def people(self, first: int, last: int) -> Iterator[Person]:
        """Those with the numbers from `first` on, before `last`."""
        for number in range(first, last):
            rng = self._rng(number)
            mood, bird = rng.choice(_MOODS), rng.choice(_BIRDS)
            username = f"{bird.lower()}_{self.seed}_{number}"
            note = f"{mood} by nature, one of {self.accounts}."
            yield Person(self.account_id(number), username, f"{mood} {bird}", note, self._came_at(number))

    def edges(self, first: int, last: int) -> Iterator[Edge]:
        """What those follow: each some others, each of these once."""
        for number in range(first, last):
            follower, at = self.account_id(number), self._came_at(number)
            for place, other in enumerate(self._followed_by(number), start=1):
                yield Edge(follower, self.account_id(other), follower + place, at)

    def account_id(self, number: int) -> int:
        """As a Snowflake of the time at which they came."""
        return (self.seed * (_SPAN // timedelta(milliseconds=1)) + number) << TIME_SHIFT

    def _followed_by(self, number: int) -> list[int]:
        rng, chosen = self._rng(-number - 1), dict[int, None]()
        while len(chosen) < self.follows:
            other = int(self.accounts * rng.random() ** _SKEW)
            if other != number:
                chosen[other] = None
        return list(chosen)

    def _came_at(self, number: int) -> datetime:
        return EPOCH + self.seed * _SPAN + timedelta(milliseconds=number)

    def _rng(self, number: int) -> random.Random:
        return random.Random(f"{self.seed}:{number}")  # noqa: S311 - nothing rests on its being hard to guess


@dataclass(slots=True)
class Progress:
    """How many of the plan's people are there, and whose follows."""

    accounts: int = 0
    followers: int = 0
