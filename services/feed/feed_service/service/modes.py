"""Whose posts are merged into homes when these are read, since they have too many followers to be delivered to each."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from feed_service.metrics import MODE_CHANGES
from feed_service.models import HISTORY_DAYS, Following, MergedFollows, Mode
from feed_service.placement import DAY_MS
from feed_service.repository.author_posts import AuthorPostRepository
from feed_service.repository.follows import FollowRepository
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.logs import get_logger

# From a decision to its taking effect: by then every process has asked for news of modes dozens of times, and a roll
# from a release that does not know of them is over. With less grace all goes faster.
GRACE_SECONDS: Final = 600
ASKS_IN_A_GRACE: Final = 40
# An author who posts is counted once in so many graces, and no more than needed for the answer.
LOOK_GRACES: Final = 6
# Whoever is merged stays so down to this part of what it takes to become it.
STAYS: Final = 0.8
_MOST_LOOKED: Final = 100_000
log = get_logger()


class Modes:
    """Each author's modes over time, as far as this process knows. Which one a post falls under is told by its own id,
    so that whoever handles the post, and however often, comes to the same."""

    def __init__(
        self,
        repository: AuthorPostRepository,
        follows: FollowRepository,
        clock: Clock,
        merge_followers: int,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._repository = repository
        self._follows = follows
        self._clock = clock
        self._merge_followers = merge_followers
        self._grace_ms = int(grace_seconds * 1000)
        self._ask_seconds = grace_seconds / ASKS_IN_A_GRACE
        self._look_seconds = grace_seconds * LOOK_GRACES
        self.generation = 0
        self._modes: dict[int, list[Mode]] = {}
        self._ask_at = 0.0
        self._is_known = False
        self._shortened_day = 0
        self._asking = asyncio.Lock()
        self._looked: OrderedDict[int, float] = OrderedDict()

    async def refresh(self) -> None:
        """Asks for what was decided elsewhere, now and then, once for all who wait. Raises Unavailable."""
        if self._is_known and (self._asking.locked() or self._clock.monotonic() < self._ask_at):
            return
        async with self._asking:
            if not self._is_known or self._clock.monotonic() >= self._ask_at:
                self._ask_at = self._clock.monotonic() + self._ask_seconds
                await self._read()
                self._is_known = True

    async def refresh_if_possible(self) -> None:
        """The same for readers, whom what is known already serves for a while."""
        try:
            await self.refresh()
        except AppError as error:
            log.warning("modes.not_read", reason=error.reason)

    def is_merged(self, author_id: int, at_ms: int) -> bool:
        """Whether what the author posted at that time is merged."""
        modes = [mode for mode in self._modes.get(author_id, ()) if mode.from_ms <= at_ms]
        return bool(modes) and modes[-1].is_merged

    def among(self, following: Following) -> MergedFollows:
        """Those of them of whom there may be anything to merge."""
        if not self._modes:
            return MergedFollows(self.generation)
        authors = {author for author in self._smaller(following.authors) if self._may_have_posts(author)}
        return MergedFollows(
            self.generation, Following(frozenset(authors), following.without_reblogs.intersection(authors))
        )

    def since(self, generation: int, most: int) -> tuple[list[int], int]:
        """At most so many of the authors of whom anything was decided after that, and up to which generation they are
        all: without those of whom there is nothing to merge."""
        changed = sorted(modes[-1].generation for modes in self._modes.values() if modes[-1].generation > generation)
        reached = self.generation if len(changed) <= most else changed[most - 1]
        authors = [
            author_id
            for author_id, modes in self._modes.items()
            if generation < modes[-1].generation <= reached and self._may_have_posts(author_id)
        ]
        return authors, reached

    async def look(self, author_ids: Iterable[int]) -> None:
        """Counts the followers of those who were not counted for a while, and decides. Raises Unavailable."""
        now = self._clock.monotonic()
        for author_id in sorted(set(author_ids)):
            if self._looked.get(author_id, 0.0) <= now:
                await self._settle(author_id)
                self._looked[author_id] = now + self._look_seconds
                self._looked.move_to_end(author_id)
        while len(self._looked) > _MOST_LOOKED:
            self._looked.popitem(last=False)

    async def _settle(self, author_id: int) -> None:
        while True:
            is_merged = self._is_merged_last(author_id)
            wanted = await self._is_large(author_id, is_merged=is_merged)
            if wanted == is_merged:
                return
            mode = Mode(self.generation + 1, author_id, wanted, self._clock.unix_ms() + self._grace_ms)
            if await self._repository.decide(mode):
                MODE_CHANGES.labels("merged" if wanted else "delivered").inc()
                log.info("modes.decided", author_id=author_id, is_merged=wanted)
            await self._read()

    async def _is_large(self, author_id: int, *, is_merged: bool) -> bool:
        if not self._merge_followers:
            return False
        enough = max(1, int(self._merge_followers * STAYS)) if is_merged else self._merge_followers
        return await self._follows.has_followers(author_id, enough)

    async def _read(self) -> None:
        for mode in await self._repository.modes(self.generation):
            if mode.generation > self.generation:  # Not what a call beside this one has read meanwhile.
                self._modes.setdefault(mode.author_id, []).append(mode)
                self.generation = mode.generation
        today = self._clock.unix_ms() // DAY_MS
        if self._shortened_day != today:
            self._shortened_day = today
            await self._shorten()

    async def _shorten(self) -> None:
        """Once a day: forgets, here and in the log, what was superseded before the oldest post that is stored, and who
        is delivered since then. The log's last row stays, since the next number follows from it."""
        ended_ms, forgotten = self._ended_ms(), list[int]()
        for author_id, modes in list(self._modes.items()):
            ended = [number for number, mode in enumerate(modes) if mode.from_ms <= ended_ms]
            kept = modes[ended[-1] :] if ended else modes
            if len(kept) == 1 and ended and not kept[0].is_merged and kept[0].generation != self.generation:
                kept = []
                del self._modes[author_id]
            else:
                self._modes[author_id] = kept
            forgotten += [mode.generation for mode in modes[: len(modes) - len(kept)]]
        await self._repository.forget_modes(forgotten)

    def _is_merged_last(self, author_id: int) -> bool:
        modes = self._modes.get(author_id)
        return modes[-1].is_merged if modes else False

    def _may_have_posts(self, author_id: int) -> bool:
        """Not of whoever is delivered again for longer than posts are stored."""
        modes = self._modes.get(author_id)
        if not modes:
            return False
        return modes[-1].is_merged or modes[-1].from_ms > self._ended_ms()

    def _ended_ms(self) -> int:
        """What was posted before is stored no longer."""
        return self._clock.unix_ms() - (HISTORY_DAYS + 1) * DAY_MS

    def _smaller(self, authors: frozenset[int]) -> Iterable[int]:
        """What is looked through for those whose modes are known."""
        return authors if len(authors) < len(self._modes) else self._modes.keys() & authors
