"""What any history comes to: made at random from a seed, told of by consumers that die half-way and are told again,
while homes are read by servers that die, too, people stay away for days and come back, and Redis is emptied. Runs over
the fakes, and as a link in tests/engine over the engines.

`ROOKERY_HISTORY_SEEDS=4,5,6 ROOKERY_HISTORY_STEPS=2000` makes other and longer ones.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import pytest
from prometheus_client import REGISTRY

from feed_service.follow_models import Follow
from feed_service.models import Change, HomePage, PageQuery, PostChange
from feed_service.repository.author_posts import AuthorPostRepository
from feed_service.service import modes as modes_module
from feed_service.service.fan_out import FanOut
from feed_service.service.follows import BACKFILL_POSTS, FollowKeeper
from feed_service.service.home import HomeReader
from feed_service.service.merged import TAIL_SECONDS
from rookery_common.testing import FakeClock

SEEDS: Final = [int(seed) for seed in os.environ.get("ROOKERY_HISTORY_SEEDS", "1,2,3").split(",")]
STEPS: Final = int(os.environ.get("ROOKERY_HISTORY_STEPS", "240"))
PEOPLE: Final = range(201, 207)
# How likely people post, write to one, follow, leave, block and delete: while they gain followers, and lose them.
SOCIABLE: Final = (6, 1, 9, 1, 0, 1)
SULKY: Final = (6, 1, 1, 7, 2, 1)
MOOD_ROUNDS: Final = 2
DEATHS: Final = 0.3
FLUSHES: Final = 0.02
PAGE: Final = 7
# In days: for how long who is not there is delivered to, for how long people stay away, and how much of it a round is.
ACTIVE_DAYS: Final = 1
AWAY_DAYS: Final = (2, 6)
ROUND_SECONDS: Final = 86_400
T = TypeVar("T")


@dataclass
class History:
    """What people were told was done, in that order, and the events of it that nobody has heard of yet."""

    choices: random.Random
    entries: Any
    posts: Any
    version: int = 0
    # Since how many posts of the author each follow that holds has been.
    follows: dict[tuple[int, int], int] = field(default_factory=dict)
    made: dict[int, list[int]] = field(default_factory=lambda: {person: [] for person in PEOPLE})
    direct: dict[int, tuple[int, set[int]]] = field(default_factory=dict)
    of_users: asyncio.Queue[Follow] = field(default_factory=asyncio.Queue)
    of_posts: asyncio.Queue[PostChange] = field(default_factory=asyncio.Queue)
    # Until which round people stay away.
    away: dict[int, int] = field(default_factory=dict)

    def rest(self, number: int) -> None:
        """Some of who is there goes away for a while."""
        self.away = {person: until for person, until in self.away.items() if until > number}
        if len(self.away) < len(PEOPLE) // 2:
            self.away.setdefault(self.choices.choice(PEOPLE), number + self.choices.randint(*AWAY_DAYS))

    def step(self, mood: Sequence[int]) -> None:
        """One thing that somebody does; the mood is how likely each is."""
        one, other = self.choices.sample(PEOPLE, 2)
        act = self.choices.choices(["post", "direct", "follow", "unfollow", "block", "delete"], mood)[0]
        if act in ("post", "direct"):
            self._post(one, {other} if act == "direct" else None)
        elif act == "delete":
            self._delete(one)
        elif act == "follow":
            self._follow(one, other, active=True)
        else:
            self._follow(one, other, active=False)
        if act == "block":
            self._follow(other, one, active=False)

    def _post(self, author: int, only_to: set[int] | None) -> None:
        entry = self.entries.make(author)
        if only_to is None:
            self.made[author].append(entry.entry_id)
            self.posts.by_author.setdefault(author, []).append(entry)
        else:
            self.direct[entry.entry_id] = author, only_to
            self.posts.direct[entry] = only_to
        named = None if only_to is None else frozenset(only_to)
        self.of_posts.put_nowait(PostChange(Change.VISIBLE, entry.entry_id, author, only_to=named))

    def _delete(self, author: int) -> None:
        """Its entry stays stored, and is dropped when its post is asked for."""
        if self.made[author]:
            self.of_posts.put_nowait(PostChange(Change.GONE, self.choices.choice(self.made[author]), author))

    def _follow(self, reader: int, author: int, *, active: bool) -> None:
        if active == ((reader, author) in self.follows):
            return
        if active:
            self.follows[reader, author] = len(self.made[author])
        else:
            del self.follows[reader, author]
        self.version += 1
        self.of_users.put_nowait(Follow(reader, author, active, True, self.version))


async def _consume(
    queue: asyncio.Queue[T], handle: Callable[[Sequence[T]], Awaitable[object]], choices: random.Random
) -> None:
    """Takes some events at a time; what it died over it is given again. Ends when the queue is empty."""
    while not queue.empty():
        batch = [queue.get_nowait() for _ in range(min(queue.qsize(), choices.randint(1, 8)))]
        while choices.random() < DEATHS:
            handling = asyncio.ensure_future(handle(batch))
            for _ in range(choices.randrange(40)):
                await asyncio.sleep(0)
            handling.cancel()
            with suppress(asyncio.CancelledError):
                await handling
        await handle(batch)


async def _disturb(history: History, home: HomeReader, windows: Any, ended: asyncio.Event) -> None:
    """Reads homes of those who are there, dying over some of them, and now and then empties Redis."""
    choices = history.choices
    while not ended.is_set():
        present = [person for person in PEOPLE if person not in history.away]
        reading = asyncio.ensure_future(home.pages([(choices.choice(present), PageQuery(PAGE))]))
        if choices.random() < DEATHS:
            for _ in range(choices.randrange(20)):
                await asyncio.sleep(0)
            reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        if choices.random() < FLUSHES:
            await windows.forget_everything()
        await asyncio.sleep(0)


async def _whole(home: HomeReader, reader: int) -> list[int]:
    """A home from its newest entry to its oldest, page by page."""
    found, page = list[int](), PageQuery(PAGE)
    while True:
        (answer,) = await home.pages([(reader, page)])
        assert isinstance(answer, HomePage)
        found += [entry.entry_id for entry in answer.entries]
        if not answer.more:
            return found
        page = PageQuery(PAGE, max_id=found[-1])


def _check(history: History, reader: int, shown: Sequence[int]) -> None:
    """Each post once where it belongs, in order, and nothing where it does not."""
    assert list(shown) == sorted(set(shown), reverse=True)
    due, allowed = set(history.made[reader]), set(history.made[reader])
    for follower, author in history.follows:
        if follower == reader:
            # With what came before the follow, as far as it is brought.
            since = max(0, history.follows[follower, author] - BACKFILL_POSTS // 2)
            due |= set(history.made[author][since:])
            allowed |= set(history.made[author])
    for post_id, (author, named) in history.direct.items():
        if reader == author or (reader in named and (reader, author) in history.follows):
            due.add(post_id)
    allowed |= due
    assert due - set(shown) == set()
    assert set(shown) - allowed == set()


@pytest.fixture(params=["delivered", "merged"])
def quick_modes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether authors become merged, and are delivered again, while they post: as they have three followers or fewer,
    and all is counted, decided and known within seconds."""
    if request.param == "merged":
        monkeypatch.setattr(modes_module, "LOOK_GRACES", 0.2)
        monkeypatch.setattr(modes_module, "STAYS", 1.0)
        monkeypatch.setattr(modes_module, "ASKS_IN_A_GRACE", 5)
    return bool(request.param == "merged")


def _counted() -> list[float]:
    """Followers to whom a post was not delivered, and homes that were built anew."""
    return [REGISTRY.get_sample_value(f"rookery_feed_{name}_total") or 0 for name in ("sleepers_passed", "returns")]


@pytest.fixture
def active_days() -> int:
    return ACTIVE_DAYS


@pytest.fixture
def grace_seconds(quick_modes: bool) -> float:
    return 5 if quick_modes else modes_module.GRACE_SECONDS


@pytest.mark.parametrize("seed", SEEDS)
async def test_each_post_is_once_in_the_home_of_each_follower_and_in_no_others(
    home: HomeReader,
    keeper: FollowKeeper,
    fan_out: FanOut,
    author_posts: AuthorPostRepository,
    windows: Any,
    posts: Any,
    entries: Any,
    clock: FakeClock,
    quick_modes: bool,
    seed: int,
) -> None:
    choices = random.Random(seed)
    history = History(choices, entries, posts)
    counted = _counted()
    ended = asyncio.Event()

    async def heed(follows: Sequence[Follow]) -> None:
        for follow in follows:
            await keeper.apply([follow], [follow] if follow.active else [])

    disturbing = asyncio.create_task(_disturb(history, home, windows, ended))
    for number in range(STEPS // 20):
        history.rest(number)
        clock.advance(ROUND_SECONDS)
        for _ in range(20):
            history.step(SULKY if number // MOOD_ROUNDS % 2 else SOCIABLE)
        await asyncio.gather(
            _consume(history.of_users, heed, choices), _consume(history.of_posts, fan_out.apply, choices)
        )
    ended.set()
    await disturbing
    clock.advance(TAIL_SECONDS)
    decided = [mode.is_merged for mode in await author_posts.modes(0)]
    assert not quick_modes or {True, False} <= set(decided), "nobody has crossed the threshold both ways"
    for reader in PEOPLE:
        shown = await _whole(home, reader)
        _check(history, reader, shown)
    passed, returned = (after - before for before, after in zip(counted, _counted(), strict=True))
    assert passed > 0, "nobody was away when somebody posted"
    assert returned > 0, "nobody has come back"
    await windows.forget_everything()
    for reader in PEOPLE:
        _check(history, reader, await _whole(home, reader))
