"""Mails that another service has written: taken over, sealed, and sent in a lane of their own."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from email.message import EmailMessage
from typing import Final
from urllib.parse import urlsplit

from auth_service.account_models import SecuredAccount
from auth_service.errors import MailboxNotFound, MailUnconfirmed, ValidationFailed
from auth_service.metrics import MAILS
from auth_service.repository.accounts import AccountRepository
from auth_service.repository.written import WrittenMailRepository
from auth_service.service.emails import Emails
from auth_service.service.letters import Letterhead
from auth_service.service.mailer import BATCH, GIVE_UP_AFTER, INTERVAL_SECONDS, LEASE, RETRIES, Sender
from auth_service.written_models import (
    MAX_BODY_CHARS,
    MAX_SUBJECT_CHARS,
    MAX_URL_CHARS,
    Letter,
    Mailbox,
    WrittenMail,
)
from rookery_common.clock import Clock
from rookery_common.crypto import FieldCipher, WrappedKey
from rookery_common.errors import AppError, FieldViolation
from rookery_common.ids import MAX_ID
from rookery_common.logs import get_logger
from rookery_common.rounds import Rounds

KIND: Final = "written"
# Whoever hands a mail over again does so within minutes.
KEPT: Final = timedelta(days=7)
log = get_logger()


class PostOffice:
    """Knows who gets mails, and takes mails over. Where none are sent, nobody gets any."""

    def __init__(
        self,
        written: WrittenMailRepository,
        accounts: AccountRepository,
        cipher: FieldCipher,
        clock: Clock,
        *,
        is_sent: bool,
    ) -> None:
        self._written = written
        self._accounts = accounts
        self._cipher = cipher
        self._clock = clock
        self.is_sent = is_sent

    async def mailbox(self, account_id: int) -> Mailbox | None:
        """None of an account that gets no mails."""
        account = await self._account(account_id)
        if account is None:
            return None
        last_seen_at = await self._written.last_seen(account_id) or self._clock.now()
        return Mailbox(account.username, account.state.locale, last_seen_at)

    async def accept(self, mail_id: int, account_id: int, letter: Letter) -> None:
        """It is sent at most once, whatever happens, and not after a day. Raises ValidationFailed, MailboxNotFound."""
        _check(mail_id, letter)
        if await self._account(account_id) is None:
            raise MailboxNotFound("this account gets no mails")
        key = self._cipher.new_data_key()
        content = self._cipher.encrypt(key, json.dumps(asdict(letter)), _context(mail_id))
        await self._written.add(WrittenMail(mail_id, account_id, key, content, self._clock.now()))

    async def _account(self, account_id: int) -> SecuredAccount | None:
        account = await self._accounts.account(account_id) if self.is_sent else None
        return account if account is not None and account.state.is_active else None


class Postman(Rounds):
    """Hands over to the mail server what is due; replicas share the work.

    Marked before it is handed over, and never again after that mark but where the server has said no: rather none than
    two.
    """

    def __init__(
        self,
        written: WrittenMailRepository,
        accounts: AccountRepository,
        emails: Emails,
        cipher: FieldCipher,
        transport: Sender,
        letterhead: Letterhead,
        clock: Clock,
    ) -> None:
        super().__init__("auth.postman", clock, every=INTERVAL_SECONDS)
        self._written = written
        self._accounts = accounts
        self._emails = emails
        self._cipher = cipher
        self._transport = transport
        self._letterhead = letterhead

    async def round(self) -> bool:
        """Whether there may be more that is due."""
        return await self.send_due() == BATCH

    async def send_due(self) -> int:
        """Sends it, and forgets what is long done; how many it has tried. Raises Unavailable."""
        now = self._clock.now()
        claimed = await self._written.claim(now, now + LEASE, BATCH)
        for mail in claimed:
            MAILS.labels(KIND, await self._settle(mail)).inc()
        if not claimed:
            await self._written.purge(now - KEPT)
        return len(claimed)

    async def _settle(self, mail: WrittenMail) -> str:
        """What became of it."""
        account = await self._accounts.account(mail.account_id)
        is_late = self._clock.now() - mail.created_at > GIVE_UP_AFTER
        if account is None or not account.state.is_active or is_late:
            outcome = "dropped"
        elif mail.handed_over or not await self._written.hand_over(mail.mail_id):
            outcome = "unknown"
        else:
            try:
                await self._transport.send(self._message(mail, account))
                outcome = "sent"
            except MailUnconfirmed:
                outcome = "unknown"
            except AppError as error:
                log.warning("auth.mail_failed", mail_id=mail.mail_id, kind=KIND, tries=mail.tries, reason=error.reason)
                await self._written.delay(mail.mail_id, self._clock.now() + RETRIES[min(mail.tries, len(RETRIES)) - 1])
                return "failed"
        await self._written.settle(mail.mail_id)
        return outcome

    def _message(self, mail: WrittenMail, account: SecuredAccount) -> EmailMessage:
        letter = Letter(
            **json.loads(self._cipher.decrypt(WrappedKey(mail.data_key), mail.content, _context(mail.mail_id)))
        )
        address = self._emails.open(account.account_id, account.data_key, account.email)
        message = self._letterhead.mail(mail.mail_id, address, letter.subject, letter.text, self._clock.now())
        message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
        message["List-Unsubscribe"] = f"<{letter.unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return message


def _check(mail_id: int, letter: Letter) -> None:
    if not 0 < mail_id <= MAX_ID:
        raise _wrong("mail_id", "must be an id")
    if not 0 < len(letter.subject) <= MAX_SUBJECT_CHARS or not letter.subject.isprintable():
        raise _wrong("subject", f"must be one line of at most {MAX_SUBJECT_CHARS} characters")
    for field, body in (("text", letter.text), ("html", letter.html)):
        if not 0 < len(body) <= MAX_BODY_CHARS:
            raise _wrong(field, f"must be 1 to {MAX_BODY_CHARS} characters")
    url = letter.unsubscribe_url
    is_whole = urlsplit(url).scheme in ("http", "https") and url.isascii() and url.isprintable() and " " not in url
    if not is_whole or len(url) > MAX_URL_CHARS:
        raise _wrong("unsubscribe_url", "must be an address of the web")


def _wrong(field: str, problem: str) -> ValidationFailed:
    return ValidationFailed(FieldViolation(field, "ERR_INVALID", problem))


def _context(mail_id: int) -> str:
    return f"auth.written_mails.content:{mail_id}"
