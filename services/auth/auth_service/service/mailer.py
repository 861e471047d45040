"""Writes and sends the mails that were recorded, with the links that they carry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from email.message import EmailMessage
from importlib.resources import files
from string import Template
from typing import Protocol

from auth_service.account_models import Mail, MailKind, Purpose, SecuredAccount
from auth_service.metrics import MAILS
from auth_service.repository.accounts import AccountRepository
from auth_service.service.challenges import Challenges
from auth_service.service.emails import Emails
from auth_service.service.letters import Letterhead
from auth_service.service.mails import Mails
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.logs import get_logger
from rookery_common.rounds import Rounds

INTERVAL_SECONDS = 1.0
BATCH = 20
# Longer than a whole batch takes: nobody else sends what is being sent.
LEASE = timedelta(minutes=10)
RETRIES = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))
GIVE_UP_AFTER = timedelta(days=1)
LANGUAGES = ("en", "de")
_LINKS: Mapping[MailKind, str] = {
    MailKind.CONFIRM_EMAIL: "/auth/confirm?token={token}",
    MailKind.RESET_PASSWORD: "/auth/password?token={token}",
    MailKind.EMAIL_IN_USE: "/auth/reset",
    MailKind.PASSWORD_CHANGED: "/auth/reset",
    MailKind.NEW_SIGN_IN: "/auth/security",
    MailKind.EMAIL_CHANGING: "/auth/security",
    MailKind.FACTORS_CHANGED: "/auth/security",
    MailKind.APPROVED: "/auth/sign_in",
    MailKind.ACCOUNT_DELETED: "/",
}
log = get_logger()


class Sender(Protocol):
    """Takes a mail that is ready, or raises AppError."""

    async def send(self, message: EmailMessage) -> None: ...


class Mailer(Rounds):
    """Sends what is due, twice a second; replicas share the work. A mail may come twice."""

    def __init__(
        self,
        repository: AccountRepository,
        mails: Mails,
        challenges: Challenges,
        emails: Emails,
        transport: Sender,
        clock: Clock,
        *,
        letterhead: Letterhead,
        title: str,
        public_url: str,
    ) -> None:
        super().__init__("auth.mailer", clock, every=INTERVAL_SECONDS)
        self._repository = repository
        self._mails = mails
        self._challenges = challenges
        self._emails = emails
        self._transport = transport
        self._title = title
        self._letterhead = letterhead
        self._public_url = public_url

    async def round(self) -> bool:
        """Whether there may be more that is due."""
        return await self.send_due() == BATCH

    async def send_due(self) -> int:
        """How many it has tried. Raises Unavailable."""
        now = self._clock.now()
        claimed = await self._repository.claim_mails(now, now + LEASE, BATCH)
        for mail in claimed:
            await self._settle(mail)
        return len(claimed)

    async def _settle(self, mail: Mail) -> None:
        try:
            sent = await self._send(mail)
        except AppError as error:
            MAILS.labels(mail.kind, "failed").inc()
            log.warning("auth.mail_failed", mail_id=mail.mail_id, kind=mail.kind, tries=mail.tries, reason=error.reason)
            await self._later(mail)
        else:
            MAILS.labels(mail.kind, "sent" if sent else "dropped").inc()
            await self._repository.drop_mail(mail.mail_id)

    async def _later(self, mail: Mail) -> None:
        now = self._clock.now()
        if now - mail.created_at > GIVE_UP_AFTER:
            log.error("auth.mail_given_up", mail_id=mail.mail_id, kind=mail.kind)
            await self._repository.drop_mail(mail.mail_id)
        else:
            await self._repository.delay_mail(mail.mail_id, now + RETRIES[min(mail.tries, len(RETRIES)) - 1])

    async def _send(self, mail: Mail) -> bool:
        """False where there is nobody to send it to."""
        address = self._mails.address_of(mail)
        if mail.kind is MailKind.ACCOUNT_DELETED:  # Whose it was is known no more.
            link = self._public_url + _LINKS[mail.kind]
            await self._transport.send(self._written(mail.mail_id, mail.kind, mail.locale, address, "", link))
            return True
        account = await self._account(mail, address)
        if account is None:
            return False
        kind, token = mail.kind, ""
        if kind is MailKind.RESET_PASSWORD:
            token = await self._challenges.issue(Purpose.RESET_PASSWORD, account.account_id, {}, only=True)
        elif kind is MailKind.CONFIRM_EMAIL:
            owner = await self._repository.account_by_email(self._emails.digest(address))
            if owner is not None and owner.account_id != account.account_id:
                # To whoever asked it looks the same as if nobody had this address.
                account, kind = owner, MailKind.EMAIL_IN_USE
            else:
                payload = {"address": address}
                token = await self._challenges.issue(Purpose.CONFIRM_EMAIL, account.account_id, payload, only=True)
        link = self._public_url + _LINKS[kind].format(token=token)
        locale = mail.locale or account.state.locale
        await self._transport.send(self._written(mail.mail_id, kind, locale, address, account.username, link))
        return True

    async def _account(self, mail: Mail, address: str) -> SecuredAccount | None:
        if mail.account_id:
            return await self._repository.account(mail.account_id)
        return await self._repository.account_by_email(self._emails.digest(address))

    def _written(
        self, mail_id: int, kind: MailKind, locale: str, address: str, username: str, link: str
    ) -> EmailMessage:
        values = {"title": self._title, "username": username, "link": link}
        subject, _, text = template(kind, locale).substitute(values).partition("\n")
        return self._letterhead.mail(mail_id, address, subject, text, self._clock.now())


def template(kind: MailKind, locale: str) -> Template:
    """The kind's text in the language of the locale, or in English; its first line is the subject."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    folder = language if language in LANGUAGES else LANGUAGES[0]
    return Template((files("auth_service") / "mail_texts" / folder / f"{kind}.txt").read_text("utf-8"))
