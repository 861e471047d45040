"""Signing up, a saga: user reserves name and id, auth writes credentials, user confirms.

Each step may be repeated, and what a crash leaves is completed: a reservation without credentials expires; credentials
without a confirmed account are confirmed by the event that was recorded with them, or by the next try.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta

from auth_service.account_models import (
    UNCONFIRMED_SCOPE,
    WEB_APP_ID,
    AccountState,
    Client,
    MailKind,
    NewAccount,
    web_app,
)
from auth_service.clients import UserClient
from auth_service.errors import AppTokenRequired, ProviderLinked, ValidationFailed, WrongCredentials
from auth_service.events import Events
from auth_service.metrics import SIGN_UPS, TOKENS
from auth_service.models import SIGN_UP_REPEATABLE, App, Credentials, IssuedToken, Reservation, Session, SignUpForm
from auth_service.repository import AuthRepository
from auth_service.repository.accounts import AccountRepository
from auth_service.repository.links import LINK_CONSTRAINT, LinkRepository
from auth_service.service.admission import Admission
from auth_service.service.apps import Apps
from auth_service.service.emails import Emails
from auth_service.service.identities import Identities
from auth_service.service.mails import Mails
from auth_service.service.password_policy import PasswordPolicy
from auth_service.service.passwords import Passwords
from auth_service.service.sessions import Sessions
from auth_service.service.sign_in import SignIn
from auth_service.service.sign_up_form import TAKEN, checked_email
from rookery_common.auth import Identity
from rookery_common.clients.postgres import UniqueViolated
from rookery_common.clock import Clock
from rookery_common.errors import AlreadyExists, AppError, FieldViolation, InvalidArgument, NotFound, Unavailable
from rookery_common.logs import get_logger

# What is left of a reservation must suffice for the credentials and the confirmation.
RESERVATION_MARGIN = timedelta(seconds=30)
log = get_logger()


class ReservationTooOld(Unavailable):
    """An earlier try's reservation is about to expire; after that the same request gets a new one."""

    reason = "RESERVATION_TOO_OLD"


@dataclass(frozen=True, slots=True)
class SignedUp:
    """The account as it is now, and its first session, unless it is a browser's: that one signs in."""

    state: AccountState
    issued: IssuedToken | None


class SignUp:
    """Makes one account per request, however often the request comes."""

    def __init__(
        self,
        repository: AuthRepository,
        accounts: AccountRepository,
        links: LinkRepository,
        admission: Admission,
        users: UserClient,
        apps: Apps,
        sessions: Sessions,
        sign_in: SignIn,
        passwords: Passwords,
        policy: PasswordPolicy,
        emails: Emails,
        identities: Identities,
        mails: Mails,
        events: Events,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._accounts = accounts
        self._links = links
        self._admission = admission
        self._users = users
        self._apps = apps
        self._sessions = sessions
        self._sign_in = sign_in
        self._passwords = passwords
        self._policy = policy
        self._emails = emails
        self._identities = identities
        self._mails = mails
        self._events = events
        self._clock = clock

    async def sign_up(self, caller: Identity, form: SignUpForm) -> IssuedToken:
        """The new account's first token, of little use until the account is confirmed and approved where it must be.

        Raises RegistrationsClosed, InvitationVoid, and ValidationFailed naming each field that is wrong.
        """
        self._admission.check_open()
        if caller.account_id:
            raise AppTokenRequired("this method needs a token of the app itself")
        email = self._checked(form)
        signed_up = await self._account(await self._apps.get(caller.app_id), form, email)
        assert signed_up.issued is not None, "an app's sign-up begins a session"  # noqa: S101
        return signed_up.issued

    async def sign_up_at_browser(self, form: SignUpForm) -> AccountState:
        """The same for somebody at the pages of this platform: what the account waits for before it can sign in."""
        self._admission.check_open()
        email, now = self._checked(form), self._clock.now()
        await self._accounts.ensure_web_app(now)
        return (await self._account(web_app(now), form, email)).state

    def _checked(self, form: SignUpForm) -> str:
        return checked_email(form, self._policy, reason_needed=self._admission.needs_reason(form))

    async def _account(self, app: App, form: SignUpForm, email: str) -> SignedUp:
        reservation_id = _reservation_id(app, form.request_id)
        known = await self._repository.credentials_by_reservation(reservation_id)
        if known is not None:
            return await self._repeat(known, app, form, email)
        try:
            return await self._admitted(reservation_id, app, form, email)
        except AppError:
            # What is taken may be so by this very request, which has come twice at once.
            known = await self._repository.credentials_by_reservation(reservation_id)
            if known is None:
                raise
            return await self._repeat(known, app, form, email)

    async def _admitted(self, reservation_id: str, app: App, form: SignUpForm, email: str) -> SignedUp:
        await self._admission.check_invitation(form)
        if not self._admission.confirms_emails and await self._is_taken(email):
            SIGN_UPS.labels("email_taken").inc()
            raise ValidationFailed(FieldViolation("email", *TAKEN))
        reservation = await self._reserve(reservation_id, form.username)
        return await self._create(reservation, reservation_id, app, form, email)

    async def _is_taken(self, email: str) -> bool:
        return await self._repository.credentials_by_email(self._emails.digest(email)) is not None

    async def _reserve(self, reservation_id: str, username: str) -> Reservation:
        try:
            reservation = await self._users.reserve(reservation_id, username)
        except AlreadyExists:
            SIGN_UPS.labels("username_taken").inc()
            raise ValidationFailed(FieldViolation("username", *TAKEN)) from None
        except InvalidArgument as error:
            raise ValidationFailed(*error.fields) from error
        if reservation.expires_at - self._clock.now() < RESERVATION_MARGIN:
            raise ReservationTooOld("try again in half a minute", retry_after=RESERVATION_MARGIN.total_seconds())
        return reservation

    async def _create(
        self, reservation: Reservation, reservation_id: str, app: App, form: SignUpForm, email: str
    ) -> SignedUp:
        account_id = reservation.account_id
        data_key, sealed = self._emails.seal(account_id, email)
        credentials = Credentials(
            account_id=account_id,
            username=form.username.lower(),
            password_hash="" if form.identity else await self._passwords.hash(form.password),
            data_key=data_key,
            email=sealed,
            email_digest=self._digest_of(account_id, email),
            reservation_id=reservation_id,
            app_id=app.app_id,
            created_at=self._clock.now(),
        )
        new = self._admission.new_account(credentials, form)
        if form.identity is not None:
            new = replace(new, link=self._identities.seal(form.identity, account_id, data_key, credentials.created_at))
        if not new.state.confirmed:
            new = replace(new, mail=self._mails.new(MailKind.CONFIRM_EMAIL, account_id, email, new.state.locale))
        issued = None if app.app_id == WEB_APP_ID else self._sessions.new(app, account_id, app.scopes)
        session = None if issued is None else _restrained(issued.session, new)
        try:
            await self._accounts.add_account(credentials, session, self._events.credentials_created(credentials), new)
        except UniqueViolated as violation:
            return await self._lost_race(violation, reservation_id, app, form, email)
        SIGN_UPS.labels("ok").inc()
        TOKENS.labels("sign_up").inc()
        log.info("auth.signed_up", account_id=account_id, app_id=app.app_id)
        await self._confirm(credentials)
        return SignedUp(new.state, issued)

    def _digest_of(self, account_id: int, email: str) -> bytes:
        """Unconfirmed, an address is nobody's yet: asking for one that is taken looks like any other sign-up."""
        if self._admission.confirms_emails:
            return self._emails.unconfirmed_digest(account_id)
        return self._emails.digest(email)

    async def _confirm(self, credentials: Credentials) -> None:
        try:
            await self._users.confirm(credentials.account_id, credentials.reservation_id)
        except AppError as error:
            # The account is the user's from now on: the event that was recorded with the credentials confirms it.
            log.warning("auth.confirmation_left_to_event", account_id=credentials.account_id, reason=error.reason)

    async def _lost_race(
        self, violation: UniqueViolated, reservation_id: str, app: App, form: SignUpForm, email: str
    ) -> SignedUp:
        """Someone was faster: the same request, sent twice, or another one with the same name or address."""
        known = await self._repository.credentials_by_reservation(reservation_id)
        if known is not None:
            return await self._repeat(known, app, form, email)
        if violation.constraint == LINK_CONSTRAINT:
            raise ProviderLinked("somebody has signed up by this account already") from violation
        field = "email" if violation.constraint == "credentials_email_key" else "username"
        SIGN_UPS.labels(f"{field}_taken").inc()
        raise ValidationFailed(FieldViolation(field, *TAKEN)) from violation

    async def _repeat(self, known: Credentials, app: App, form: SignUpForm, email: str) -> SignedUp:
        """A fresh token for who sends the same again, for a day; with another password it is someone else."""
        known_email = self._emails.open(known.account_id, known.data_key, known.email)
        if (known.username, known_email) != (form.username.lower(), email):
            raise ValidationFailed(FieldViolation("request_id", "ERR_TAKEN", "was used for another sign-up"))
        taken = ValidationFailed(FieldViolation("username", *TAKEN), FieldViolation("email", *TAKEN))
        if self._clock.now() - known.created_at > SIGN_UP_REPEATABLE:
            raise taken
        if not await self._is_owner(known, form):
            SIGN_UPS.labels("repeated_wrongly").inc()
            raise taken
        await self._complete(known, form.username)
        SIGN_UPS.labels("repeated").inc()
        account = await self._accounts.account(known.account_id)
        if account is None:
            raise taken
        if app.app_id == WEB_APP_ID:
            return SignedUp(account.state, None)
        scopes = app.scopes if account.state.is_active else (UNCONFIRMED_SCOPE,)
        issued = await self._sessions.open(app, known.account_id, scopes, grant="sign_up")
        return SignedUp(account.state, replace(issued, session=replace(issued.session, scopes=app.scopes)))

    async def _is_owner(self, known: Credentials, form: SignUpForm) -> bool:
        if form.identity is not None:
            return await self._links.owner(self._identities.digest(form.identity)) == known.account_id
        try:
            await self._sign_in.check_password(known, form.username, form.password, Client())
        except WrongCredentials:
            return False
        return True

    async def _complete(self, known: Credentials, username: str) -> None:
        """Confirms what the first try perhaps could not; a reservation that has expired meanwhile is taken again."""
        try:
            await self._users.confirm(known.account_id, known.reservation_id)
        except NotFound:
            await self._users.reserve(known.reservation_id, username)
            await self._users.confirm(known.account_id, known.reservation_id)


def _restrained(session: Session, new: NewAccount) -> Session:
    """As it is stored: of no use before the account is active, when it gets its app's scopes."""
    return session if new.state.is_active else replace(session, scopes=(UNCONFIRMED_SCOPE,))


def _reservation_id(app: App, request_id: str) -> str:
    """The request's name for this app alone: no app can repeat another's sign-up."""
    return hashlib.sha256(f"{app.app_id}:{request_id}".encode("utf-8", "surrogatepass")).hexdigest()
