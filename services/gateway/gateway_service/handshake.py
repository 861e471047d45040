"""Who opens a stream: where a client may put its token, short-lived tickets instead of it, and its origin."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections import OrderedDict
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import HTTPConnection

from gateway_service.auth import TokenExchange, check_scope
from gateway_service.config import Settings
from gateway_service.errors import InvalidAccessToken, UserRequired, invalid
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.crypto import NONCE_BYTES, derive_key
from rookery_common.errors import PermissionDenied
from rookery_common.ids import MAX_ID

TICKET_SECONDS: Final = 30
MAX_TICKET_CHARS: Final = 1024
MAX_REMEMBERED: Final = 10_000
_CONTEXT: Final = b"gateway.stream-ticket"
_TIME_BYTES: Final = 8


class OriginNotAllowed(PermissionDenied):
    """A page of another site opens a stream, where the operator has named whose may."""

    reason = "ORIGIN_NOT_ALLOWED"


class Tickets:
    """A token in a sealed form that is good for half a minute, and once at each replica: for addresses, which get into
    logs. Every replica can open it."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._key = AESGCM(derive_key(settings.master_key_bytes(), _CONTEXT.decode()))
        self._clock = clock
        self._used: OrderedDict[bytes, None] = OrderedDict()

    def issue(self, token: str) -> tuple[str, int]:
        """A ticket for the token, and when it ends in milliseconds since 1970."""
        ends_ms = self._clock.unix_ms() + TICKET_SECONDS * 1000
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._key.encrypt(nonce, ends_ms.to_bytes(_TIME_BYTES, "big") + token.encode(), _CONTEXT)
        return base64.urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode(), ends_ms

    def redeem(self, ticket: str) -> str:
        """The token. Raises InvalidAccessToken for what is no ticket, is too old, or was used here before."""
        if len(ticket) > MAX_TICKET_CHARS:
            raise InvalidAccessToken
        try:
            blob = base64.urlsafe_b64decode(ticket + "=" * (-len(ticket) % 4))
            opened = self._key.decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], _CONTEXT)
        except (binascii.Error, InvalidTag, ValueError):
            raise InvalidAccessToken from None
        # By what it holds, not how it is spelled: base64 has several spellings of the same bytes.
        digest = hashlib.sha256(blob).digest()
        if int.from_bytes(opened[:_TIME_BYTES], "big") <= self._clock.unix_ms() or digest in self._used:
            raise InvalidAccessToken
        self._used[digest] = None
        if len(self._used) > MAX_REMEMBERED:
            self._used.popitem(last=False)
        return opened[_TIME_BYTES:].decode()


class Handshake:
    """What is asked of whoever opens a stream."""

    def __init__(self, settings: Settings, exchange: TokenExchange, clock: Clock) -> None:
        self._origins = frozenset(origin.rstrip("/").lower() for origin in settings.stream_origins)
        self._exchange = exchange
        self.tickets = Tickets(settings, clock)

    async def admit(self, connection: HTTPConnection, *scopes: str) -> tuple[str, Identity]:
        """The client's token, and whose it is. Raises OriginNotAllowed, InvalidAccessToken, UserRequired and others."""
        self._check_origin(connection)
        token = self._token_of(connection)
        if not token:
            raise InvalidAccessToken
        caller = await self._exchange.exchange(token, connection)
        check_scope(caller, *scopes)
        if not caller.identity.account_id:
            raise UserRequired
        return token, caller.identity

    def _check_origin(self, connection: HTTPConnection) -> None:
        """Only pages of a browser say where they are from; what they may open is the operator's to say."""
        origin = connection.headers.get("origin")
        if self._origins and origin is not None and origin.lower() not in self._origins:
            raise OriginNotAllowed("Pages of this origin may not open streams here")

    def _token_of(self, connection: HTTPConnection) -> str:
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            return token.strip()
        subprotocols = connection.scope.get("subprotocols")
        if subprotocols:
            return str(subprotocols[0])
        ticket = connection.query_params.get("ticket")
        return self.tickets.redeem(ticket) if ticket else connection.query_params.get("access_token", "")


def seen_id(connection: HTTPConnection) -> int:
    """The last event that a client has seen, which it wants to go on after; 0 for none. Raises InvalidArgument."""
    value = connection.headers.get("last-event-id") or connection.query_params.get("last_event_id", "")
    if not value:
        return 0
    if not value.isascii() or not value.isdigit() or len(value) > 19 or int(value) > MAX_ID:
        raise invalid("last_event_id", "is not an id")
    return int(value)
