"""The live streams of this replica: the open connections, and which of the services' streams feed each of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection
from typing import Any

from gateway_service import upstreams
from gateway_service.clients import Clients
from gateway_service.connections import RETURN_SECONDS, Closing, Connection
from gateway_service.metrics import LIVE_CONNECTIONS
from gateway_service.streams import CHAT, DIRECT, USER, USER_NOTIFICATION, Stream
from gateway_service.upstreams import Upstream, remove
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.errors import ResourceExhausted

MAX_CONNECTIONS = 20_000
MAX_PER_ACCOUNT = 32
# What the other replicas take of those that this one sends away.
RETURNS_PER_SECOND = 200
Feed = tuple[Upstream[Any], int | str]


class TooManyStreams(ResourceExhausted):
    """This replica, or this account, has as many open streams as it may."""

    reason = "TOO_MANY_STREAMS"


class Hub:
    """Component: the open connections, by account and session, and the streams that feed them all."""

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self._homes = upstreams.homes(clients.feed, clock)
        self._public = upstreams.public_timelines(clients.feed, clock)
        self._notifications = upstreams.notifications(clients.notification, clock)
        self._chat = upstreams.chat(clients.messaging, clock)
        self._direct = upstreams.direct_threads(clients.messaging, clock)
        self._connections: set[Connection] = set()
        self._by_session: dict[int, set[Connection]] = {}
        self._by_account: dict[int, set[Connection]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begins to follow the services, also while they are away."""
        followed = (self._homes, self._public, self._notifications, self._chat, self._direct)
        runs = [each.run() for each in followed]
        self._tasks = [asyncio.create_task(run, name="upstream") for run in runs]

    async def stop(self) -> None:
        """Tells every client to come back, which another replica will hear."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.close_all(Closing.RESTART)

    def open(self, identity: Identity) -> Connection:
        """A connection that listens to nothing yet. Raises TooManyStreams. Give it back by `release`."""
        mine = self._by_account.get(identity.account_id, ())
        if len(self._connections) >= MAX_CONNECTIONS or len(mine) >= MAX_PER_ACCOUNT:
            raise TooManyStreams("There are too many open streams.")
        connection = Connection(identity)
        self._connections.add(connection)
        self._by_session.setdefault(connection.session_id, set()).add(connection)
        self._by_account.setdefault(connection.account_id, set()).add(connection)
        LIVE_CONNECTIONS.set(len(self._connections))
        return connection

    def release(self, connection: Connection) -> None:
        """Forgets a connection whose client has gone."""
        for stream in tuple(connection.streams):
            self.unlisten(connection, stream)
        self._connections.discard(connection)
        remove(self._by_session, connection.session_id, connection)
        remove(self._by_account, connection.account_id, connection)
        LIVE_CONNECTIONS.set(len(self._connections))

    def listen(self, connection: Connection, stream: Stream = USER) -> None:
        """From now on what the stream brings is offered to the connection."""
        connection.streams.add(stream)
        for upstream, key in self._feeds(connection, stream):
            upstream.listen(connection, key)

    def unlisten(self, connection: Connection, stream: Stream = USER) -> None:
        """No longer, save for what another of its streams brings too."""
        connection.streams.discard(stream)
        kept = [feed for each in connection.streams for feed in self._feeds(connection, each)]
        for upstream, key in self._feeds(connection, stream):
            if (upstream, key) not in kept:
                upstream.unlisten(connection, key)

    def listeners(self, stream: Stream) -> list[Connection]:
        """All connections that listen to it."""
        return [connection for connection in self._connections if stream in connection.streams]

    def close_session(self, session_id: int) -> None:
        """Ends the streams of a revoked session."""
        for connection in self._by_session.get(session_id, ()):
            connection.close(Closing.REVOKED)

    def close_account(self, account_id: int) -> None:
        """Ends all streams of an account."""
        for connection in self._by_account.get(account_id, ()):
            connection.close(Closing.REVOKED)

    def close_listeners(self, names: Collection[str]) -> None:
        """Ends the connections that listen to a stream of these names: nobody is to be served them for now."""
        for connection in self._connections:
            if any(stream.name in names for stream in connection.streams):
                connection.close(Closing.UNAVAILABLE)

    def close_app(self, app_id: int) -> None:
        """Ends all streams of an app's sessions."""
        for connection in self._connections:
            if connection.identity.app_id == app_id:
                connection.close(Closing.REVOKED)

    def close_all(self, closing: Closing = Closing.RESTART) -> None:
        """Ends every stream; clients come back, spread over a while that grows with their number, with their tokens."""
        within = RETURN_SECONDS + len(self._connections) / RETURNS_PER_SECOND
        for connection in self._connections:
            connection.close(closing, random.uniform(0.0, within))  # noqa: S311 - spreads load, keeps no secret

    def _feeds(self, connection: Connection, stream: Stream) -> list[Feed]:
        """What brings the stream, and whose or what of it."""
        feeds: list[Feed] = [(self._public, stream.timeline)] if stream.timeline else []
        if stream.is_home:
            feeds.append((self._homes, connection.account_id))
        if stream in (USER, USER_NOTIFICATION):
            feeds.append((self._notifications, connection.account_id))
        if stream == DIRECT:
            feeds.append((self._direct, connection.account_id))
        if stream == CHAT:
            feeds.append((self._chat, connection.account_id))
        return feeds
