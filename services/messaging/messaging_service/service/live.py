"""Messages as they are sent, handed to the streams of the gateway's replicas."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from messaging_service.metrics import LIVE_ACCOUNTS, LIVE_GAPS
from messaging_service.models import Delivery, Message
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.live import LiveStreams, Position, ShardNotice, live_shard
from messaging_service.repository.messages import MessageRepository
from messaging_service.service.seals import Seals
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.logs import get_logger

# A gateway replica that falls this far behind is told of a gap instead.
MAX_WAITING: Final = 2_000
MAX_TAKEN: Final = 100
RETRY_SECONDS: Final = 0.5
log = get_logger()


class Subscription:
    """One gateway replica's stream: the accounts it serves, and what it has not been sent yet."""

    def __init__(self) -> None:
        self.accounts: set[int] = set()
        self._waiting: deque[Delivery] = deque()
        self._news = asyncio.Event()

    def add(self, account_ids: Iterable[int]) -> None:
        """From now on, the messages of these accounts' conversations."""
        before = len(self.accounts)
        self.accounts.update(account_ids)
        LIVE_ACCOUNTS.inc(len(self.accounts) - before)

    def remove(self, account_ids: Iterable[int]) -> None:
        """No longer."""
        before = len(self.accounts)
        self.accounts.difference_update(account_ids)
        LIVE_ACCOUNTS.dec(before - len(self.accounts))

    def offer(self, delivery: Delivery) -> None:
        """Keeps it for whoever takes; a reader that is too slow loses all and is told so."""
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.clear()
            delivery = Delivery(None, sorted(self.accounts))
            LIVE_GAPS.labels("slow_reader").inc()
        self._waiting.append(delivery)
        self._news.set()

    async def take(self, seconds: float) -> Sequence[Delivery]:
        """What has come, as soon as something has; empty after the time given."""
        if not self._waiting:
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait()
            except TimeoutError:
                return ()
        taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_TAKEN))]
        if not self._waiting:
            self._news.clear()
        return taken


class LiveHub:
    """Component: reads the streams from where they are when it starts, and offers each message to who subscribed."""

    def __init__(
        self,
        streams: LiveStreams,
        conversations: ConversationRepository,
        messages: MessageRepository,
        seals: Seals,
        clock: Clock,
    ) -> None:
        self._streams = streams
        self._conversations = conversations
        self._messages = messages
        self._seals = seals
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
                found = await self._streams.read(positions)
            except AppError as error:
                log.warning("live.redis_away", reason=error.reason)
                await self._clock.sleep(RETRY_SECONDS)
                continue
            if found:
                await self._take(found, positions)

    async def _take(self, found: Sequence[ShardNotice], positions: dict[int, Position]) -> None:
        for each in found:
            if each.position.sequence != positions[each.shard].sequence + 1:
                self._tell_gap(each.shard)
            positions[each.shard] = each.position
        wanted = [each for each in found if self._is_wanted(each.notice.account_ids)]
        if not wanted:
            return
        try:
            messages = await self._load({(each.notice.conversation_id, each.notice.sequence) for each in wanted})
        except AppError as error:
            log.warning("live.messages_unread", notices=len(wanted), reason=error.reason)
            self._offer(None, [account_id for each in wanted for account_id in each.notice.account_ids])
            return
        for each in wanted:
            message = messages.get((each.notice.conversation_id, each.notice.sequence))
            self._offer(message, each.notice.account_ids)

    def _is_wanted(self, account_ids: Sequence[int]) -> bool:
        return any(not subscription.accounts.isdisjoint(account_ids) for subscription in self._subscriptions)

    async def _load(self, keys: set[tuple[int, int]]) -> dict[tuple[int, int], Message]:
        """What the notices tell of, opened: a few reads for however many streams listen."""
        sealed = await self._messages.get_many(sorted(keys))
        conversations = await self._conversations.get_many({each.conversation_id for each in sealed})
        return {
            (each.conversation_id, each.sequence): self._seals.open(conversations[each.conversation_id], each)
            for each in sealed
            if each.conversation_id in conversations
        }

    def _offer(self, message: Message | None, account_ids: Iterable[int]) -> None:
        concerned = frozenset(account_ids)
        for subscription in self._subscriptions:
            wanted = subscription.accounts & concerned
            if wanted:
                subscription.offer(Delivery(message, sorted(wanted)))

    def _tell_gap(self, shard: int) -> None:
        LIVE_GAPS.labels("sequence").inc()
        log.warning("live.gap", shard=shard)
        for subscription in self._subscriptions:
            concerned = [account_id for account_id in subscription.accounts if live_shard(account_id) == shard]
            if concerned:
                subscription.offer(Delivery(None, concerned))
