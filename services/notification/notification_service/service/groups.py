"""Reading a list by groups: half a day's likes of a post are one entry, at a cost that does not grow with them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

from notification_service.errors import WrongLimit
from notification_service.models import (
    GROUPED,
    MAX_PAGE,
    GroupKey,
    GroupPage,
    Kind,
    Notification,
    NotificationGroup,
    PageQuery,
    Slot,
)
from notification_service.placement import group_key
from notification_service.repository.counts import CountCache
from notification_service.repository.members import MemberRepository
from notification_service.repository.notifications import NotificationRepository
from notification_service.service.tell import Teller
from rookery_common.clients.redis import RedisUnavailable
from rookery_common.ids import MAX_ID
from rookery_common.logs import get_logger

SAMPLE: Final = 8
# Members read at a time, and how often: whoever was put away is still stored.
SAMPLE_ROWS: Final = 40
SAMPLE_ROUNDS: Final = 25
SCAN_ROWS: Final = 200
MAX_SCAN_ROWS: Final = 4_000
DISMISS_ROWS: Final = 500
_Place = GroupKey | int
log = get_logger()


class GroupReader:
    """Pages of groups, and what is in one of them; and puts a whole group away.

    Heads stand for groups: one a minute. Where they can't answer (one account's acts, or types that are asked for one
    by one though they have groups) the list itself is grouped, as far as it is scanned.
    """

    def __init__(
        self,
        heads: NotificationRepository,
        notifications: NotificationRepository,
        members: MemberRepository,
        counts: CountCache,
        teller: Teller,
    ) -> None:
        self._heads = heads
        self._notifications = notifications
        self._members = members
        self._counts = counts
        self._teller = teller

    async def page(self, recipient_id: int, query: PageQuery, grouped: Collection[Kind] = GROUPED) -> GroupPage:
        """Groups of these kinds, all else one by one. Raises WrongLimit."""
        if not 1 <= query.limit <= MAX_PAGE:
            raise WrongLimit(MAX_PAGE)
        cleared = await self._notifications.cleared(recipient_id)
        low = max(query.low, cleared)
        wanted = frozenset(query.kinds or Kind)
        if query.account_id or not wanted & GROUPED <= frozenset(grouped):
            places, reached_id = await self._scan(self._notifications, recipient_id, query, low, query.high, grouped)
            groups = [_of_page(place, told) for place, told in places.items()]
        else:
            places, reached_id = await self._scan(self._heads, recipient_id, query, low, query.high, grouped)
            above = max(low, 0 if query.upwards else reached_id)
            made = await asyncio.gather(
                *(
                    self._group(recipient_id, place, told[0], (query.high, low), above, cleared)
                    for place, told in places.items()
                )
            )
            groups = [group for group in made if group is not None]
        groups.sort(key=lambda group: group.newest.notification_id, reverse=True)
        return GroupPage(groups, reached_id)

    async def group(self, recipient_id: int, key: GroupKey) -> NotificationGroup | None:
        """One whole group; None where nothing is in it."""
        cleared = await self._notifications.cleared(recipient_id)
        head = Notification(0, recipient_id, key.kind, 0, key.subject_id)
        return await self._group(recipient_id, key, head, (MAX_ID, cleared), cleared, cleared)

    async def members(self, recipient_id: int, key: GroupKey, query: PageQuery) -> tuple[Sequence[Notification], int]:
        """A page of a group's notifications, newest first, and where to go on (0 at the end). Raises WrongLimit."""
        if not 1 <= query.limit <= MAX_PAGE:
            raise WrongLimit(MAX_PAGE)
        low = max(query.low, await self._notifications.cleared(recipient_id))
        read = self._members.newer if query.upwards else self._members.older
        slots = await read(recipient_id, key, query.high, low, query.limit)
        told = [slot.notification for slot in slots if slot.notification is not None]
        reached_id = slots[-1].notification_id if len(slots) == query.limit else 0
        return told[::-1] if query.upwards else told, reached_id

    async def dismiss(self, recipient_id: int, key: GroupKey) -> None:
        """Puts all of a group away that are there now; done again it goes on where it ended."""
        below, more = MAX_ID, True
        while more:
            slots = await self._members.older(recipient_id, key, below, 0, DISMISS_ROWS)
            told = [slot.notification for slot in slots if slot.notification is not None]
            await self._teller.put_away(told, "dismissed")
            more = len(slots) == DISMISS_ROWS
            below = slots[-1].notification_id if slots else 0

    async def _scan(
        self,
        source: NotificationRepository,
        recipient_id: int,
        query: PageQuery,
        low: int,
        below: int,
        grouped: Collection[Kind],
    ) -> tuple[dict[_Place, list[Notification]], int]:
        """What is told as one, in the direction of the page, and how far was looked (0: to the end)."""
        found: dict[_Place, list[Notification]] = {}
        scanned, last_id = 0, 0
        while True:
            read = source.newer if query.upwards else source.older
            slots = await read(recipient_id, below, low, SCAN_ROWS)
            for slot in slots:
                told = slot.notification
                if told is not None and query.wants(told):
                    place = (group_key(told) if told.kind in grouped else None) or told.notification_id
                    if place not in found and len(found) == query.limit:
                        return found, last_id
                    found.setdefault(place, []).append(told)
                last_id = slot.notification_id
            scanned += len(slots)
            if len(slots) < SCAN_ROWS:
                return found, 0
            if scanned >= MAX_SCAN_ROWS:
                return found, last_id
            low, below = (last_id, below) if query.upwards else (low, last_id)

    async def _group(
        self,
        recipient_id: int,
        place: _Place,
        head: Notification,
        bounds: tuple[int, int],
        page_above: int,
        cleared: int,
    ) -> NotificationGroup | None:
        """What a head stands for, on a page of what is above an id; None where nothing of it is between the bounds."""
        if not isinstance(place, GroupKey):
            return _of_page(place, [head]) if head.notification_id > bounds[1] else None
        sample, is_all = await self._sample(recipient_id, place, *bounds)
        if not sample:
            return None
        is_counted = is_all and bounds == (MAX_ID, cleared)
        count = len(sample) if is_counted else await self._count(recipient_id, place, cleared)
        shown = sample[:SAMPLE]
        on_page = [each.notification_id for each in shown if each.notification_id > page_above]
        oldest_id = min(on_page, default=sample[0].notification_id)
        accounts = [each.account_id for each in shown]
        return NotificationGroup(place, sample[0], oldest_id, accounts, max(count, len(shown)))

    async def _sample(
        self, recipient_id: int, key: GroupKey, below: int, above: int
    ) -> tuple[list[Notification], bool]:
        """Some of the newest, and whether they are all."""
        found: list[Notification] = []
        for _ in range(SAMPLE_ROUNDS):
            slots: list[Slot] = await self._members.older(recipient_id, key, below, above, SAMPLE_ROWS)
            found += [slot.notification for slot in slots if slot.notification is not None]
            if len(slots) < SAMPLE_ROWS:
                return found, True
            if len(found) >= SAMPLE:
                break
            below = slots[-1].notification_id
        return found, False

    async def _count(self, recipient_id: int, key: GroupKey, above: int) -> int:
        """Of a large group as it was within the last minute."""
        try:
            kept = await self._counts.get(recipient_id, key, above)
            if kept is not None:
                return kept
            count = await self._members.count(recipient_id, key, above)
            await self._counts.put(recipient_id, key, above, count)
            return count
        except RedisUnavailable as error:
            log.warning("groups.counts_away", reason=error.reason)
            return await self._members.count(recipient_id, key, above)


def _of_page(place: _Place, told: Sequence[Notification]) -> NotificationGroup:
    """What a page itself has of a group, in whichever direction it was read."""
    newest_first = sorted(told, key=lambda each: each.notification_id, reverse=True)
    accounts = [each.account_id for each in newest_first[:SAMPLE]]
    key = place if isinstance(place, GroupKey) else None
    return NotificationGroup(key, newest_first[0], newest_first[-1].notification_id, accounts, len(told))
