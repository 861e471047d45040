"""Mails by which owners learn what was done with their accounts."""

from __future__ import annotations

from auth_service.account_models import MailKind, SecuredAccount
from auth_service.service.emails import Emails
from auth_service.service.mails import Mails


class Notices:
    """Recorded at once, sent by the mailer; none where no mails are sent."""

    def __init__(self, mails: Mails, emails: Emails) -> None:
        self._mails = mails
        self._emails = emails

    async def send(self, account: SecuredAccount, kind: MailKind) -> None:
        """To the account's own address, in its language."""
        address = self._emails.open(account.account_id, account.data_key, account.email)
        await self._mails.record(kind, account.account_id, address, account.state.locale)
