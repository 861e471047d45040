"""Who may sign up: auth knows, and is asked again every half minute."""

from __future__ import annotations

import asyncio

from gateway_service import degradation
from gateway_service.clients import Clients
from gateway_service.flags import SIGN_UP
from gateway_service.schemas.instance import SignUpMode
from rookery.auth.v1.account_service_pb2 import GetSignUpRequest
from rookery.auth.v1.account_service_pb2 import SignUpMode as Told
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.flags import Flags

HOLDS_SECONDS = 30.0
RETRY_SECONDS = 2.0
CALL_SECONDS = 1.0


_MODES = {Told.Value(f"SIGN_UP_MODE_{mode.name}"): mode for mode in SignUpMode}


class SignUpPolicy:
    """What was told last, while auth is away; closed where nothing was told yet, and while the flag is off."""

    def __init__(self, clients: Clients, flags: Flags, clock: Clock) -> None:
        self._clients = clients
        self._flags = flags
        self._clock = clock
        self._asking = asyncio.Lock()
        self._told = SignUpMode.CLOSED
        self._ask_at = 0.0

    async def mode(self) -> SignUpMode:
        """As it is now."""
        if not self._flags.on(SIGN_UP):
            return SignUpMode.CLOSED
        async with self._asking:
            if self._clock.monotonic() >= self._ask_at:
                await self._ask()
        return self._told

    async def _ask(self) -> None:
        try:
            answer = await self._clients.auth.call(
                "GetSignUp", GetSignUpRequest(), timeout=CALL_SECONDS, idempotent=True
            )
        except AppError:
            degradation.note(degradation.SIGN_UP_MODE)
            self._ask_at = self._clock.monotonic() + RETRY_SECONDS
            return
        self._told = _MODES[answer.mode]
        self._ask_at = self._clock.monotonic() + HOLDS_SECONDS
