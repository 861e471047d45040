"""Counting tries to guess: before they are made, per account, per device that is known, and per network."""

from __future__ import annotations

import ipaddress
from datetime import datetime

from auth_service.account_models import (
    MAX_DEVICE_TRIES,
    MAX_LOGIN_TRIES,
    MAX_NETWORK_TRIES,
    TRIES_WINDOW,
    Client,
)
from auth_service.errors import TooManyTries
from auth_service.metrics import SIGN_INS
from auth_service.repository import AuthRepository
from auth_service.repository.accounts import AccountRepository
from auth_service.service.devices import Devices
from rookery_common.clock import Clock
from rookery_common.crypto import BlindIndex
from rookery_common.logs import get_logger

IPV6_NETWORK_BITS = 64
log = get_logger()


class Throttle:
    """Five failures in a quarter of an hour close an account to whom it does not know.

    A device that its owner has signed in with has ten of its own: nobody can lock the owner out of that. A network has
    a hundred. A success takes back its own try and no other, so that nobody's guesses are forgiven by it.
    """

    def __init__(
        self,
        repository: AuthRepository,
        accounts: AccountRepository,
        devices: Devices,
        index: BlindIndex,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._accounts = accounts
        self._devices = devices
        self._index = index
        self._clock = clock

    async def admit(self, subject: str, account_id: int, client: Client) -> tuple[bytes, ...]:
        """Counts a try of `subject` (the account, or a login that nobody has); what to give to `forgive`.

        Raises TooManyTries.
        """
        device = self._devices.known(client.device_token, account_id) if account_id else ""
        kind, limit = (f"device:{device}", MAX_DEVICE_TRIES) if device else ("any", MAX_LOGIN_TRIES)
        limits = [(self._index.digest(f"{subject}|{kind}", "tries:login"), limit)]
        network = self._network_of(client.address)
        if network:
            limits.append((self._index.digest(network, "tries:network"), MAX_NETWORK_TRIES))
        for key, most in limits:
            tries = await self._repository.count_try(key, self._clock.now(), TRIES_WINDOW)
            if tries.count > most:
                SIGN_INS.labels("throttled").inc()
                raise TooManyTries("too many tries to sign in; try later", retry_after=self._wait(tries.started_at))
        return tuple(key for key, _ in limits)

    async def forgive(self, keys: tuple[bytes, ...]) -> None:
        """The try was none to guess."""
        await self._accounts.uncount_tries(*keys)

    def _wait(self, started_at: datetime) -> float:
        return max(1.0, (started_at + TRIES_WINDOW - self._clock.now()).total_seconds())

    def _network_of(self, client_address: str) -> str:
        """An IPv4 address, or the /64 that an IPv6 user has to himself."""
        if not client_address:
            return ""
        try:
            address = ipaddress.ip_address(client_address)
        except ValueError:
            log.warning("auth.network_unreadable")
            return ""
        if isinstance(address, ipaddress.IPv6Address):
            return str(address.ipv4_mapped or ipaddress.ip_network((address, IPV6_NETWORK_BITS), strict=False))
        return str(address)
