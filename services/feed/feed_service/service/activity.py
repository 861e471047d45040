"""Who has not been here for long: nothing is delivered to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from feed_service.metrics import SLEEPERS_PASSED
from feed_service.placement import DAY_MS
from feed_service.repository.readers import ReaderRepository
from feed_service.repository.seen import SeenRepository
from rookery_common.clients.redis import RedisUnavailable
from rookery_common.clock import Clock
from rookery_common.logs import get_logger

# Of those of whom Redis knows nothing so many are looked up after a fan-out, and remembered till then.
LEARNED_AT_ONCE: Final = 16
MOST_UNKNOWN: Final = 1_000
# Of whom it is remembered that they were seen; 100 bytes each.
MOST_SEEN: Final = 100_000
log = get_logger()


class Activity:
    """As fan-out asks for it. Of whom nothing is known is awake; so is everybody with no number of days."""

    def __init__(self, readers: ReaderRepository, seen: SeenRepository, clock: Clock, active_days: int) -> None:
        self._readers = readers
        self._seen = seen
        self._clock = clock
        self._active_days = active_days
        self._unknown: set[int] = set()
        # The last day of readers who are awake: it holds until they would be asleep, since days only grow.
        self._seen_days: dict[int, int] = {}

    async def asleep(self, reader_ids: Collection[int]) -> set[int]:
        """Those of them who were last seen more days ago than readers are active for.

        Asked for after a post is stored with its author, and answered by what is noted before a return reads authors'
        posts: so what is not delivered is found there.
        """
        if not self._active_days:
            return set()
        last = self.today() - self._active_days
        asked = [reader_id for reader_id in reader_ids if self._seen_days.get(reader_id, 0) < last]
        if not asked:
            return set()
        try:
            days = await self._seen.days(asked)
        except RedisUnavailable as error:
            log.warning("activity.unknown", reason=error.reason)
            return set()
        if len(self._unknown) < MOST_UNKNOWN:
            self._unknown.update(reader_id for reader_id in asked if reader_id not in days)
        self._remember({reader_id: day for reader_id, day in days.items() if day >= last})
        sleepers = {reader_id for reader_id, day in days.items() if day < last}
        SLEEPERS_PASSED.inc(len(sleepers))
        return sleepers

    def _remember(self, awake: Mapping[int, int]) -> None:
        if len(self._seen_days) + len(awake) > MOST_SEEN:
            self._seen_days.clear()
        self._seen_days.update(awake)

    async def learn(self) -> None:
        """Takes over from CQL what Redis did not know of a few; who was never seen is so from today on. Raises
        Unavailable."""
        asked = [self._unknown.pop() for _ in range(min(LEARNED_AT_ONCE, len(self._unknown)))]
        if not asked:
            return
        known = dict(zip(asked, await self._readers.get_all(asked), strict=True))
        new = [reader_id for reader_id, state in known.items() if state is None]
        await self._readers.see(new, self.today())
        await self._seen.learn({reader: state.seen_day if state else self.today() for reader, state in known.items()})

    def today(self) -> int:
        """Days since 1970, UTC."""
        return self._clock.unix_ms() // DAY_MS
