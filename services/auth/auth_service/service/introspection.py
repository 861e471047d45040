"""What a token stands for, told to the client that it was given to (RFC 7662)."""

from __future__ import annotations

from dataclasses import replace

from auth_service.errors import InvalidClient
from auth_service.models import App, Introspection, SessionView
from auth_service.service.refresh_tokens import RefreshTokens, read
from auth_service.service.scopes import effective
from auth_service.service.sessions import Sessions
from rookery_common.clock import Clock


class Introspector:
    """Tells of a client's own tokens, and of others only that they are nothing to it."""

    def __init__(self, sessions: Sessions, tokens: RefreshTokens, clock: Clock) -> None:
        self._sessions = sessions
        self._tokens = tokens
        self._clock = clock

    async def introspect(self, app: App, token: str) -> Introspection | None:
        """None for a token that does not hold, or is another client's. Raises InvalidClient for a public client."""
        if app.is_public:
            raise InvalidClient("a client without a secret may not ask about tokens")
        refreshing = await self._unused(token)
        view = refreshing or await self._sessions.find(token)
        if view is None or view.session.app_id != app.app_id:
            return None
        session = replace(view.session, scopes=effective(view.session.scopes, view.permissions))
        ends = session.expires_at if refreshing else session.ends_at
        return Introspection(session, view.username, ends, is_refresh=refreshing is not None)

    async def _unused(self, token: str) -> SessionView | None:
        """The session of a refresh token that may still be used."""
        presented, view = read(token), await self._tokens.find(token)
        if presented is None or view is None or view.session.revoked_at is not None or view.app_revoked_at is not None:
            return None
        is_current = presented.generation == view.session.generation
        return view if is_current and view.session.expires_at > self._clock.now() else None
