"""Hearing of revoked sessions within a second, and saying when nothing is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from rookery.auth.v1.auth_service_pb2 import Revocation, WatchRevocationsRequest, WatchRevocationsResponse
from rookery_common.clock import Clock
from rookery_common.errors import AppError, Unavailable
from rookery_common.logs import get_logger

# Auth sends a heartbeat every 300 ms at least.
SILENCE_SECONDS = 1.0
RETRY_SECONDS = 0.2
# Auth's reason where there would be a gap, as after its database went back to a backup.
FORGOTTEN = "REVOCATIONS_FORGOTTEN"
log = get_logger()


class SessionHolder(Protocol):
    """Something that must let go of revoked sessions: the streams of the hub."""

    def close_session(self, session_id: int) -> None: ...

    def close_account(self, account_id: int) -> None: ...

    def close_app(self, app_id: int) -> None: ...

    def close_all(self) -> None: ...


class Revocations:
    """Component: follows auth's stream of revocations and passes each on to the token cache and the open streams."""

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock
        self._exchange: TokenExchange | None = None
        self._holders: Sequence[SessionHolder] = ()
        self._heard_at: float | None = None
        self._is_lost = False
        self._sequence = 0
        self._task: asyncio.Task[None] | None = None

    def connect(self, exchange: TokenExchange, *holders: SessionHolder) -> None:
        """Whom to tell. Apart from the constructor, for the token cache itself asks whether this is `fresh`."""
        self._exchange = exchange
        self._holders = holders

    def fresh(self) -> bool:
        """Whether auth was heard within the last second: else a cached token may have been revoked meanwhile."""
        return self._heard_at is not None and self._clock.monotonic() - self._heard_at <= SILENCE_SECONDS

    async def check(self) -> None:
        """For readiness: raises Unavailable until everything up to now has been heard, and while auth is silent."""
        if not self.fresh():
            raise Unavailable("Revocations are not heard.")

    async def start(self) -> None:
        """Begins to follow, also while auth is away."""
        self._task = asyncio.create_task(self._run(), name="revocations")

    async def stop(self) -> None:
        """Leaves the stream."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except AppError as error:
                self._lose(error)
                if error.reason == FORGOTTEN:
                    self._start_over()
            await self._clock.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        request = WatchRevocationsRequest(since=self._sequence)
        async for heard in self._clients.auth.stream("WatchRevocations", request, silence=SILENCE_SECONDS):
            self._take(heard)

    def _lose(self, error: AppError) -> None:
        """Logged once, however often auth is asked again before it answers."""
        if not self._is_lost:
            log.warning("revocations.lost", reason=error.reason)
        self._is_lost = True

    def _start_over(self) -> None:
        """Auth no longer knows what came after the last sequence: any session may have been revoked meanwhile."""
        self._sequence = 0
        self._heard_at = None
        if self._exchange is not None:
            self._exchange.forget_all()
        for holder in self._holders:
            holder.close_all()

    def _take(self, heard: WatchRevocationsResponse) -> None:
        if self._is_lost:
            self._is_lost = False
            log.info("revocations.heard_again")
        for revocation in heard.revocations:
            self._forget(revocation)
            if not revocation.roles_changed:
                self._close(revocation)
        self._sequence = max(self._sequence, heard.sequence)
        self._heard_at = self._clock.monotonic()

    def _close(self, revoked: Revocation) -> None:
        session_id, account_id, app_id = revoked.session_id, revoked.account_id, revoked.app_id
        log.info("session.revoked", session_id=session_id, account_id=account_id, app_id=app_id)
        for holder in self._holders:
            if session_id:
                holder.close_session(session_id)
            elif account_id:
                holder.close_account(account_id)
            elif app_id:
                holder.close_app(app_id)

    def _forget(self, revoked: Revocation) -> None:
        """What is remembered of the tokens; streams go on. Where nobody is named it is everyone's."""
        if self._exchange is None:
            return
        if revoked.session_id:
            self._exchange.forget(revoked.session_id)
        elif revoked.account_id:
            self._exchange.forget_account(revoked.account_id)
        elif revoked.app_id:
            self._exchange.forget_app(revoked.app_id)
        else:
            self._exchange.forget_all()
