"""The live streams of this replica: one stream to feed for all accounts that it serves, and a queue for each client."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from enum import Enum

from gateway_service.clients import Clients
from gateway_service.metrics import LIVE_CLOSED, LIVE_CONNECTIONS
from rookery.feed.v1.feed_service_pb2 import StreamTimelinesRequest, StreamTimelinesResponse, TimelineUpdate
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.errors import AppError, ResourceExhausted
from rookery_common.logs import get_logger

# Feed sends a heartbeat every 5 s.
SILENCE_SECONDS = 12.0
MAX_QUEUED = 200
MAX_CONNECTIONS = 20_000
MAX_PER_ACCOUNT = 32
ACCOUNTS_PER_REQUEST = 1_000
GAP = TimelineUpdate(kind=TimelineUpdate.Kind.KIND_GAP)
log = get_logger()


class TooManyStreams(ResourceExhausted):
    """This replica, or this account, has as many open streams as it may."""

    reason = "TOO_MANY_STREAMS"


@dataclass(frozen=True, slots=True)
class Close:
    """Why the gateway ends a stream, and the WebSocket's code for it."""

    why: str
    code: int


class Closing(Enum):
    """The reasons there are."""

    REVOKED = Close("revoked", 4001)
    SLOW = Close("slow", 4008)
    RESTART = Close("restart", 1012)
    UNAVAILABLE = Close("unavailable", 1013)


class Connection:
    """One client's stream: what is due to it, in order. It ends by `close`, or when its queue is full."""

    def __init__(self, identity: Identity) -> None:
        self.account_id = identity.account_id
        self.session_id = identity.session_id
        self.closed: asyncio.Future[Closing] = asyncio.get_running_loop().create_future()
        self._queue: deque[TimelineUpdate] = deque()
        self._arrived = asyncio.Event()

    async def wait(self, seconds: float) -> list[TimelineUpdate]:
        """What has arrived, all at once; empty if nothing does in this time."""
        if not self._queue:
            try:
                async with asyncio.timeout(seconds):
                    await self._arrived.wait()
            except TimeoutError:
                return []
        updates = list(self._queue)
        self._queue.clear()
        self._arrived.clear()
        return updates

    def offer(self, update: TimelineUpdate) -> None:
        """Puts it into the queue; a client that reads too slowly is dropped, so that it holds nothing up."""
        if len(self._queue) >= MAX_QUEUED:
            self.close(Closing.SLOW)
            return
        self._queue.append(update)
        self._arrived.set()

    def close(self, closing: Closing) -> None:
        """Ends it, once."""
        if not self.closed.done():
            LIVE_CLOSED.labels(closing.value.why).inc()
            self.closed.set_result(closing)


class Hub:
    """Component: the open connections, by account and session, and the one stream that feeds them all."""

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock
        self._connections: set[Connection] = set()
        self._by_session: dict[int, set[Connection]] = {}
        self._by_account: dict[int, set[Connection]] = {}
        self._listening: dict[int, set[Connection]] = {}
        self._requests: asyncio.Queue[StreamTimelinesRequest] | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to follow feed, also while it is away."""
        self._task = asyncio.create_task(self._run(), name="hub")

    async def stop(self) -> None:
        """Tells every client to come back, which another replica will hear."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for connection in self._connections:
            connection.close(Closing.RESTART)

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
        self.unlisten(connection)
        self._connections.discard(connection)
        _remove(self._by_session, connection.session_id, connection)
        _remove(self._by_account, connection.account_id, connection)
        LIVE_CONNECTIONS.set(len(self._connections))

    def listen(self, connection: Connection) -> None:
        """From now on what arrives in its account's home is offered to the connection."""
        account_id = connection.account_id
        if account_id not in self._listening:
            self._request(StreamTimelinesRequest(subscribe_account_ids=[account_id]))
        self._listening.setdefault(account_id, set()).add(connection)

    def unlisten(self, connection: Connection) -> None:
        """No longer."""
        account_id = connection.account_id
        if _remove(self._listening, account_id, connection) and account_id not in self._listening:
            self._request(StreamTimelinesRequest(unsubscribe_account_ids=[account_id]))

    def close_session(self, session_id: int) -> None:
        """Ends the streams of a revoked session."""
        for connection in self._by_session.get(session_id, ()):
            connection.close(Closing.REVOKED)

    def close_account(self, account_id: int) -> None:
        """Ends all streams of an account."""
        for connection in self._by_account.get(account_id, ()):
            connection.close(Closing.REVOKED)

    async def _run(self) -> None:
        again = False
        while True:
            try:
                await self._follow(again)
            except AppError as error:
                log.warning("hub.feed_lost", reason=error.reason)
            again = True
            self._requests = None
            await self._clock.sleep(random.uniform(0.1, 0.5))  # noqa: S311 - spreads the replicas' return

    async def _follow(self, again: bool) -> None:
        """Until the stream breaks. After a break clients are told of a gap as soon as feed is heard again."""
        self._requests = asyncio.Queue()
        for request in _subscriptions(self._listening):
            self._requests.put_nowait(request)
        async for response in self._clients.feed.stream(
            "StreamTimelines", _drain(self._requests), silence=SILENCE_SECONDS
        ):
            if again:
                self._offer(self._listening, GAP)
                again = False
            self._take(response)

    def _take(self, response: StreamTimelinesResponse) -> None:
        for update in response.updates:
            self._offer(update.account_ids, update)

    def _offer(self, account_ids: Iterable[int], update: TimelineUpdate) -> None:
        for account_id in account_ids:
            for connection in self._listening.get(account_id, ()):
                connection.offer(update)

    def _request(self, request: StreamTimelinesRequest) -> None:
        """Without a stream there is nothing to say: the next one begins with all accounts."""
        if self._requests is not None:
            self._requests.put_nowait(request)


async def _drain(requests: asyncio.Queue[StreamTimelinesRequest]) -> AsyncIterator[StreamTimelinesRequest]:
    while True:
        yield await requests.get()


def _subscriptions(account_ids: Iterable[int]) -> list[StreamTimelinesRequest]:
    ids = list(account_ids)
    pages = (ids[start : start + ACCOUNTS_PER_REQUEST] for start in range(0, len(ids), ACCOUNTS_PER_REQUEST))
    return [StreamTimelinesRequest(subscribe_account_ids=page) for page in pages]


def _remove(index: dict[int, set[Connection]], key: int, connection: Connection) -> bool:
    """Whether it was there."""
    members = index.get(key)
    if members is None or connection not in members:
        return False
    members.discard(connection)
    if not members:
        del index[key]
    return True
