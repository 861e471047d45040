"""Mails that another service has written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

MAX_SUBJECT_CHARS: Final = 200
MAX_BODY_CHARS: Final = 100_000
MAX_URL_CHARS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says, in both forms, and where one POST ends such mails."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    unsubscribe_url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WrittenMail:
    """A letter, sealed, on its way to an account; `handed_over` where the mail server may have it already."""

    mail_id: int
    account_id: int
    data_key: bytes = field(repr=False)
    content: bytes = field(repr=False)
    created_at: datetime
    tries: int = 0
    handed_over: bool = False


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What is to be known to write to somebody."""

    username: str
    locale: str
    last_seen_at: datetime
