"""What is told once for as long as it stands: of each source only the newest, in the place of the one before."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from notification_service.models import Act, Kind, Notification, TellingKey, Told
from notification_service.placement import notification_of
from notification_service.repository.told import ToldRepository
from notification_service.service.tell import Teller, is_told
from rookery_common.ids import ms_of

# What comes sooner after what was told is no news.
QUIET_MS: Final = {Kind.MESSAGE: 60_000}


class StandingTeller:
    """Tells of edits of a post, messages of a conversation, decisions on a post: one notification each, which moves up.

    Each source's acts of a kind are to come in their order; older ones again change nothing.
    """

    def __init__(self, teller: Teller, told: ToldRepository) -> None:
        self._teller = teller
        self._told = told

    async def tell(self, acts: Iterable[Act]) -> None:
        """Raises Unavailable: then it is to be done again."""
        newest: dict[TellingKey, Act] = {}
        for act in acts:
            key = (act.source_id, act.kind, act.recipient_id)
            if is_told(act) and (key not in newest or newest[key].at_ms <= act.at_ms):
                newest[key] = act
        known = await self._told.standing(newest)
        due = {key: notification_of(act) for key, act in newest.items() if _is_due(act, known.get(key, 0))}
        moved = [
            _told(key, known[key]) for key, each in due.items() if known.get(key, 0) not in (0, each.notification_id)
        ]
        # First: after a crash what is known is still what has to go.
        await self._teller.put_away(moved, "moved_up")
        await self._told.add([Told(*key, each.notification_id) for key, each in due.items()])
        await self._teller.tell(list(due.values()))

    async def withdraw(self, keys: Collection[TellingKey]) -> None:
        """What stands no longer, whether or not it was told. Raises Unavailable: then it is to be done again."""
        known = await self._told.standing(keys)
        await self._teller.put_away([_told(key, number) for key, number in known.items()], "withdrawn")


def _told(key: TellingKey, number: int) -> Notification:
    """What was told under the key, whoever did it."""
    source_id, kind, recipient_id = key
    return Notification(number, recipient_id, kind, 0, source_id)


def _is_due(act: Act, known_id: int) -> bool:
    """Not before what was told, nor too soon after it; but again the very same, whose telling may not have ended."""
    number = notification_of(act).notification_id
    return number == known_id or act.at_ms - ms_of(known_id) > QUIET_MS.get(act.kind, 0)
