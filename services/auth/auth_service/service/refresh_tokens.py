"""The tokens of sessions that refresh: all are derived from a session's random seed, their place in line, and a key.

The key is in no database, so nothing is kept of used tokens; and whoever asks twice for what follows a token gets the
same tokens twice. Thus there is one line of tokens a session, whatever the network does.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import struct
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from auth_service.models import IssuedToken, RefreshPolicy, Session, SessionView
from auth_service.repository import AuthRepository
from auth_service.service.opaque import RANDOM_BYTES, digest
from rookery_common.clock import Clock

# Tells people, and scanners for leaked secrets, what it is.
PREFIX = "rrt_"
_PLACE = struct.Struct(">QI")
_PROOF_BYTES = 32
_CHARS = len(PREFIX) + (_PLACE.size + _PROOF_BYTES) * 4 // 3 + 1


class Presented(NamedTuple):
    """What a refresh token claims: its session, its place in line, and the proof."""

    session_id: int
    generation: int
    proof: bytes


class RefreshTokens:
    """Makes the tokens of such sessions, and finds the session of a refresh token."""

    def __init__(self, repository: AuthRepository, key: bytes, policy: RefreshPolicy, clock: Clock) -> None:
        self._repository = repository
        self._key = key
        self._policy = policy
        self._clock = clock

    def first(self, session: Session) -> Session:
        """A new session as one that refreshes."""
        seeded = replace(session, refresh_seed=secrets.token_bytes(RANDOM_BYTES))
        return self._timed(seeded, session.created_at)

    def next(self, session: Session) -> Session:
        """The session one place on: its tokens so far are used up."""
        now = self._clock.now()
        return self._timed(replace(session, generation=session.generation + 1, rotated_at=now), now)

    def issue(self, session: Session) -> IssuedToken:
        """The tokens of the session's present place, the same however often they are asked for."""
        place = _PLACE.pack(session.session_id, session.generation)
        token = PREFIX + _text(place + self._derive("refresh", session))
        left = max(0.0, (session.ends_at - self._clock.now()).total_seconds())
        return IssuedToken(self._access_token(session), session, token, int(left))

    async def find(self, token: str) -> SessionView | None:
        """The session of a refresh token that is, or once was, its own; also of one that has ended."""
        presented = read(token)
        if presented is None:
            return None
        view = await self._repository.session(presented.session_id)
        if view is None or view.session.refresh_seed is None or presented.generation > view.session.generation:
            return None
        expected = self._derive("refresh", replace(view.session, generation=presented.generation))
        return view if hmac.compare_digest(expected, presented.proof) else None

    def _timed(self, session: Session, now: datetime) -> Session:
        """No use of it makes a session last longer than the policy's absolute time."""
        ends = min(session.created_at + self._policy.absolute, now + self._policy.idle)
        return replace(
            session,
            token_hash=digest(self._access_token(session)),
            expires_at=ends,
            token_expires_at=min(ends, now + self._policy.access),
        )

    def _access_token(self, session: Session) -> str:
        return _text(self._derive("access", session))

    def _derive(self, purpose: str, session: Session) -> bytes:
        place = _PLACE.pack(session.session_id, session.generation)
        return hmac.digest(self._key, purpose.encode() + place + (session.refresh_seed or b""), "sha256")


def read(token: str) -> Presented | None:
    """What a refresh token claims; None for what is none."""
    if len(token) != _CHARS or not token.startswith(PREFIX) or not token.isascii():
        return None
    try:
        data = base64.b64decode(token.removeprefix(PREFIX) + "=", b"-_", validate=True)
    except binascii.Error:
        return None
    session_id, generation = _PLACE.unpack_from(data)
    return Presented(session_id, generation, data[_PLACE.size :]) if session_id < 1 << 63 else None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
