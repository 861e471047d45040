"""Who is asking: a client's opaque token is exchanged at auth for an internal one, remembered for its few minutes."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from gateway_service.errors import AccountUnconfirmed, InvalidAccessToken, UserRequired
from gateway_service.metrics import TOKEN_LOOKUPS
from rookery.auth.v1.auth_service_pb2 import ExchangeTokenRequest, ExchangeTokenResponse
from rookery_common.auth import Identity, ScopeMissing
from rookery_common.clock import Clock
from rookery_common.errors import AppError, Unauthenticated

if TYPE_CHECKING:
    from rookery_common.rpc import RpcClient

MARGIN_SECONDS = 30.0  # Longer than any request's deadline: no call starts with a token that ends under way.
EXCHANGE_SECONDS = 2.0
MAX_TOKEN_CHARS = 512
MAX_AGENT_CHARS = 300
# What auth gives to tokens of accounts that are not confirmed or approved yet.
UNCONFIRMED_SCOPE = "unconfirmed"
_KNOWN = "caller"  # in a request's scope
_HITS = TOKEN_LOOKUPS.labels("hit")
_MISSES = TOKEN_LOOKUPS.labels("miss")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds the token, and the app that it was given to."""

    identity: Identity
    app_name: str
    app_website: str


@dataclass(frozen=True, slots=True)
class _Entry:
    caller: Caller
    expires_ms: int


class TokenExchange:
    """Opaque tokens to callers: cached by the token's SHA-256 until shortly before expiry, one exchange at a time each.

    `fresh` tells whether revocations are being heard; while they are not, every use asks auth.
    """

    def __init__(
        self, auth: RpcClient, clock: Clock, *, capacity: int = 50_000, fresh: Callable[[], bool] = lambda: True
    ) -> None:
        self._auth = auth
        self._clock = clock
        self._capacity = capacity
        self._fresh = fresh
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._by_session: dict[int, set[bytes]] = {}
        self._by_account: dict[int, set[bytes]] = {}
        self._flights: dict[bytes, asyncio.Task[Caller]] = {}
        self._forgotten = 0

    async def exchange(self, token: str, connection: HTTPConnection | None = None) -> Caller:
        """Whose token it is, used by the connection. Raises InvalidAccessToken; Unavailable while auth is away."""
        if not _is_token(token):
            raise InvalidAccessToken
        digest = _digest(token)
        caller = self._cached(digest)
        if caller is not None:
            _HITS.inc()
            return caller
        _MISSES.inc()
        flight = self._flights.get(digest)
        if flight is None:
            flight = self._flights[digest] = asyncio.create_task(
                self._fetch(_exchange_request(token, connection), digest)
            )
            flight.add_done_callback(lambda task: self._land(digest, task))
        # Shielded: whoever gives up leaves the exchange to the others that wait for it.
        return await asyncio.shield(flight)

    async def identify(self, connection: HTTPConnection) -> Caller | None:
        """The caller by the Authorization header; None without one. A token that does not hold is always refused.

        Found out once a request: whoever asks again, later in the same one, hears the same.
        """
        known = connection.scope.get(_KNOWN)
        if known is None:
            known = connection.scope[_KNOWN] = await self._find(connection)
        if isinstance(known, AppError):
            raise known
        if known is None:
            return None
        caller: Caller = known
        connection.scope["account_id"] = caller.identity.account_id  # For the access log.
        return caller

    def remembered(self, connection: HTTPConnection) -> Caller | None:
        """The caller, where that needs no asking at auth."""
        token = bearer_token(connection)
        caller = self._cached(_digest(token)) if _is_token(token) else None
        if caller is not None:
            _HITS.inc()
            connection.scope[_KNOWN] = caller
        return caller

    async def require(self, connection: HTTPConnection, *scopes: str) -> Caller:
        """The caller, whose token must have one of the scopes (if any are named)."""
        caller = await self.identify(connection)
        if caller is None:
            raise InvalidAccessToken
        check_scope(caller, *scopes)
        return caller

    async def require_user(self, connection: HTTPConnection, *scopes: str) -> Caller:
        """The same, for what needs an account: an app's own token is refused."""
        caller = await self.require(connection, *scopes)
        if not caller.identity.account_id:
            raise UserRequired
        return caller

    async def viewer(self, connection: HTTPConnection, *scopes: str) -> Identity | None:
        """For what anyone may read: the signed-in account if there is one, None for apps and strangers."""
        caller = await self.identify(connection)
        if caller is None:
            return None
        check_scope(caller, *scopes)
        return caller.identity if caller.identity.account_id else None

    def forget(self, session_id: int) -> None:
        """A revoked session's tokens are asked for anew."""
        self._drop(self._by_session.get(session_id))

    def forget_account(self, account_id: int) -> None:
        """The same for all of an account's sessions."""
        self._drop(self._by_account.get(account_id))

    def forget_app(self, app_id: int) -> None:
        """The same for every token that was given to an app."""
        self._drop({digest for digest, entry in self._entries.items() if entry.caller.identity.app_id == app_id})

    def forget_all(self) -> None:
        """The same for every token."""
        self._drop(set(self._entries))

    def forget_token(self, token: str) -> None:
        """The same for one token."""
        self._drop({_digest(token)})

    def _cached(self, digest: bytes) -> Caller | None:
        entry = self._entries.get(digest)
        if entry is None or entry.expires_ms <= self._clock.unix_ms() or not self._fresh():
            return None
        self._entries.move_to_end(digest)
        return entry.caller

    async def _find(self, connection: HTTPConnection) -> Caller | AppError | None:
        if not connection.headers.get("authorization"):
            return None
        try:
            return await self.exchange(bearer_token(connection), connection)
        except AppError as error:
            return error

    async def _fetch(self, request: ExchangeTokenRequest, digest: bytes) -> Caller:
        forgotten = self._forgotten
        try:
            answer = await self._auth.call("ExchangeToken", request, timeout=EXCHANGE_SECONDS, idempotent=True)
        except Unauthenticated:
            self._drop({digest})
            raise InvalidAccessToken from None
        caller = _caller(answer)
        # What auth read before a revocation may arrive after it: then it serves this once, and is not kept.
        if forgotten == self._forgotten:
            self._keep(digest, caller, answer)
        return caller

    def _land(self, digest: bytes, task: asyncio.Task[Caller]) -> None:
        del self._flights[digest]
        if not task.cancelled():
            task.exception()  # Looked at here, in case that all who waited have given up.

    def _keep(self, digest: bytes, caller: Caller, answer: ExchangeTokenResponse) -> None:
        expires_ms = answer.expire_time.ToMilliseconds() - int(MARGIN_SECONDS * 1000)
        self._remove(digest)
        self._entries[digest] = _Entry(caller, expires_ms)
        self._by_session.setdefault(caller.identity.session_id, set()).add(digest)
        self._by_account.setdefault(caller.identity.account_id, set()).add(digest)
        if len(self._entries) > self._capacity:
            self._remove(next(iter(self._entries)))

    def _drop(self, digests: set[bytes] | None) -> None:
        self._forgotten += 1
        for digest in tuple(digests or ()):
            self._remove(digest)

    def _remove(self, digest: bytes) -> None:
        entry = self._entries.pop(digest, None)
        if entry is None:
            return
        identity = entry.caller.identity
        for index, key in ((self._by_session, identity.session_id), (self._by_account, identity.account_id)):
            index[key].discard(digest)
            if not index[key]:
                del index[key]


def bearer_token(connection: HTTPConnection) -> str:
    """The Authorization header's token; empty without one, or where the header holds something else."""
    for name, value in connection.scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return ""


def _is_token(token: str) -> bool:
    return 0 < len(token) <= MAX_TOKEN_CHARS and token.isascii()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def check_scope(caller: Caller, *scopes: str) -> None:
    """Raises ScopeMissing (or AccountUnconfirmed) unless the token has one of the scopes; none named, any will do."""
    if scopes and UNCONFIRMED_SCOPE in caller.identity.scopes:
        raise AccountUnconfirmed
    if scopes and not any(caller.identity.has_scope(scope) for scope in scopes):
        raise ScopeMissing(f"The token's scopes do not include {' or '.join(scopes)}")


def _exchange_request(token: str, connection: HTTPConnection | None) -> ExchangeTokenRequest:
    request = ExchangeTokenRequest(token=token)
    if connection is not None:
        request.client_address = connection.client.host if connection.client else ""
        request.user_agent = connection.headers.get("user-agent", "")[:MAX_AGENT_CHARS]
    return request


def _caller(answer: ExchangeTokenResponse) -> Caller:
    identity = Identity(
        account_id=answer.account_id,
        session_id=answer.session_id,
        app_id=answer.app_id,
        scopes=frozenset(answer.scopes),
        roles=frozenset(answer.roles),
        permissions=frozenset(answer.permissions),
        token=answer.internal_token,
    )
    return Caller(identity, answer.app_name, answer.app_website)
