"""Writes somebody's digest, if there is anything to say, and hands it to auth, which knows the address."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC
from hashlib import blake2b
from typing import Final, Protocol

from notification_service.digest_models import DIGESTED, EVERY, Digest, Frequency, Letter, Mailbox, Missed
from notification_service.letters import Letters
from notification_service.metrics import DIGESTS
from notification_service.models import MarkedTimeline, Notification
from notification_service.preference_models import Preferences
from notification_service.push_models import Author
from notification_service.repository.digests import DigestRepository
from notification_service.repository.markers import MarkerRepository
from notification_service.repository.notifications import NotificationRepository
from notification_service.repository.preferences import PreferenceRepository
from notification_service.service.digest_schedule import Slots
from notification_service.service.pusher import Authors
from notification_service.service.sieve import Sieve
from notification_service.service.unsubscribing import UnsubscribeTokens
from rookery_common.clock import Clock
from rookery_common.errors import Aborted, AppError, DeadlineExceeded, ResourceExhausted, Unavailable
from rookery_common.ids import MAX_ID, lowest_id_at
from rookery_common.logs import get_logger

SCAN_ROWS: Final = 200
# The newest of what may be told; what is older than these is not looked at.
LOOKED_AT: Final = 60
AT_ONCE: Final = 8
NAMED: Final = 2
MAX_NAME_CHARS: Final = 60
UNSUBSCRIBE_PATH: Final = "/mails/unsubscribe"
PASSING: Final = (Unavailable, DeadlineExceeded, ResourceExhausted, Aborted)
log = get_logger()


class Mails(Protocol):
    """Who knows addresses, and sends mails."""

    async def mailbox(self, recipient_id: int) -> Mailbox | None:
        """None of who gets no mails. Raises AppError."""
        ...

    async def send(self, mail_id: int, recipient_id: int, letter: Letter) -> None:
        """At most once for an id. Raises AppError."""
        ...


class DigestWriter:
    """One digest at a time. Done again it is the same mail, of which one is sent."""

    def __init__(
        self,
        digests: DigestRepository,
        preferences: PreferenceRepository,
        notifications: NotificationRepository,
        markers: MarkerRepository,
        authors: Authors,
        sieve: Sieve,
        mails: Mails,
        letters: Letters,
        tokens: UnsubscribeTokens,
        slots: Slots,
        clock: Clock,
        *,
        public_url: str,
    ) -> None:
        self._digests = digests
        self._preferences = preferences
        self._notifications = notifications
        self._markers = markers
        self._authors = authors
        self._sieve = sieve
        self._mails = mails
        self._letters = letters
        self._tokens = tokens
        self._slots = slots
        self._clock = clock
        self._public_url = public_url.rstrip("/")

    async def __call__(self, recipient_id: int, slot: int) -> None:
        """Does nothing where it is due in another slot, or not at all. Raises AppError: then it is to be done again."""
        held = await self._digests.get(recipient_id)
        if held is None or held.frequency is Frequency.OFF or held.slot != slot:
            return
        preferences = await self._preferences.get(recipient_id)
        if preferences.quiet is not None and preferences.quiet.hold(self._clock.now()):
            await self._digests.advance(recipient_id, self._slots.now() + 1, held.told_up_to)
            return
        try:
            told_up_to = await self._send(held, preferences)
        except PASSING:
            raise
        except AppError as error:
            # Nothing that waiting mends: the others go on, and this one is tried again with what comes until the next.
            log.error("digests.refused", recipient_id=recipient_id, reason=error.reason)
            DIGESTS.labels("refused").inc()
            told_up_to = held.told_up_to
        await self._digests.advance(recipient_id, self._slots.now() + EVERY[held.frequency], told_up_to)

    async def _send(self, held: Digest, preferences: Preferences) -> int:
        """Up to where is told now."""
        mailbox = await self._mails.mailbox(held.recipient_id)
        if mailbox is None:
            DIGESTS.labels("unreachable").inc()
            return held.told_up_to
        missed, newest_id = await self._missed(held, preferences, mailbox)
        if missed:
            token = self._tokens.issue(held.recipient_id)
            letter = self._letters.digest(mailbox, missed, f"{self._public_url}{UNSUBSCRIBE_PATH}?token={token}")
            await self._mails.send(mail_id(held), held.recipient_id, letter)
        DIGESTS.labels("sent" if missed else "nothing_missed").inc()
        return newest_id

    async def _missed(self, held: Digest, preferences: Preferences, mailbox: Mailbox) -> tuple[Sequence[Missed], int]:
        """What came since the recipient was last here, by kind, and the newest of it."""
        recipient_id = held.recipient_id
        marks, cleared = await asyncio.gather(
            self._markers.of_account(recipient_id), self._notifications.cleared(recipient_id)
        )
        mark = marks.get(MarkedTimeline.NOTIFICATIONS)
        seen_id = lowest_id_at(int(mailbox.last_seen_at.astimezone(UTC).timestamp() * 1000))
        above = max(held.told_up_to, seen_id, cleared, mark.last_read_id if mark else 0)
        slots = await self._notifications.older(recipient_id, MAX_ID, above, SCAN_ROWS)
        told = [slot.notification for slot in slots if slot.notification is not None]
        wanted = [each for each in told if each.kind in DIGESTED and each.kind not in preferences.not_mailed]
        gate = asyncio.Semaphore(AT_ONCE)
        authors = await asyncio.gather(*(self._author(each, gate) for each in wanted[:LOOKED_AT]))
        shown = [(each, author) for each, author in zip(wanted, authors, strict=False) if author is not None]
        return _by_kind(shown), slots[0].notification_id if slots else held.told_up_to

    async def _author(self, told: Notification, gate: asyncio.Semaphore) -> Author | None:
        """None where the recipient would not want to hear of it."""
        async with gate:
            author = await self._authors.author(told.recipient_id, told.account_id)
            if author is None or author.is_muted or not await self._sieve.lets_through(told, author):
                return None
            return author


def mail_id(held: Digest) -> int:
    """Of the recipient and the slot: the same digest has the same id."""
    body = held.recipient_id.to_bytes(8, "big") + held.slot.to_bytes(8, "big")
    return int.from_bytes(blake2b(body, digest_size=8, person=b"digest").digest(), "big") % MAX_ID or 1


def _by_kind(shown: Sequence[tuple[Notification, Author]]) -> list[Missed]:
    found = []
    for kind in DIGESTED:
        people = {told.account_id: _name(author.name) for told, author in shown if told.kind is kind}
        if people:
            found.append(Missed(kind, list(people.values())[:NAMED], len(people)))
    return found


def _name(text: str) -> str:
    """Names are their owners' words: one line of what can be printed."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:MAX_NAME_CHARS] or "?"
