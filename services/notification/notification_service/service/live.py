"""What recipients are told, handed to the streams of the gateway's replicas as it happens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from notification_service.metrics import LIVE_ACCOUNTS, LIVE_GAPS
from notification_service.models import Notification
from notification_service.placement import live_shard
from notification_service.repository.live import LiveStreams, Message, Position
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.logs import get_logger

# A gateway replica that falls this far behind is told of a gap instead.
MAX_WAITING: Final = 2_000
MAX_TAKEN: Final = 200
RETRY_SECONDS: Final = 0.5
log = get_logger()


@dataclass(frozen=True, slots=True)
class Gap:
    """Accounts that may have missed something."""

    account_ids: Sequence[int]


News = Notification | Gap


class Subscription:
    """One gateway replica's stream: the accounts it serves, and what it has not been sent yet."""

    def __init__(self) -> None:
        self.accounts: set[int] = set()
        self._waiting: deque[News] = deque()
        self._arrived = asyncio.Event()

    def add(self, account_ids: Iterable[int]) -> None:
        """From now on, what these accounts are told."""
        before = len(self.accounts)
        self.accounts.update(account_ids)
        LIVE_ACCOUNTS.inc(len(self.accounts) - before)

    def remove(self, account_ids: Iterable[int]) -> None:
        """No longer."""
        before = len(self.accounts)
        self.accounts.difference_update(account_ids)
        LIVE_ACCOUNTS.dec(before - len(self.accounts))

    def offer(self, news: News) -> None:
        """Keeps it for whoever takes; a reader that is too slow loses all and is told so."""
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.clear()
            news = Gap(sorted(self.accounts))
            LIVE_GAPS.labels("slow_reader").inc()
        self._waiting.append(news)
        self._arrived.set()

    async def take(self, seconds: float) -> Sequence[News]:
        """What has come, as soon as something has; empty after the time given."""
        if not self._waiting:
            try:
                async with asyncio.timeout(seconds):
                    await self._arrived.wait()
            except TimeoutError:
                return ()
        taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_TAKEN))]
        if not self._waiting:
            self._arrived.clear()
        return taken


class LiveHub:
    """Component: reads the streams from where they are when it starts, and offers each message to who subscribed."""

    def __init__(self, streams: LiveStreams, clock: Clock) -> None:
        self._streams = streams
        self._clock = clock
        self._subscriptions: set[Subscription] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Also while Redis is away: then it begins once that is back."""
        self._tasks = [asyncio.create_task(self._follow(shards), name="live") for shards in self._streams.groups]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def open(self) -> Subscription:
        """A subscription to nothing yet. Give it back by `close`."""
        subscription = Subscription()
        self._subscriptions.add(subscription)
        return subscription

    def close(self, subscription: Subscription) -> None:
        """Forgets a stream that has ended."""
        subscription.remove(list(subscription.accounts))
        self._subscriptions.discard(subscription)

    async def _follow(self, shards: Sequence[int]) -> None:
        positions: dict[int, Position] = {}
        while True:
            try:
                for shard in shards:
                    if shard not in positions:
                        positions[shard] = await self._streams.end(shard)
                messages = await self._streams.read(positions)
            except AppError as error:
                log.warning("live.redis_away", reason=error.reason)
                await self._clock.sleep(RETRY_SECONDS)
                continue
            for message in messages:
                self._take(message, positions)

    def _take(self, message: Message, positions: dict[int, Position]) -> None:
        before = positions[message.shard].sequence
        positions[message.shard] = message.position
        if message.position.sequence != before + 1:
            self._tell_gap(message.shard)
        for subscription in self._subscriptions:
            if message.notification.recipient_id in subscription.accounts:
                subscription.offer(message.notification)

    def _tell_gap(self, shard: int) -> None:
        LIVE_GAPS.labels("sequence").inc()
        log.warning("live.gap", shard=shard)
        for subscription in self._subscriptions:
            concerned = [account_id for account_id in subscription.accounts if live_shard(account_id) == shard]
            if concerned:
                subscription.offer(Gap(sorted(concerned)))
