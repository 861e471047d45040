"""What a browser brings with a request: its session, its device and its language; and whether a form is one of ours."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import MAX_AGENT_CHARS, Caller, TokenExchange
from gateway_service.config import Settings
from gateway_service.errors import InvalidAccessToken
from gateway_service.params import Params
from rookery.auth.v1.account_service_pb2 import BrowserSession, Client
from rookery_common.crypto import derive_key
from rookery_common.errors import PermissionDenied, Unauthenticated

# What a browser's session may do, and no app's.
SECURITY_SCOPE = "security"
DEVICE_SECONDS = 365 * 86_400
ERRAND_SECONDS = 15 * 60
MAX_COOKIE_CHARS = 512


class NotSignedIn(Unauthenticated):
    """The page is for who has signed in."""

    reason = "NOT_SIGNED_IN"


class ForeignForm(PermissionDenied):
    """The form was not sent by a page of ours, or for another session."""

    reason = "FOREIGN_FORM"


class Browser:
    """Reads and writes the cookies; what they hold is auth's, and of no meaning here."""

    def __init__(self, exchange: TokenExchange, settings: Settings) -> None:
        self._exchange = exchange
        self._key = derive_key(settings.master_key_bytes(), "gateway.forms")
        self._domain = settings.domain
        self._secure = settings.public_url.startswith("https:")
        prefix = "__Host-" if self._secure else ""
        self._session_cookie = f"{prefix}rookery-session"
        self._device_cookie = f"{prefix}rookery-device"
        self._errand_cookie = f"{prefix}rookery-errand"

    async def caller(self, request: Request) -> Caller | None:
        """Who has signed in with this browser; None if nobody, or if the session has ended."""
        token = request.cookies.get(self._session_cookie, "")
        if not token or len(token) > MAX_COOKIE_CHARS:
            return None
        try:
            caller = await self._exchange.exchange(token, request)
        except InvalidAccessToken:
            return None
        return caller if SECURITY_SCOPE in caller.identity.scopes else None

    async def require(self, request: Request) -> Caller:
        """The same. Raises NotSignedIn."""
        caller = await self.caller(request)
        if caller is None:
            raise NotSignedIn("Sign in first")
        return caller

    async def opened(self, request: Request, session: BrowserSession) -> Caller:
        """Who has just signed in."""
        return await self._exchange.exchange(session.token, request)

    def client(self, request: Request, language: str) -> Client:
        """As auth wants to know of it."""
        return Client(
            address=request.client.host if request.client else "",
            user_agent=request.headers.get("user-agent", "")[:MAX_AGENT_CHARS],
            device_token=request.cookies.get(self._device_cookie, "")[:MAX_COOKIE_CHARS],
            locale=language,
        )

    def remember(self, response: Response, session: BrowserSession) -> None:
        """From now on the browser is signed in, and known."""
        self._set(response, self._session_cookie, session.token, session.expire_time.ToDatetime(UTC))
        self._set(response, self._device_cookie, session.device_token, DEVICE_SECONDS)

    def forget(self, request: Request, response: Response) -> None:
        """It is signed in no more; the device stays known."""
        self._exchange.forget_token(request.cookies.get(self._session_cookie, ""))
        response.delete_cookie(self._session_cookie, path="/", secure=self._secure, httponly=True, samesite="lax")

    def send_out(self, response: Response, challenge: str) -> None:
        """The browser goes to another site and comes back: by this it is known to be the same one."""
        self._set(response, self._errand_cookie, challenge, ERRAND_SECONDS)

    def errand(self, request: Request) -> str:
        """The challenge that it was sent out with; empty for a browser that was not."""
        return request.cookies.get(self._errand_cookie, "")[:MAX_COOKIE_CHARS]

    def come_back(self, response: Response) -> None:
        """The errand is done."""
        response.delete_cookie(self._errand_cookie, path="/", secure=self._secure, httponly=True, samesite="lax")

    def form_token(self, request: Request) -> str:
        """What forms of this session carry: no other site can know it."""
        session = request.cookies.get(self._session_cookie, "")
        return hmac.digest(self._key, session.encode(), hashlib.sha256).hex() if session else ""

    def check_origin(self, request: Request) -> None:
        """Raises ForeignForm unless the form came from a page of ours: enough where it says who sends it."""
        if not is_from_here(request, self._domain):
            raise ForeignForm("This form was sent by another site. Please start again.")

    def check_form(self, request: Request, params: Params) -> None:
        """The same, and it is of this session if there is one: for what is done in a session's name."""
        self.check_origin(request)
        expected = self.form_token(request)
        given = params.text("form_token", MAX_COOKIE_CHARS) or ""
        if expected and not hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass")):
            raise ForeignForm("This form is not one of your session. Please start again.")

    def _set(self, response: Response, name: str, value: str, lifetime: int | datetime) -> None:
        ends: dict[str, Any] = {"max_age": lifetime} if isinstance(lifetime, int) else {"expires": lifetime}
        response.set_cookie(name, value, path="/", secure=self._secure, httponly=True, samesite="lax", **ends)


def is_from_here(request: Request, domain: str) -> bool:
    """Whether the page itself sent the form, as far as the browser tells: another site must not sign anyone in."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] in (domain, request.headers.get("host"))
