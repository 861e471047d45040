"""Sessions: an opaque token each, exchanged for internal tokens while they last."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from auth_service.account_models import WEB_APP_ID
from auth_service.errors import UnauthorizedClient
from auth_service.events import Events
from auth_service.metrics import REVOKED, TOKENS
from auth_service.models import (
    INTERNAL_TOKEN_LIFETIME,
    REFRESH_GRANT,
    App,
    InternalToken,
    IssuedToken,
    Session,
    SessionPolicy,
    SessionView,
)
from auth_service.repository import AuthRepository
from auth_service.service.opaque import digest, new_secret
from auth_service.service.refresh_tokens import RefreshTokens
from auth_service.service.scopes import effective
from auth_service.service.signing import SigningKeys
from rookery_common.auth import Identity, InvalidToken
from rookery_common.clock import Clock
from rookery_common.ids import IdSource
from rookery_common.logs import get_logger

EXTEND_AFTER = timedelta(days=1)
log = get_logger()


class Sessions:
    """A session lasts as long as it is used, within the policy; revoked, it ends within a second everywhere.

    A browser's ends some day however it is used: what was left open in a strange place does not stay so. One of an app
    with refresh tokens lasts as their policy says, however its access tokens are used.
    """

    def __init__(
        self,
        repository: AuthRepository,
        keys: SigningKeys,
        events: Events,
        ids: IdSource,
        clock: Clock,
        refresh_tokens: RefreshTokens,
        *,
        policy: SessionPolicy,
    ) -> None:
        self._repository = repository
        self._keys = keys
        self._events = events
        self._ids = ids
        self._clock = clock
        self._refresh_tokens = refresh_tokens
        self._policy = policy

    def new(self, app: App, account_id: int, scopes: tuple[str, ...], code_hash: bytes | None = None) -> IssuedToken:
        """A session that is not stored yet: whoever makes it stores it with what it comes from."""
        token, now = new_secret(), self._clock.now()
        session = Session(
            session_id=self._ids.mint(),
            token_hash=digest(token),
            app_id=app.app_id,
            account_id=account_id,
            scopes=scopes,
            created_at=now,
            expires_at=self._end_of(app.app_id, now, now),
            code_hash=code_hash,
        )
        if code_hash is not None and REFRESH_GRANT in app.grant_types:
            return self._refresh_tokens.issue(self._refresh_tokens.first(session))
        return IssuedToken(token, session)

    async def open(
        self, app: App, account_id: int, scopes: tuple[str, ...], *, grant: str, is_told: bool = False
    ) -> IssuedToken:
        """A stored session, of which its owner is told if it `is_told`."""
        issued = self.new(app, account_id, scopes)
        event = self._events.signed_in(issued.session) if is_told else None
        await self._repository.add_session(issued.session, event)
        TOKENS.labels(grant).inc()
        return issued

    async def exchange(self, token: str) -> InternalToken:
        """An internal token of five minutes, or until the session ends, with what its account may do now.

        Raises InvalidToken.
        """
        view = await self.find(token)
        if view is None:
            raise InvalidToken("the access token is invalid, has expired or was revoked")
        now = self._clock.now()
        session = await self._extended(view.session, now)
        session = replace(session, scopes=effective(session.scopes, view.permissions))
        seconds = int(min(INTERNAL_TOKEN_LIFETIME, session.ends_at - now).total_seconds())
        identity = Identity(
            account_id=session.account_id,
            session_id=session.session_id,
            app_id=session.app_id,
            scopes=frozenset(session.scopes),
            roles=frozenset(view.roles),
            permissions=frozenset(view.permissions),
        )
        signed = (await self._keys.signer()).sign(identity, ttl_seconds=seconds)
        expires_at = now.replace(microsecond=0) + timedelta(seconds=seconds)
        return InternalToken(signed, expires_at, replace(view, session=session))

    async def find(self, token: str) -> SessionView | None:
        """The session of an access token that holds."""
        view = await self._repository.session_by_token(digest(token))
        return view if view is not None and is_live(view, self._clock.now()) else None

    async def revoke_token(self, token: str, app: App) -> None:
        """Ends the session of an access or refresh token; an unknown token is no error (RFC 7009).

        Raises UnauthorizedClient.
        """
        view = await self._refresh_tokens.find(token) or await self._repository.session_by_token(digest(token))
        if view is None:
            return
        if view.session.app_id != app.app_id:
            raise UnauthorizedClient("you are not authorized to revoke this token")
        await self.revoke(view.session, cause="client")

    async def sign_out(self, caller: Identity) -> None:
        """Ends the caller's own session."""
        await self.end(caller.account_id, caller.session_id)

    async def end(self, account_id: int, session_id: int) -> bool:
        """Ends a session at its owner's wish; False if the account has no such session."""
        view = await self._repository.session(session_id)
        if view is None or view.session.account_id != account_id or view.session.revoked_at is not None:
            return False
        await self.revoke(view.session, cause="owner")
        return True

    async def revoke_bought_with(self, code_hash: bytes) -> None:
        """Ends what a code was exchanged for, because the code came a second time: one of the two has stolen it."""
        for session in await self._repository.sessions_of_code(code_hash):
            await self.revoke(session, cause="code_reuse")

    async def revoke(self, session: Session, *, cause: str) -> None:
        """Ends a session that may have ended already."""
        now = self._clock.now()
        event = self._events.session_revoked(session, now) if session.account_id else None
        if await self._repository.revoke_session(session, now, event):
            REVOKED.labels(cause).inc()
            log.info("auth.session_revoked", session_id=session.session_id, cause=cause)

    async def _extended(self, session: Session, now: datetime) -> Session:
        """By its use, at most once a day; where there are refresh tokens, those extend it."""
        expires_at = self._end_of(session.app_id, session.created_at, now)
        if session.refresh_seed is not None or expires_at - session.expires_at <= EXTEND_AFTER:
            return session
        session = replace(session, expires_at=expires_at)
        await self._repository.extend_session(session.session_id, session.expires_at)
        return session

    def _end_of(self, app_id: int, created_at: datetime, used_at: datetime) -> datetime:
        if app_id != WEB_APP_ID:
            return used_at + self._policy.app_idle
        return min(used_at + self._policy.browser_idle, created_at + self._policy.browser)


def is_live(view: SessionView, now: datetime) -> bool:
    """Whether its access token holds."""
    return view.session.revoked_at is None and view.app_revoked_at is None and view.session.ends_at > now
