"""Mails of what somebody has missed: how often, of what, and where that stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

from notification_service.models import Kind

# What is worth a mail, in the order in which it is told.
DIGESTED: Final = (
    Kind.MENTION,
    Kind.MESSAGE,
    Kind.QUOTE,
    Kind.FOLLOW_REQUEST,
    Kind.FOLLOW,
    Kind.FAVOURITE,
    Kind.REBLOG,
)


class Frequency(IntEnum):
    """How often; the numbers are stored, and those of the contract."""

    OFF = 1
    DAILY = 2
    WEEKLY = 3


# In hours, which are slots.
EVERY: Final[Mapping[Frequency, int]] = {Frequency.DAILY: 24, Frequency.WEEKLY: 168}


@dataclass(frozen=True, slots=True)
class Digest:
    """A recipient's: it is due in `slot`; all up to `told_up_to` was told by an earlier one."""

    recipient_id: int
    frequency: Frequency
    slot: int
    told_up_to: int = 0


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What is to be known to write to somebody."""

    username: str
    locale: str
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Missed:
    """By whom something of a kind was done: the newest names first, and how many they are."""

    kind: Kind
    names: Sequence[str]
    people: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail in both forms."""

    subject: str
    text: str
    html: str
    unsubscribe_url: str
