"""The streams from services: one to each for all accounts that this replica serves, opened again when it breaks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gateway_service.connections import CHAT_GAP, HOME_GAP, NOTIFICATION_GAP, Connection, Item
from rookery.feed.v1.feed_service_pb2 import StreamTimelinesRequest, StreamTimelinesResponse
from rookery.messaging.v1.messaging_service_pb2 import StreamMessagesRequest, StreamMessagesResponse
from rookery.notification.v1.notification_service_pb2 import StreamNotificationsRequest, StreamNotificationsResponse
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.logs import get_logger
from rookery_common.rpc import RpcClient

# Each service sends a heartbeat every 5 s.
SILENCE_SECONDS = 12.0
ACCOUNTS_PER_REQUEST = 1_000
Request = StreamTimelinesRequest | StreamNotificationsRequest | StreamMessagesRequest
Due = tuple[Iterable[int], Item]  # accounts, and what is due to them
log = get_logger()


class Upstream:
    """One service's stream, and the connections that listen to it by account.

    Clients are told of a gap when the stream is heard again after a break.
    """

    def __init__(
        self,
        client: RpcClient,
        method: str,
        request_type: type[Request],
        due_of: Callable[[Any], Sequence[Due]],
        gap: Item,
        clock: Clock,
    ) -> None:
        self._client = client
        self._method = method
        self._request_type = request_type
        self._due_of = due_of
        self._gap = gap
        self._clock = clock
        self._listening: dict[int, set[Connection]] = {}
        self._requests: asyncio.Queue[Request] | None = None
        self._is_lost = False

    def listen(self, connection: Connection) -> None:
        """From now on what its account is due is offered to the connection."""
        account_id = connection.account_id
        if account_id not in self._listening:
            self._request(self._request_type(subscribe_account_ids=[account_id]))
        self._listening.setdefault(account_id, set()).add(connection)

    def unlisten(self, connection: Connection) -> None:
        """No longer."""
        account_id = connection.account_id
        if remove(self._listening, account_id, connection) and account_id not in self._listening:
            self._request(self._request_type(unsubscribe_account_ids=[account_id]))

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
        ids = list(self._listening)
        for start in range(0, len(ids), ACCOUNTS_PER_REQUEST):
            page = ids[start : start + ACCOUNTS_PER_REQUEST]
            self._requests.put_nowait(self._request_type(subscribe_account_ids=page))
        async for response in self._client.stream(self._method, _Requests(self._requests), silence=SILENCE_SECONDS):
            if again:
                self._offer(self._listening, self._gap)
                again = False
            if self._is_lost:
                self._is_lost = False
                log.info("upstream.heard_again", method=self._method)
            for account_ids, item in self._due_of(response):
                self._offer(account_ids, item)

    def _offer(self, account_ids: Iterable[int], item: Item) -> None:
        for account_id in account_ids:
            for connection in self._listening.get(account_id, ()):
                connection.offer(item)

    def _request(self, request: Request) -> None:
        """Without a stream there is nothing to say: the next one begins with all accounts."""
        if self._requests is not None:
            self._requests.put_nowait(request)


def homes(feed: RpcClient, clock: Clock) -> Upstream:
    """What arrives in homes, of feed."""
    return Upstream(feed, "StreamTimelines", StreamTimelinesRequest, _timeline_due, HOME_GAP, clock)


def notifications(notification: RpcClient, clock: Clock) -> Upstream:
    """What accounts are told, of notification."""
    return Upstream(
        notification,
        "StreamNotifications",
        StreamNotificationsRequest,
        _notification_due,
        NOTIFICATION_GAP,
        clock,
    )


def chat(messaging: RpcClient, clock: Clock) -> Upstream:
    """What is said in conversations, of messaging."""
    return Upstream(messaging, "StreamMessages", StreamMessagesRequest, _message_due, CHAT_GAP, clock)


def remove(index: dict[int, set[Connection]], key: int, connection: Connection) -> bool:
    """Takes the connection out of an index; whether it was there."""
    members = index.get(key)
    if members is None or connection not in members:
        return False
    members.discard(connection)
    if not members:
        del index[key]
    return True


def _timeline_due(response: StreamTimelinesResponse) -> list[Due]:
    return [(update.account_ids, update) for update in response.updates]


def _notification_due(response: StreamNotificationsResponse) -> list[Due]:
    due: list[Due] = [((told.recipient_id,), told) for told in response.notifications]
    return [*due, (response.gap_account_ids, NOTIFICATION_GAP)]


def _message_due(response: StreamMessagesResponse) -> list[Due]:
    due: list[Due] = [(delivery.account_ids, delivery) for delivery in response.deliveries]
    return [*due, (response.gap_account_ids, CHAT_GAP)]


class _Requests:
    """What is asked for, without an end. No generator: gRPC drops it while it waits, and a generator must be closed."""

    def __init__(self, queue: asyncio.Queue[Request]) -> None:
        self._queue = queue

    def __aiter__(self) -> _Requests:
        return self

    async def __anext__(self) -> Request:
        return await self._queue.get()
