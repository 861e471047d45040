"""The sessions of an account, as its owner sees them: device, network and last use; and ending them."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Sequence
from datetime import timedelta

from auth_service.account_models import WEB_APP_ID, Client, SessionOverview, UsedSession
from auth_service.errors import SessionNotFound
from auth_service.events import Events
from auth_service.metrics import REVOKED
from auth_service.models import Session
from auth_service.repository.accounts import AccountRepository
from auth_service.service.sessions import Sessions
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.crypto import FieldCipher, WrappedKey
from rookery_common.errors import AppError
from rookery_common.logs import get_logger

NOTED_EVERY = timedelta(minutes=15)
MAX_SESSIONS = 200
MAX_DEVICE_CHARS = 60
IPV4_BITS, IPV6_BITS = 24, 48
# The first that is found in a user agent: most browsers name others beside themselves.
_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_PRODUCT = re.compile(r"[\w.+ -]{1,60}")
log = get_logger()


class AccountSessions:
    """Notes where sessions are used, once in a quarter of an hour each, and lists and ends them."""

    def __init__(
        self, repository: AccountRepository, sessions: Sessions, cipher: FieldCipher, events: Events, clock: Clock
    ) -> None:
        self._repository = repository
        self._sessions = sessions
        self._cipher = cipher
        self._events = events
        self._clock = clock

    async def note(self, session: Session, client: Client) -> None:
        """That it is used; where that can't be noted, it is used all the same."""
        if not session.account_id or not (client.address or client.user_agent):
            return
        now = self._clock.now()
        try:
            key = await self._repository.use_due(session.session_id, session.account_id, now - NOTED_EVERY)
            if key is not None:
                seen = json.dumps([device_of(client.user_agent), network_of(client.address)])
                sealed = self._cipher.encrypt(WrappedKey(key), seen, _context(session.session_id))
                await self._repository.note_use(session.session_id, sealed, now)
        except AppError as error:
            log.warning("auth.session_use_not_noted", session_id=session.session_id, reason=error.reason)

    async def list(self, caller: Identity) -> Sequence[SessionOverview]:
        """The account's sessions that go on, the one used last first."""
        found = await self._repository.sessions(caller.account_id, self._clock.now(), MAX_SESSIONS)
        return [self._overview(session, caller) for session in found]

    async def revoke(self, caller: Identity, session_id: int) -> None:
        """Ends one of the account's sessions. Raises SessionNotFound."""
        if not await self._sessions.end(caller.account_id, session_id):
            raise SessionNotFound("there is no such session")

    async def revoke_others(self, caller: Identity) -> int:
        """Ends all but the caller's; how many."""
        now = self._clock.now()
        ended = await self._repository.revoke_sessions(
            caller.account_id,
            now,
            lambda session_id: self._events.session_ended(caller.account_id, session_id, now),
            keep=caller.session_id,
        )
        REVOKED.labels("owner").inc(ended)
        return ended

    def _overview(self, session: UsedSession, caller: Identity) -> SessionOverview:
        device, network = "", ""
        if session.seen is not None:
            key = WrappedKey(session.data_key)
            device, network = json.loads(self._cipher.decrypt(key, session.seen, _context(session.session_id)))
        return SessionOverview(session, device, network, session.session_id == caller.session_id)


def is_browser(session: UsedSession) -> bool:
    """Whether it is one of the pages of this platform, and no app's."""
    return session.app_id == WEB_APP_ID


def device_of(user_agent: str) -> str:
    """What its owner knows it by: browser and system, or the program's own name."""
    browser = next((name for sign, name in _BROWSERS if sign in user_agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), "")
    if browser and system:
        return f"{browser}, {system}"
    product = _PRODUCT.match(user_agent.partition("/")[0])
    return (browser or system or (product[0].strip() if product else ""))[:MAX_DEVICE_CHARS]


def network_of(address: str) -> str:
    """The network around it, wide enough to be no address; empty if it is none."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return network_of(str(parsed.ipv4_mapped))
        return str(ipaddress.ip_network((parsed, IPV6_BITS), strict=False))
    return str(ipaddress.ip_network((parsed, IPV4_BITS), strict=False))


def _context(session_id: int) -> str:
    return f"auth.session_uses.seen:{session_id}"
