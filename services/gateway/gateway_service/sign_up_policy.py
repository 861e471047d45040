"""Who may sign up: auth knows, and is asked again every half minute."""

from __future__ import annotations

from gateway_service import degradation
from gateway_service.clients import Clients
from gateway_service.flags import SIGN_UP
from gateway_service.remembered import Remembered
from gateway_service.schemas.instance import SignUpMode
from rookery.auth.v1.account_service_pb2 import GetSignUpRequest
from rookery.auth.v1.account_service_pb2 import SignUpMode as Told
from rookery_common.clock import Clock
from rookery_common.flags import Flags

HOLDS_SECONDS = 30.0
CALL_SECONDS = 1.0


_MODES = {Told.Value(f"SIGN_UP_MODE_{mode.name}"): mode for mode in SignUpMode}


class SignUpPolicy:
    """What was told last, while auth is away; closed where nothing was told yet, and while the flag is off."""

    def __init__(self, clients: Clients, flags: Flags, clock: Clock) -> None:
        self._clients = clients
        self._flags = flags
        self._told = Remembered(
            self._ask, SignUpMode.CLOSED, clock, seconds=HOLDS_SECONDS, fallback=degradation.SIGN_UP_MODE
        )

    async def mode(self) -> SignUpMode:
        """As it is now."""
        return await self._told.get() if self._flags.on(SIGN_UP) else SignUpMode.CLOSED

    async def _ask(self) -> SignUpMode:
        answer = await self._clients.auth.call("GetSignUp", GetSignUpRequest(), timeout=CALL_SECONDS, idempotent=True)
        return _MODES[answer.mode]
