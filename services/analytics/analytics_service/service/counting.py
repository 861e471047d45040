"""Counting: a count is a fact about the events up to an offset, written whole: reading them again adds nothing."""

from __future__ import annotations

from collections.abc import Sequence

from analytics_service import distinct
from analytics_service.metrics import COUNTED, REPEATED
from analytics_service.models import DISTINCT, Observation, Tally, Width, Window
from analytics_service.repository.windows import CountedEvents, Slot, WindowRepository
from rookery_common.clock import Clock


class Counting:
    """Adds observations to their windows, a minute and a day wide.

    Every batch reads what is there before it goes on: no member of the group holds a count of its own, so it does not
    matter which one died, was slow, or has just taken a partition over.
    """

    def __init__(self, windows: WindowRepository, counted: CountedEvents, clock: Clock) -> None:
        self._windows = windows
        self._counted = counted
        self._clock = clock

    async def add(self, observations: Sequence[Observation]) -> None:
        """All of them, those of each source in the order of their offsets."""
        fresh = await self._first_places(observations)
        slots = self._slots(fresh)
        known = await self._windows.tallies(list(slots))
        moved = {
            slot: tally
            for slot, found in slots.items()
            if (tally := advanced(known[slot], found, counts_accounts=slot[0].measure in DISTINCT)) is not None
        }
        await self._windows.put(moved)
        COUNTED.inc(len(fresh))

    async def _first_places(self, observations: Sequence[Observation]) -> list[Observation]:
        """Those that stand where their event was seen first. The place is written before anything is counted by it."""
        places = await self._counted.places(observations)
        unseen = []
        for found in observations:
            if found.event_id not in places:
                places[found.event_id] = (found.source, found.offset)
                unseen.append(found)
        await self._counted.add(unseen)
        fresh = [found for found in observations if places[found.event_id] == (found.source, found.offset)]
        REPEATED.inc(len(observations) - len(fresh))
        return fresh

    def _slots(self, observations: Sequence[Observation]) -> dict[Slot, list[Observation]]:
        """By window and source; what is too old to be kept is left out."""
        now = self._clock.unix_ms() // 1000
        slots: dict[Slot, list[Observation]] = {}
        for found in observations:
            for width in Width:
                for measure in found.measures:
                    window = Window(measure, width, found.at_seconds // width)
                    if window.seconds_to_live(now) > 0:
                        slots.setdefault((window, found.source), []).append(found)
        return slots


def advanced(tally: Tally, found: Sequence[Observation], *, counts_accounts: bool) -> Tally | None:
    """The tally with what comes after its offset; None when that changes nothing."""
    later = [observation for observation in found if observation.offset > tally.last_offset]
    if not later:
        return None
    last_offset = max(observation.offset for observation in later)
    if not counts_accounts:
        return Tally(tally.value + len(later), last_offset)
    members = distinct.add(tally.members, (observation.account_id for observation in later))
    if members == tally.members:
        return None
    return Tally(distinct.estimate(members), last_offset, members)
