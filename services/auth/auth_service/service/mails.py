"""Mails that are to be sent: recorded here, written and sent by the mailer."""

from __future__ import annotations

import secrets

from auth_service.account_models import Mail, MailKind
from auth_service.repository.accounts import AccountRepository
from rookery_common.clock import Clock
from rookery_common.crypto import FieldCipher, WrappedKey

ID_BITS = 62


class Mails:
    """Records mails; who asks for one learns nothing of what becomes of it. Where none are sent, none are recorded."""

    def __init__(self, repository: AccountRepository, cipher: FieldCipher, clock: Clock, *, is_sent: bool) -> None:
        self._repository = repository
        self._cipher = cipher
        self._clock = clock
        self.is_sent = is_sent

    def new(self, kind: MailKind, account_id: int, address: str, locale: str) -> Mail:
        """One that is not recorded yet; `account_id` is 0 where only the address is known."""
        mail_id, key = secrets.randbits(ID_BITS), self._cipher.new_data_key()
        sealed = self._cipher.encrypt(key, address, _context(mail_id))
        return Mail(mail_id, kind, account_id, key, sealed, locale, self._clock.now())

    async def record(self, kind: MailKind, account_id: int, address: str, locale: str) -> None:
        """It will be sent within seconds, and again for a day while the mail server is away."""
        if self.is_sent:
            await self._repository.add_mail(self.new(kind, account_id, address, locale))

    def address_of(self, mail: Mail) -> str:
        """Where it goes."""
        return self._cipher.decrypt(WrappedKey(mail.data_key), mail.address, _context(mail.mail_id))


def _context(mail_id: int) -> str:
    return f"auth.mails.address:{mail_id}"
