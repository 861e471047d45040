"""What the staff does with announcements, and what everybody does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from moderation_service.announcements.models import (
    DEFAULT_PAGE,
    MAX_KEPT,
    MAX_LISTED,
    MAX_PAGE,
    MAX_REACTIONS,
    MAX_READERS,
    PERMISSION,
    Announcement,
    Content,
    Reader,
    check_reaction,
    check_request_id,
)
from moderation_service.announcements.repository import AnnouncementRepository, ReaderTransaction, StaffTransaction
from moderation_service.errors import AnnouncementNotFound, FieldInvalid, IdempotencyConflict, TooManyAnnouncements
from moderation_service.models import AuditEntry
from rookery_common.auth import Identity, check_permission
from rookery_common.clock import Clock
from rookery_common.ids import IdSource
from rookery_common.logs import get_logger

log = get_logger()


class Announcements:
    """The staff writes them, each change with a line in the audit log; everybody reads, dismisses and reacts."""

    def __init__(self, repository: AnnouncementRepository, ids: IdSource, clock: Clock) -> None:
        self._repository = repository
        self._ids = ids
        self._clock = clock

    async def listed(self, account_id: int, *, with_dismissed: bool) -> list[Announcement]:
        """Those that hold now, for this account."""
        return await self._repository.listed(account_id, self._clock.now(), with_dismissed=with_dismissed)

    async def listed_for(self, announcement_id: int, account_ids: Sequence[int]) -> tuple[Announcement, list[Reader]]:
        """One that holds now, and those of the accounts that have made something of it.

        Raises AnnouncementNotFound, FieldInvalid.
        """
        if not 0 < len(account_ids) <= MAX_READERS:
            raise FieldInvalid("account_ids", f"must be 1 to {MAX_READERS}")
        found = await self._repository.listed_for(announcement_id, account_ids, self._clock.now())
        if found is None:
            raise AnnouncementNotFound
        return found

    async def dismiss(self, account_id: int, announcement_id: int) -> None:
        """Raises AnnouncementNotFound."""
        async with self._repository.reader(announcement_id, account_id) as tx:
            await self._listed(tx)
            await tx.dismiss()

    async def react(self, account_id: int, announcement_id: int, name: str) -> None:
        """Raises AnnouncementNotFound, FieldInvalid."""
        check_reaction(name)
        async with self._repository.reader(announcement_id, account_id) as tx:
            await self._listed(tx)
            if await tx.react(name, self._clock.now()) > MAX_REACTIONS:
                raise FieldInvalid("name", f"would be beside {MAX_REACTIONS} other reactions already", "ERR_TOO_MANY")

    async def unreact(self, account_id: int, announcement_id: int, name: str) -> None:
        """Raises AnnouncementNotFound, FieldInvalid."""
        check_reaction(name)
        async with self._repository.reader(announcement_id, account_id) as tx:
            await self._listed(tx)
            await tx.unreact(name, self._clock.now())

    async def all(self, staff: Identity, max_id: int, limit: int) -> list[Announcement]:
        """A page of all, newest first. Raises PermissionMissing, FieldInvalid."""
        check_permission(staff, PERMISSION)
        if not 0 <= limit <= MAX_PAGE:
            raise FieldInvalid("limit", f"must be between 1 and {MAX_PAGE}")
        return await self._repository.all(staff.account_id, max_id, limit or DEFAULT_PAGE)

    async def create(self, staff: Identity, content: Content, request_id: str) -> Announcement:
        """The announcement, or the one that an earlier try made.

        Raises PermissionMissing, FieldInvalid, TooManyAnnouncements, IdempotencyConflict.
        """
        check_permission(staff, PERMISSION)
        now = self._clock.now()
        content.check(now)
        check_request_id(request_id)
        async with self._repository.staff() as tx:
            known = await tx.by_request(staff.account_id, request_id)
            if known is not None:
                if known.content != content:
                    raise IdempotencyConflict
                return known
            made = Announcement(self._ids.mint(), content, now, now, _published_at(None, content, now))
            await _check_room(tx, made, now, more=1)
            await tx.add(made, staff.account_id, request_id)
            await tx.note_change(made.announcement_id, _due_at(None, content, now))
            await tx.audit(_entry("announcement", staff, made), now)
        log.info("moderation.announced", announcement_id=made.announcement_id, published=content.published)
        return made

    async def update(self, staff: Identity, announcement_id: int, content: Content) -> Announcement:
        """With another content. Raises PermissionMissing, FieldInvalid, TooManyAnnouncements, AnnouncementNotFound."""
        check_permission(staff, PERMISSION)
        now = self._clock.now()
        content.check(now)
        async with self._repository.staff() as tx:
            before = await tx.one(announcement_id)
            if before is None:
                raise AnnouncementNotFound
            if before.content == content:
                return before
            published_at = _published_at(before.published_at, content, now)
            after = replace(before, content=content, updated_at=now, published_at=published_at)
            await _check_room(tx, after, now, more=0)
            await tx.save(after)
            await tx.note_change(announcement_id, _due_at(before.content, content, now))
            await tx.audit(_entry("announcement_change", staff, after), now)
        return after

    async def delete(self, staff: Identity, announcement_id: int) -> None:
        """Raises PermissionMissing."""
        check_permission(staff, PERMISSION)
        now = self._clock.now()
        async with self._repository.staff() as tx:
            before = await tx.one(announcement_id)
            if before is not None and await tx.delete(announcement_id, now):
                await tx.note_change(announcement_id, _due_at(before.content, None, now))
                await tx.audit(_entry("announcement_withdrawal", staff, before), now)

    async def _listed(self, tx: ReaderTransaction) -> None:
        if not await tx.lock(self._clock.now()):
            raise AnnouncementNotFound


def _published_at(before: datetime | None, content: Content, now: datetime) -> datetime | None:
    """The first time that it is listed: what is still to come may be put off."""
    if before is not None and before <= now:
        return before
    return max(now, content.scheduled_at or now) if content.published else None


def _due_at(before: Content | None, after: Content | None, now: datetime) -> datetime | None:
    """When everybody should be told whether it is listed: of what nobody has seen, once somebody may."""
    if any(each is not None and each.is_listed(now) for each in (before, after)):
        return now
    return None if after is None else after.next_change(now)


async def _check_room(tx: StaffTransaction, wanted: Announcement, now: datetime, *, more: int) -> None:
    kept, listed = await tx.counts(now, wanted.announcement_id)
    until = wanted.content.listed_until
    if kept + more > MAX_KEPT:
        raise TooManyAnnouncements(f"there are {MAX_KEPT} announcements already")
    if wanted.content.published and (until is None or until > now) and listed >= MAX_LISTED:
        raise TooManyAnnouncements(f"there are {MAX_LISTED} published announcements that have not ended")


def _entry(action: str, staff: Identity, announcement: Announcement) -> AuditEntry:
    detail = {"announcement_id": str(announcement.announcement_id), "published": announcement.content.published}
    return AuditEntry(action, staff.account_id, 0, detail=json.dumps(detail))
