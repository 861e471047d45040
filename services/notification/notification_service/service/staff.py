"""What members of the staff are told: who they are is asked of auth, and remembered for no more than a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

from notification_service.models import Act, Kind
from notification_service.service.remembered import Remembered
from notification_service.service.tell import Teller
from rookery_common.clock import Clock

# What a role must permit, as auth names it, for whoever is told of what.
PERMISSIONS: Final[Mapping[Kind, str]] = {
    Kind.ADMIN_SIGN_UP: "manage_users",
    Kind.ADMIN_REPORT: "manage_reports",
}


# So long a changed role may go unnoticed.
STAFF_SECONDS: Final = 2.0


class Roles(Protocol):
    """Where it is asked what somebody's roles permit."""

    async def permitted(self, permission: str) -> Sequence[int]:
        """All whom a role of theirs permits it. Raises AppError."""
        ...


class Staff:
    """As roles were within the last two seconds."""

    def __init__(self, roles: Roles, clock: Clock) -> None:
        self._roles = roles
        self._known: Remembered[Kind, frozenset[int]] = Remembered(self._ask, clock, seconds=STAFF_SECONDS)

    async def of(self, kind: Kind) -> frozenset[int]:
        """Who is told of this kind. Raises AppError."""
        return await self._known.get(kind)

    async def may_know(self, account_id: int, kind: Kind) -> bool:
        """Anyone may know of what is no business of the staff. Raises AppError."""
        return kind not in PERMISSIONS or account_id in await self.of(kind)

    async def _ask(self, kind: Kind) -> frozenset[int]:
        return frozenset(await self._roles.permitted(PERMISSIONS[kind]))


class StaffTeller:
    """Tells everyone of the staff of that time."""

    def __init__(self, teller: Teller, staff: Staff) -> None:
        self._teller = teller
        self._staff = staff

    async def tell(self, acts: Sequence[Act]) -> None:
        """Acts without a recipient. Raises AppError: then it is to be done again."""
        told = [
            replace(act, recipient_id=recipient_id)
            for act in acts
            for recipient_id in sorted(await self._staff.of(act.kind))
        ]
        await self._teller.tell_acts(told)
