"""The streams from services: one to each for all accounts that this replica serves, opened again when it breaks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from gateway_service.connections import CHAT_GAP, DIRECT_GAP, HOME_GAP, NOTIFICATION_GAP, PUBLIC_GAP, Connection, Item
from rookery.feed.v1.feed_service_pb2 import (
    StreamPublicTimelinesRequest,
    StreamPublicTimelinesResponse,
    StreamTimelinesRequest,
    StreamTimelinesResponse,
)
from rookery.messaging.v1.direct_thread_service_pb2 import StreamDirectThreadsRequest, StreamDirectThreadsResponse
from rookery.messaging.v1.messaging_service_pb2 import StreamMessagesRequest, StreamMessagesResponse
from rookery.notification.v1.notification_service_pb2 import StreamNotificationsRequest, StreamNotificationsResponse
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.logs import get_logger
from rookery_common.rpc import RpcClient

# Each service sends a heartbeat every 5 s.
SILENCE_SECONDS = 12.0
KEYS_PER_REQUEST = 1_000
Request = (
    StreamTimelinesRequest
    | StreamPublicTimelinesRequest
    | StreamNotificationsRequest
    | StreamMessagesRequest
    | StreamDirectThreadsRequest
)
Key = TypeVar("Key", bound=int | str)
log = get_logger()


class Upstream(Generic[Key]):
    """One service's stream, and the connections that listen to it, by account or by timeline of everybody.

    Clients are told of a gap when the stream is heard again after a break.
    """

    def __init__(
        self,
        client: RpcClient,
        method: str,
        request_of: Callable[[Sequence[Key], Sequence[Key]], Request],
        due_of: Callable[[Any], Sequence[tuple[Iterable[Key], Item]]],
        gap: Item,
        clock: Clock,
    ) -> None:
        self._client = client
        self._method = method
        self._request_of = request_of
        self._due_of = due_of
        self._gap = gap
        self._clock = clock
        self._listening: dict[Key, set[Connection]] = {}
        self._requests: asyncio.Queue[Request] | None = None
        self._is_lost = False

    def listen(self, connection: Connection, key: Key) -> None:
        """From now on what is due to this account, or of this timeline, is offered to the connection."""
        if key not in self._listening:
            self._request(self._request_of([key], []))
        self._listening.setdefault(key, set()).add(connection)

    def unlisten(self, connection: Connection, key: Key) -> None:
        """No longer."""
        if remove(self._listening, key, connection) and key not in self._listening:
            self._request(self._request_of([], [key]))

    async def run(self) -> None:
        """Follows the service for good, also while it is away."""
        again = False
        while True:
            try:
                await self._follow(again)
            except AppError as error:
                self._lose(error)
            again = True
            self._requests = None
            await self._clock.sleep(random.uniform(0.1, 0.5))  # noqa: S311 - spreads the replicas' return

    def _lose(self, error: AppError) -> None:
        """Logged once, however often the service is asked again before it answers."""
        if not self._is_lost:
            log.warning("upstream.lost", method=self._method, reason=error.reason)
        self._is_lost = True

    async def _follow(self, again: bool) -> None:
        self._requests = asyncio.Queue()
        keys = list(self._listening)
        for start in range(0, len(keys), KEYS_PER_REQUEST):
            self._requests.put_nowait(self._request_of(keys[start : start + KEYS_PER_REQUEST], []))
        async for response in self._client.stream(self._method, _Requests(self._requests), silence=SILENCE_SECONDS):
            if again:
                self._offer(self._listening, self._gap)
                again = False
            if self._is_lost:
                self._is_lost = False
                log.info("upstream.heard_again", method=self._method)
            for due_to, item in self._due_of(response):
                self._offer(due_to, item)

    def _offer(self, keys: Iterable[Key], item: Item) -> None:
        """To each connection once, by however many of the keys it listens."""
        for connection in {connection for key in keys for connection in self._listening.get(key, ())}:
            connection.offer(item)

    def _request(self, request: Request) -> None:
        """Without a stream there is nothing to say: the next one begins with all accounts."""
        if self._requests is not None:
            self._requests.put_nowait(request)


def homes(feed: RpcClient, clock: Clock) -> Upstream[int]:
    """What arrives in homes, of feed."""
    return Upstream(feed, "StreamTimelines", _accounts(StreamTimelinesRequest), _timeline_due, HOME_GAP, clock)


def public_timelines(feed: RpcClient, clock: Clock) -> Upstream[str]:
    """What arrives in timelines that are the same for everybody, of feed."""
    return Upstream(feed, "StreamPublicTimelines", _timelines, _public_due, PUBLIC_GAP, clock)


def notifications(notification: RpcClient, clock: Clock) -> Upstream[int]:
    """What accounts are told, of notification."""
    request_of = _accounts(StreamNotificationsRequest)
    return Upstream(notification, "StreamNotifications", request_of, _notification_due, NOTIFICATION_GAP, clock)


def chat(messaging: RpcClient, clock: Clock) -> Upstream[int]:
    """What is said in conversations, of messaging."""
    return Upstream(messaging, "StreamMessages", _accounts(StreamMessagesRequest), _message_due, CHAT_GAP, clock)


def direct_threads(messaging: RpcClient, clock: Clock) -> Upstream[int]:
    """What is new in threads of direct posts, of messaging."""
    request_of = _accounts(StreamDirectThreadsRequest)
    return Upstream(messaging, "StreamDirectThreads", request_of, _direct_due, DIRECT_GAP, clock)


def remove(index: dict[Key, set[Connection]], key: Key, connection: Connection) -> bool:
    """Takes the connection out of an index; whether it was there."""
    members = index.get(key)
    if members is None or connection not in members:
        return False
    members.discard(connection)
    if not members:
        del index[key]
    return True


def _accounts(
    request_type: type[
        StreamTimelinesRequest | StreamNotificationsRequest | StreamMessagesRequest | StreamDirectThreadsRequest
    ],
) -> Callable[[Sequence[int], Sequence[int]], Request]:
    def request_of(added: Sequence[int], left: Sequence[int]) -> Request:
        return request_type(subscribe_account_ids=added, unsubscribe_account_ids=left)

    return request_of


def _timelines(added: Sequence[str], left: Sequence[str]) -> Request:
    return StreamPublicTimelinesRequest(subscribe_timelines=added, unsubscribe_timelines=left)


def _timeline_due(response: StreamTimelinesResponse) -> list[tuple[Iterable[int], Item]]:
    return [(update.account_ids, update) for update in response.updates]


def _public_due(response: StreamPublicTimelinesResponse) -> list[tuple[Iterable[str], Item]]:
    return [(update.timelines, update) for update in response.updates]


def _notification_due(response: StreamNotificationsResponse) -> list[tuple[Iterable[int], Item]]:
    due: list[tuple[Iterable[int], Item]] = [((told.recipient_id,), told) for told in response.notifications]
    return [*due, (response.gap_account_ids, NOTIFICATION_GAP)]


def _message_due(response: StreamMessagesResponse) -> list[tuple[Iterable[int], Item]]:
    due: list[tuple[Iterable[int], Item]] = [(delivery.account_ids, delivery) for delivery in response.deliveries]
    return [*due, (response.gap_account_ids, CHAT_GAP)]


def _direct_due(response: StreamDirectThreadsResponse) -> list[tuple[Iterable[int], Item]]:
    due: list[tuple[Iterable[int], Item]] = [(update.account_ids, update) for update in response.updates]
    return [*due, (response.gap_account_ids, DIRECT_GAP)]


class _Requests:
    """What is asked for, without an end. No generator: gRPC drops it while it waits, and a generator must be closed."""

    def __init__(self, queue: asyncio.Queue[Request]) -> None:
        self._queue = queue

    def __aiter__(self) -> _Requests:
        return self

    async def __anext__(self) -> Request:
        return await self._queue.get()
