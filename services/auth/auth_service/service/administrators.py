"""An administrator's account, made by an operator: there from the first minute, however people sign up."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from auth_service.account_models import AccountState, NewAccount, web_app
from auth_service.clients import UserClient
from auth_service.errors import ValidationFailed
from auth_service.events import Events
from auth_service.models import Credentials, SignUpForm
from auth_service.repository import AuthRepository
from auth_service.repository.accounts import AccountRepository
from auth_service.service.emails import Emails
from auth_service.service.opaque import new_secret
from auth_service.service.password_policy import PasswordPolicy
from auth_service.service.passwords import Passwords
from auth_service.service.sign_up_form import TAKEN, checked_email
from rookery_common.clients.postgres import UniqueViolated
from rookery_common.clock import Clock
from rookery_common.errors import AlreadyExists, AppError, FieldViolation, InvalidArgument
from rookery_common.logs import get_logger

ROLE = "admin"
log = get_logger()


@dataclass(frozen=True, slots=True)
class NewAdministrator:
    """The account with the password that it begins with, shown once."""

    credentials: Credentials
    password: str = field(repr=False)


class Administrators:
    """The saga of signing up, without what guards it from strangers: the operator vouches for name and address."""

    def __init__(
        self,
        repository: AuthRepository,
        accounts: AccountRepository,
        users: UserClient,
        passwords: Passwords,
        policy: PasswordPolicy,
        emails: Emails,
        events: Events,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._accounts = accounts
        self._users = users
        self._passwords = passwords
        self._policy = policy
        self._emails = emails
        self._events = events
        self._clock = clock

    async def create(self, username: str, email: str) -> NewAdministrator:
        """Repeated after a failure it goes on where it was. Raises ValidationFailed naming what is wrong or taken."""
        # By name: a second try finds the reservation of the first.
        reservation_id = hashlib.sha256(f"administrator:{username.lower()}".encode()).hexdigest()
        password = new_secret()
        form = SignUpForm(reservation_id, username, email, password, agreement=True)
        address = checked_email(form, self._policy)
        if await self._repository.credentials_by_username(username.lower()) is not None:
            raise ValidationFailed(FieldViolation("username", *TAKEN))
        if await self._repository.credentials_by_email(self._emails.digest(address)) is not None:
            raise ValidationFailed(FieldViolation("email", *TAKEN))
        account_id = await self._reserve(reservation_id, username)
        credentials = await self._stored(account_id, reservation_id, form, address)
        log.info("auth.administrator_created", account_id=account_id)
        await self._confirm(credentials)
        return NewAdministrator(credentials, password)

    async def _reserve(self, reservation_id: str, username: str) -> int:
        try:
            return (await self._users.reserve(reservation_id, username)).account_id
        except AlreadyExists:
            raise ValidationFailed(FieldViolation("username", *TAKEN)) from None
        except InvalidArgument as error:
            raise ValidationFailed(*error.fields) from error

    async def _stored(self, account_id: int, reservation_id: str, form: SignUpForm, address: str) -> Credentials:
        now = self._clock.now()
        data_key, sealed = self._emails.seal(account_id, address)
        credentials = Credentials(
            account_id=account_id,
            username=form.username.lower(),
            password_hash=await self._passwords.hash(form.password),
            data_key=data_key,
            email=sealed,
            email_digest=self._emails.digest(address),
            reservation_id=reservation_id,
            app_id=web_app(now).app_id,
            created_at=now,
            roles=(ROLE,),
        )
        await self._accounts.ensure_web_app(now)
        event = self._events.credentials_created(credentials)
        try:
            await self._accounts.add_account(credentials, None, event, NewAccount(AccountState()))
        except UniqueViolated as violation:
            field = "email" if violation.constraint == "credentials_email_key" else "username"
            raise ValidationFailed(FieldViolation(field, *TAKEN)) from violation
        return credentials

    async def _confirm(self, credentials: Credentials) -> None:
        try:
            await self._users.confirm(credentials.account_id, credentials.reservation_id)
        except AppError as error:
            # The event that was recorded with the credentials confirms it.
            log.warning("auth.confirmation_left_to_event", account_id=credentials.account_id, reason=error.reason)
