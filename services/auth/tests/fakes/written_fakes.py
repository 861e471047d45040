"""Mails that another service has written, in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from auth_fakes import FakeAccountRepository

from auth_service.repository.written import WrittenMailRepository
from auth_service.written_models import WrittenMail


class FakeWritten(WrittenMailRepository):
    def __init__(self, base: Any, accounts: FakeAccountRepository) -> None:
        self._base, self._accounts = base, accounts
        self._mails: dict[int, tuple[WrittenMail, datetime | None]] = {}

    async def add(self, mail: WrittenMail) -> None:
        self._mails.setdefault(mail.mail_id, (mail, mail.created_at))

    async def claim(self, now: datetime, again_at: datetime, limit: int) -> list[WrittenMail]:
        due = [mail for mail, at in self._mails.values() if at is not None and at <= now][:limit]
        for mail in due:
            self._mails[mail.mail_id] = (replace(mail, tries=mail.tries + 1), again_at)
        return [self._mails[mail.mail_id][0] for mail in due]

    async def hand_over(self, mail_id: int) -> bool:
        mail, at = self._mails[mail_id]
        self._mails[mail_id] = (replace(mail, handed_over=True), at)
        return not mail.handed_over

    async def delay(self, mail_id: int, until: datetime) -> None:
        self._mails[mail_id] = (replace(self._mails[mail_id][0], handed_over=False), until)

    async def settle(self, mail_id: int) -> None:
        self._mails[mail_id] = (replace(self._mails[mail_id][0], content=b""), None)

    async def purge(self, before: datetime) -> int:
        old = [mail.mail_id for mail, at in self._mails.values() if at is None and mail.created_at < before]
        for mail_id in old:
            del self._mails[mail_id]
        return len(old)

    async def last_seen(self, account_id: int) -> datetime | None:
        own = [session for session in self._base.sessions.values() if session.account_id == account_id]
        uses = [self._accounts.uses.get(each.session_id, (b"", each.created_at))[1] for each in own]
        return max(uses, default=None)
