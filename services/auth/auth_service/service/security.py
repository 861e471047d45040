"""What people do about their own account's security: passwords, e-mail addresses, links that were mailed."""

from __future__ import annotations

from auth_service.account_models import Challenge, Client, MailKind, Purpose, SecuredAccount
from auth_service.errors import EmailConfirmed, LinkExpired, MailNotConfigured, ValidationFailed
from auth_service.events import Events
from auth_service.repository.accounts import AccountRepository, EventOf
from auth_service.service.browsers import Browsers
from auth_service.service.challenges import Challenges
from auth_service.service.emails import Emails, parse_email
from auth_service.service.mails import Mails
from auth_service.service.notices import Notices
from auth_service.service.password_policy import PasswordPolicy
from auth_service.service.passwords import Passwords
from rookery_common.auth import Identity
from rookery_common.clients.postgres import UniqueViolated
from rookery_common.clock import Clock
from rookery_common.errors import FieldViolation
from rookery_common.logs import get_logger

log = get_logger()


class Security:
    """Changes that end sessions, and links that are asked for and followed. Asking never tells who has an account."""

    def __init__(
        self,
        repository: AccountRepository,
        browsers: Browsers,
        challenges: Challenges,
        passwords: Passwords,
        policy: PasswordPolicy,
        emails: Emails,
        mails: Mails,
        notices: Notices,
        events: Events,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._browsers = browsers
        self._challenges = challenges
        self._passwords = passwords
        self._policy = policy
        self._emails = emails
        self._mails = mails
        self._notices = notices
        self._events = events
        self._clock = clock

    def email_of(self, account: SecuredAccount) -> str:
        """The account's address, for its owner."""
        return self._emails.open(account.account_id, account.data_key, account.email)

    async def request_reset(self, email: str, client: Client) -> None:
        """A mail with a link goes to whoever has this address, if anyone has: that is found out when it is sent."""
        address = parse_email(email)
        if address is not None:
            await self._mails.record(MailKind.RESET_PASSWORD, 0, address, client.locale)

    async def reset_password(self, token: str, password: str) -> None:
        """By a mailed link; ends all sessions. Raises LinkExpired, ValidationFailed."""
        challenge = await self._found(token, Purpose.RESET_PASSWORD)
        account = await self._account(challenge)
        hashed = await self._hashed(account, password)
        now = self._clock.now()
        told = self._events.password_changed(account.account_id, now)
        if not await self._repository.reset_password(challenge, hashed, told, now, self._ended(account)):
            raise LinkExpired("this link was used already")
        log.info("auth.password_reset", account_id=account.account_id)
        await self._notices.send(account, MailKind.PASSWORD_CHANGED)

    async def change_password(self, caller: Identity, password: str) -> None:
        """Ends all sessions but the caller's. Raises ElevationRequired, ValidationFailed."""
        account = await self._browsers.elevated(caller)
        hashed = await self._hashed(account, password)
        now = self._clock.now()
        told = self._events.password_changed(account.account_id, now)
        await self._repository.change_password(
            account.account_id, hashed, told, now, self._ended(account), keep=caller.session_id
        )
        log.info("auth.password_changed", account_id=account.account_id)
        await self._notices.send(account, MailKind.PASSWORD_CHANGED)

    async def change_email(self, caller: Identity, email: str) -> None:
        """The new address holds once its link was followed; the old one is told. Raises ElevationRequired and more."""
        account = await self._browsers.elevated(caller)
        if not self._mails.is_sent:
            raise MailNotConfigured("this server sends no mails, so no address can be confirmed")
        address = _parsed(email)
        await self._notices.send(account, MailKind.EMAIL_CHANGING)
        await self._mails.record(MailKind.CONFIRM_EMAIL, account.account_id, address, account.state.locale)

    async def resend_confirmation(self, caller: Identity, email: str) -> None:
        """To the address of the sign-up, or another one instead. Raises EmailConfirmed, ValidationFailed."""
        account = await self._browsers.account_of(caller)
        if account.state.confirmed:
            raise EmailConfirmed("your e-mail address is confirmed already")
        address = _parsed(email) if email else self.email_of(account)
        sealed = self._emails.seal_again(account.account_id, account.data_key, address)
        if not await self._repository.set_unconfirmed_email(account.account_id, sealed):
            raise EmailConfirmed("your e-mail address is confirmed already")
        await self._mails.record(MailKind.CONFIRM_EMAIL, account.account_id, address, account.state.locale)

    async def confirm_email(self, token: str) -> SecuredAccount:
        """The account, whose address is the confirmed one now. Raises LinkExpired."""
        challenge = await self._found(token, Purpose.CONFIRM_EMAIL)
        account = await self._account(challenge)
        address = self._challenges.payload(challenge)["address"]
        sealed = self._emails.seal_again(account.account_id, account.data_key, address)
        try:
            confirmed = await self._repository.confirm_email(
                challenge, sealed, self._emails.digest(address), self._clock.now()
            )
        except UniqueViolated:
            confirmed = None  # Another account has confirmed it meanwhile.
        if confirmed is None:
            raise LinkExpired("this link was used already, or is too old")
        log.info("auth.email_confirmed", account_id=account.account_id)
        return confirmed

    async def tell_of_factors(self, account: SecuredAccount) -> None:
        """That the account's second factors were changed."""
        await self._notices.send(account, MailKind.FACTORS_CHANGED)

    async def _hashed(self, account: SecuredAccount, password: str) -> str:
        violations = self._policy.violations(password, account.username, self.email_of(account))
        if violations:
            raise ValidationFailed(*violations)
        return await self._passwords.hash(password)

    async def _found(self, token: str, purpose: Purpose) -> Challenge:
        challenge = await self._challenges.find(token, purpose)
        if challenge is None:
            raise LinkExpired("this link was used already, or is too old")
        return challenge

    async def _account(self, challenge: Challenge) -> SecuredAccount:
        account = await self._repository.account(challenge.account_id)
        if account is None:
            raise LinkExpired("there is no such account any more")
        return account

    def _ended(self, account: SecuredAccount) -> EventOf:
        now = self._clock.now()
        return lambda session_id: self._events.session_ended(account.account_id, session_id, now)


def _parsed(email: str) -> str:
    address = parse_email(email)
    if address is None:
        raise ValidationFailed(FieldViolation("email", "ERR_INVALID", "is not a valid e-mail address"))
    return address
