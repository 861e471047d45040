"""Signing in with a password: throttled, and telling nothing about which logins exist."""

from __future__ import annotations

from auth_service.account_models import Client, SecuredAccount
from auth_service.errors import (
    AccountPending,
    AccountRejected,
    AccountUnconfirmed,
    SecondFactorRequired,
    WrongCredentials,
)
from auth_service.metrics import SIGN_INS
from auth_service.models import MAX_PASSWORD_CHARS, Credentials
from auth_service.repository import AuthRepository
from auth_service.repository.accounts import AccountRepository
from auth_service.service.emails import Emails, parse_email
from auth_service.service.passwords import Passwords
from auth_service.service.throttle import Throttle


class SignIn:
    """Checks logins and passwords; whether more is asked for is another question."""

    def __init__(
        self,
        repository: AuthRepository,
        accounts: AccountRepository,
        passwords: Passwords,
        emails: Emails,
        throttle: Throttle,
    ) -> None:
        self._repository = repository
        self._accounts = accounts
        self._passwords = passwords
        self._emails = emails
        self._throttle = throttle

    async def check(self, login: str, password: str, client_address: str = "") -> Credentials:
        """Whose login and password it is, where these suffice.

        Raises WrongCredentials, TooManyTries, PasswordsBusy, what `check_state` raises, SecondFactorRequired.
        """
        credentials = await self.identify(login, password, Client(client_address))
        account = await self._accounts.account(credentials.account_id)
        if account is None:
            raise WrongCredentials("the login or the password is wrong")
        check_state(account)
        if account.factors:
            raise SecondFactorRequired("a second factor is needed")
        return credentials

    async def identify(self, login: str, password: str, client: Client) -> Credentials:
        """Whose login and password it is. Raises WrongCredentials, TooManyTries, PasswordsBusy."""
        credentials = await self._find(login)
        await self.check_password(credentials, login, password, client)
        if credentials is None:
            raise WrongCredentials("the login or the password is wrong")
        if self._passwords.is_outdated(credentials.password_hash):
            new = await self._passwords.hash(password)
            await self._repository.replace_password_hash(credentials.account_id, credentials.password_hash, new)
        return credentials

    async def check_password(self, credentials: Credentials | None, login: str, password: str, client: Client) -> None:
        """The same for credentials that were found in another way; tries are counted before they are made."""
        account_id = 0 if credentials is None else credentials.account_id
        # By account, so that name and e-mail address are not two chances.
        subject = f"account:{account_id}" if account_id else f"login:{login.strip().lower()}"
        keys = await self._throttle.admit(subject, account_id, client)
        stored = None if credentials is None else credentials.password_hash or None
        if len(password) > MAX_PASSWORD_CHARS or not await self._passwords.verify(password, stored):
            SIGN_INS.labels("wrong").inc()
            raise WrongCredentials("the login or the password is wrong")
        await self._throttle.forgive(keys)
        SIGN_INS.labels("ok").inc()

    async def _find(self, login: str) -> Credentials | None:
        """By one query, whatever it is."""
        if "@" not in login:
            return await self._repository.credentials_by_username(login.strip().lower())
        return await self._repository.credentials_by_email(self._emails.digest(parse_email(login) or login))


def check_state(account: SecuredAccount) -> None:
    """Raises AccountRejected, AccountUnconfirmed or AccountPending unless the account is active.

    Only whoever has proved that the account is theirs may be told.
    """
    state = account.state
    if state.rejected:
        raise AccountRejected("Your application for an account was not accepted")
    if not state.confirmed:
        raise AccountUnconfirmed("Your login is missing a confirmed e-mail address")
    if not state.approved:
        raise AccountPending("Your login is currently pending approval")
