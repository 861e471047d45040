"""Signing in with a password: throttled, and telling nothing about which logins exist."""

from __future__ import annotations

import ipaddress
from datetime import datetime

from auth_service.errors import TooManyTries, WrongCredentials
from auth_service.metrics import SIGN_INS
from auth_service.models import (
    MAX_LOGIN_TRIES,
    MAX_NETWORK_TRIES,
    MAX_PASSWORD_CHARS,
    TRIES_WINDOW,
    Credentials,
)
from auth_service.repository import AuthRepository
from auth_service.service.emails import Emails, parse_email
from auth_service.service.passwords import Passwords
from rookery_common.clock import Clock
from rookery_common.crypto import BlindIndex
from rookery_common.logs import get_logger

IPV6_NETWORK_BITS = 64
log = get_logger()


class SignIn:
    """Ten failures in five minutes close an account's sign-in, a hundred a network's, for what is left of them."""

    def __init__(
        self, repository: AuthRepository, passwords: Passwords, emails: Emails, index: BlindIndex, clock: Clock
    ) -> None:
        self._repository = repository
        self._passwords = passwords
        self._emails = emails
        self._index = index
        self._clock = clock

    async def check(self, login: str, password: str, client_address: str = "") -> Credentials:
        """Whose login and password it is. Raises WrongCredentials, TooManyTries, PasswordsBusy."""
        credentials = await self._find(login)
        await self.check_password(credentials, login, password, client_address)
        if credentials is None:
            raise WrongCredentials("the login or the password is wrong")
        if self._passwords.is_outdated(credentials.password_hash):
            new = await self._passwords.hash(password)
            await self._repository.replace_password_hash(credentials.account_id, credentials.password_hash, new)
        return credentials

    async def check_password(
        self, credentials: Credentials | None, login: str, password: str, client_address: str = ""
    ) -> None:
        """The same for credentials that were found in another way; tries are counted before they are made."""
        login_key = self._login_key(credentials, login)
        network_key = self._network_key(client_address)
        await self._admit(login_key, network_key)
        stored = None if credentials is None else credentials.password_hash
        if len(password) > MAX_PASSWORD_CHARS or not await self._passwords.verify(password, stored):
            SIGN_INS.labels("wrong").inc()
            raise WrongCredentials("the login or the password is wrong")
        await self._repository.forgive(login_key, network_key)
        SIGN_INS.labels("ok").inc()

    async def _find(self, login: str) -> Credentials | None:
        if "@" not in login:
            return await self._repository.credentials_by_username(login.strip().lower())
        address = parse_email(login)
        return None if address is None else await self._repository.credentials_by_email(self._emails.digest(address))

    async def _admit(self, login_key: bytes, network_key: bytes | None) -> None:
        limits = [(login_key, MAX_LOGIN_TRIES)]
        if network_key is not None:
            limits.append((network_key, MAX_NETWORK_TRIES))
        for key, limit in limits:
            tries = await self._repository.count_try(key, self._clock.now(), TRIES_WINDOW)
            if tries.count > limit:
                SIGN_INS.labels("throttled").inc()
                raise TooManyTries("too many tries to sign in; try later", retry_after=self._wait(tries.started_at))

    def _wait(self, started_at: datetime) -> float:
        return max(1.0, (started_at + TRIES_WINDOW - self._clock.now()).total_seconds())

    def _login_key(self, credentials: Credentials | None, login: str) -> bytes:
        """By account, so that name and e-mail address are not two chances."""
        if credentials is None:
            return self._index.digest(login.strip().lower(), "tries:login")
        return self._index.digest(str(credentials.account_id), "tries:account")

    def _network_key(self, client_address: str) -> bytes | None:
        """An IPv4 address, or the /64 that an IPv6 user has to himself."""
        if not client_address:
            return None
        try:
            address = ipaddress.ip_address(client_address)
        except ValueError:
            log.warning("auth.network_unreadable")
            return None
        if isinstance(address, ipaddress.IPv6Address):
            mapped = address.ipv4_mapped
            bits = ipaddress.ip_network((address, IPV6_NETWORK_BITS), strict=False)
            return self._index.digest(str(mapped or bits), "tries:network")
        return self._index.digest(str(address), "tries:network")
