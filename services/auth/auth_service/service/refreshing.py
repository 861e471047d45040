"""The refresh token grant: each token works once, and one that was used before ends its session (RFC 9700, 4.14)."""

from __future__ import annotations

from datetime import datetime, timedelta

from auth_service.errors import InvalidGrant, InvalidRequest, InvalidScope
from auth_service.metrics import TOKENS
from auth_service.models import REFRESH_GRANT, App, IssuedToken, Session, TokenRequest
from auth_service.repository import AuthRepository
from auth_service.service.refresh_tokens import RefreshTokens, read
from auth_service.service.sessions import Sessions
from rookery_common.auth import scope_covers
from rookery_common.clock import Clock


class Refreshing:
    """Renews a session's tokens.

    For `grace` after its use a token gives the same answer again: the first one may be lost, or two processes of an app
    may have asked at once. But only until what it gave is itself used: then somebody else has it, too.
    """

    def __init__(
        self, repository: AuthRepository, tokens: RefreshTokens, sessions: Sessions, clock: Clock, *, grace: timedelta
    ) -> None:
        self._repository = repository
        self._tokens = tokens
        self._sessions = sessions
        self._clock = clock
        self._grace = grace

    async def refresh(self, app: App, request: TokenRequest) -> IssuedToken:
        """New tokens of the same session. Raises InvalidRequest, InvalidGrant, InvalidScope."""
        if not request.refresh_token:
            raise InvalidRequest("refresh_token is missing")
        session = await self._find(app, request.refresh_token)
        granted = frozenset(session.scopes)
        if not all(scope_covers(granted, scope) for scope in request.scopes):
            raise InvalidScope("scope is more than was granted")
        presented = read(request.refresh_token)
        assert presented is not None, "its session was found by it"  # noqa: S101
        if presented.generation == session.generation:
            renewed = self._tokens.next(session)
            if await self._repository.rotate_session(renewed):
                TOKENS.labels(REFRESH_GRANT).inc()
                return self._tokens.issue(renewed)
            session = await self._find(app, request.refresh_token)  # Somebody was faster.
        if presented.generation + 1 == session.generation and self._is_recent(session.rotated_at):
            TOKENS.labels("refresh_token_again").inc()
            return self._tokens.issue(session)
        await self._sessions.revoke(session, cause="refresh_reuse")
        raise InvalidGrant("the refresh token was used before; its session is revoked")

    async def _find(self, app: App, token: str) -> Session:
        view = await self._tokens.find(token)
        if view is None or view.session.app_id != app.app_id:
            raise InvalidGrant("the refresh token is not one that this client was given")
        if view.session.revoked_at is not None or view.session.expires_at <= self._clock.now():
            raise InvalidGrant("the refresh token has expired or was revoked")
        return view.session

    def _is_recent(self, rotated_at: datetime | None) -> bool:
        return rotated_at is not None and self._clock.now() - rotated_at < self._grace
