"""What is made up, by whom, and who likes it: decided by the seed alone, so that a run goes on where one ended."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from post_service.errors import InvalidField
from post_service.models import Fact, FactKind, Post, Visibility
from rookery_common.ids import EPOCH, TIME_SHIFT, ms_of

MAX_SEED: Final = 999
MAX_ACCOUNTS: Final = 50_000_000
MAX_POSTS: Final = 4_000_000
MAX_LIKES: Final = 500_000_000
# As user makes people up: each seed's came in two days of their own, a millisecond apart. They post on the second.
_SPAN: Final = timedelta(days=2)
_SECOND_DAY: Final = timedelta(days=1)
_MILLISECOND: Final = timedelta(milliseconds=1)
# Some post and are liked much, most a little: as it is with whom people follow.
_SKEW: Final = 3
_MOODS: Final = ("quiet", "early", "bold", "gentle", "merry", "patient", "swift", "curious", "proud", "sleepy", "wise")
_BIRDS: Final = ("rook", "heron", "wren", "dipper", "plover", "siskin", "avocet", "merlin", "lapwing", "teal", "knot")


@dataclass(frozen=True, slots=True)
class Plan:
    """So many posts, numbered from 0, of so many people of the seed, with so many likes in all. Raises InvalidField."""

    seed: int
    accounts: int
    posts: int
    likes: int

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("seed", self.seed, 1, MAX_SEED),
            ("accounts", self.accounts, 1, MAX_ACCOUNTS),
            ("posts", self.posts, 1, MAX_POSTS),
            ("likes", self.likes, 0, MAX_LIKES),
        ):
            if not least <= value <= most:
                raise InvalidField(name, "ERR_INVALID", f"must be between {least} and {most}")
        if self.likes_of(0) > self.accounts:
            raise InvalidField("likes", "ERR_INVALID", "are more of the first post than there are accounts")

    def post(self, number: int) -> Post:
        """One that anyone may see, with a hashtag."""
        rng = self._rng(number)
        author, mood, bird = int(self.accounts * rng.random() ** _SKEW), rng.choice(_MOODS), rng.choice(_BIRDS)
        post_id = self.post_id(number)
        return Post(
            post_id=post_id,
            author_id=self._account_id(author),
            text=f"As {mood} as a #{bird} today, number {number} of {self.posts}.",
            spoiler_text="",
            sensitive=False,
            visibility=Visibility.PUBLIC,
            language="en",
            in_reply_to_id=0,
            in_reply_to_account_id=0,
            thread_id=post_id,
            create_time=EPOCH + self._made_at(number),
            media=(),
            mentions=(),
            tags=(bird,),
            application_name="",
            application_website="",
            version=ms_of(post_id) * 1_000,
        )

    def likes_of(self, number: int) -> int:
        """How many like it: the first ones the most, all together as many as were asked for."""
        return self._likes_before(number + 1) - self._likes_before(number)

    def facts(self, number: int) -> Iterator[Fact]:
        """Its likes: each somebody's, a millisecond after the one before."""
        post_id, first = self.post_id(number), self._rng(-number - 1).randrange(self.accounts)
        for place in range(self.likes_of(number)):
            account_id = self._account_id((first + place) % self.accounts)
            at = self._made_at(number) + (place + 1) * _MILLISECOND
            # No two of an account have the same: what is liked in the same millisecond differs by its number.
            mark_id = at // _MILLISECOND << TIME_SHIFT | number
            version = at // timedelta(microseconds=1) + ms_of(0) * 1_000
            yield Fact(FactKind.FAVOURITE, post_id, account_id, True, version, EPOCH + at, mark_id=mark_id)

    def post_id(self, number: int) -> int:
        """As a Snowflake of the time at which it was made."""
        return self._made_at(number) // _MILLISECOND << TIME_SHIFT

    def _account_id(self, number: int) -> int:
        return self.seed * (_SPAN // _MILLISECOND) + number << TIME_SHIFT

    def _made_at(self, number: int) -> timedelta:
        return self.seed * _SPAN + _SECOND_DAY + number * _MILLISECOND

    def _likes_before(self, number: int) -> int:
        share: float = (number / self.posts) ** (1 / _SKEW)
        return round(self.likes * share)

    def _rng(self, number: int) -> random.Random:
        return random.Random(f"{self.seed}:post:{number}")  # noqa: S311 - nothing rests on its being hard to guess


@dataclass(slots=True)
class Progress:
    """How many of the plan's posts are there, and how many likes this run has brought."""

    posts: int = 0
    likes: int = 0
