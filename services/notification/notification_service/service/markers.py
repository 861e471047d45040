"""Where accounts have read to, so that each of their clients goes on there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from notification_service.errors import MarkerMoved
from notification_service.models import MarkedTimeline, Marker
from notification_service.repository.markers import MarkerRepository
from rookery_common.clock import Clock


class Markers:
    """Reads and moves them, back too: a client may want to read something again."""

    def __init__(self, repository: MarkerRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def get(self, account_id: int, timelines: Collection[MarkedTimeline]) -> Sequence[Marker]:
        """Those of the timelines that were ever marked."""
        found = await self._repository.of_account(account_id)
        return [found[timeline] for timeline in sorted(timelines) if timeline in found]

    async def last_read(self, account_id: int) -> int:
        """The newest notification that was read; 0 for none."""
        found = (await self._repository.of_account(account_id)).get(MarkedTimeline.NOTIFICATIONS)
        return found.last_read_id if found else 0

    async def put(self, account_id: int, last_read: Mapping[MarkedTimeline, int]) -> Sequence[Marker]:
        """As they are now. Raises MarkerMoved; of several markers some may be moved then."""
        found, now = await self._repository.of_account(account_id), self._clock.now()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as it is stored
        made = []
        for timeline, last_read_id in sorted(last_read.items()):
            version = found[timeline].version + 1 if timeline in found else 1
            marker = Marker(timeline, last_read_id, version, now)
            if not await self._repository.put(account_id, marker):
                raise MarkerMoved("this timeline is being marked by another client")
            made.append(marker)
        return made
