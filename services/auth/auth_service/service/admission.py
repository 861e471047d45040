"""Who may sign up, as the operator has set it, and what a new account waits for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

from auth_service.account_models import AccountState, Applicant, MailKind, NewAccount, SignUpMode
from auth_service.errors import AccountNotFound, InvitationVoid, RegistrationsClosed
from auth_service.models import Credentials, SignUpForm
from auth_service.repository.accounts import AccountRepository
from auth_service.service.emails import Emails
from auth_service.service.mails import Mails
from auth_service.service.opaque import digest, new_secret
from rookery_common.clock import Clock
from rookery_common.crypto import FieldCipher, WrappedKey
from rookery_common.logs import get_logger

INVITATION_LIFETIME = timedelta(days=30)
MAX_INVITED = 1000
MAX_APPLICANTS = 100
log = get_logger()


class Admission:
    """Opens and closes the door; an invitation is as good as an approval."""

    def __init__(
        self,
        repository: AccountRepository,
        cipher: FieldCipher,
        clock: Clock,
        *,
        mode: SignUpMode,
        confirms_emails: bool,
    ) -> None:
        self._repository = repository
        self._cipher = cipher
        self._clock = clock
        self.mode = mode
        self.confirms_emails = confirms_emails

    @property
    def is_open(self) -> bool:
        """Whether anyone may sign up, be it by invitation."""
        return self.mode is not SignUpMode.CLOSED

    def check_open(self) -> None:
        """Raises RegistrationsClosed."""
        if not self.is_open:
            raise RegistrationsClosed("sign-up is closed")

    def needs_reason(self, form: SignUpForm) -> bool:
        """Whether a moderator will want to know why someone wants an account."""
        return self.mode is SignUpMode.APPROVAL and not form.invite_code

    async def check_invitation(self, form: SignUpForm) -> None:
        """Raises InvitationVoid: where an invitation is needed and missing, and wherever a wrong one is given."""
        if not form.invite_code:
            if self.mode is SignUpMode.INVITATION:
                raise InvitationVoid("sign-up is by invitation")
            return
        if not await self._repository.invitation_holds(digest(form.invite_code), self._clock.now()):
            raise InvitationVoid("the invitation was used already, or is too old")

    def new_account(self, credentials: Credentials, form: SignUpForm) -> NewAccount:
        """What is to be stored with the credentials."""
        approved = self.mode is not SignUpMode.APPROVAL or bool(form.invite_code)
        reason = None
        if not approved:
            context = _context(credentials.account_id)
            reason = self._cipher.encrypt(WrappedKey(credentials.data_key), form.reason, context)
        state = AccountState(not self.confirms_emails, approved, locale=form.locale, reason=reason)
        return NewAccount(state, invitation=digest(form.invite_code) if form.invite_code else None)

    async def invite(self, uses: int) -> str:
        """A code by which so many may sign up within thirty days; shown once."""
        code = new_secret()
        await self._repository.add_invitation(digest(code), uses, self._clock.now() + INVITATION_LIFETIME)
        return code

    def reason_of(self, applicant: Applicant) -> str:
        """Why they want an account, in their words."""
        if applicant.reason is None:
            return ""
        return self._cipher.decrypt(WrappedKey(applicant.data_key), applicant.reason, _context(applicant.account_id))

    async def applicants(self) -> AsyncIterator[Applicant]:
        """All who wait for approval, the oldest first."""
        after = 0
        while page := await self._repository.applicants(after, MAX_APPLICANTS):
            for applicant in page:
                yield applicant
            after = page[-1].account_id


class Approvals:
    """What operators decide on applicants; an approved one is told by mail."""

    def __init__(self, repository: AccountRepository, emails: Emails, mails: Mails, clock: Clock) -> None:
        self._repository = repository
        self._emails = emails
        self._mails = mails
        self._clock = clock

    async def decide(self, username: str, *, approved: bool) -> bool:
        """False if that was decided before. Raises AccountNotFound."""
        account = await self._repository.account_by_username(username.lower())
        if account is None:
            raise AccountNotFound(f"nobody has the username {username}")
        if not await self._repository.decide(account.account_id, approved=approved, now=self._clock.now()):
            return False
        log.info("auth.applicant_decided", account_id=account.account_id, approved=approved)
        if approved:
            address = self._emails.open(account.account_id, account.data_key, account.email)
            await self._mails.record(MailKind.APPROVED, account.account_id, address, account.state.locale)
        return True


def _context(account_id: int) -> str:
    return f"auth.account_security.reason:{account_id}"
