"""News, handed to the streams of the gateway's replicas as it comes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, Generic, TypeVar

from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.live.metrics import LIVE_ACCOUNTS, LIVE_GAPS
from rookery_common.live.streams import READ_MESSAGES, LiveStreams, Message, News, Position, live_shard
from rookery_common.logs import get_logger

# A gateway replica that falls this far behind is told of a gap instead.
MAX_WAITING: Final = 2_000
MAX_TAKEN: Final = 200
RETRY_SECONDS: Final = 0.5
# While nobody listens, what comes is passed over this often: each read costs as much as it would for somebody.
REST_SECONDS: Final = 1.0
S = TypeVar("S")
T = TypeVar("T")
log = get_logger()


class Subscription(Generic[T]):
    """One gateway replica's stream: the accounts it serves, and what it has not been sent yet."""

    def __init__(self, heard: asyncio.Event) -> None:
        self.accounts: set[int] = set()
        self._heard = heard
        self._waiting: deque[News[T]] = deque()
        self._arrived = asyncio.Event()

    def add(self, account_ids: Iterable[int]) -> None:
        """From now on, these accounts' news."""
        before = len(self.accounts)
        self.accounts.update(account_ids)
        LIVE_ACCOUNTS.inc(len(self.accounts) - before)
        if self.accounts:
            self._heard.set()

    def remove(self, account_ids: Iterable[int]) -> None:
        """No longer."""
        before = len(self.accounts)
        self.accounts.difference_update(account_ids)
        LIVE_ACCOUNTS.dec(before - len(self.accounts))

    def offer(self, news: News[T]) -> None:
        """Keeps it for whoever takes; a reader that is too slow loses all and is told so."""
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.clear()
            news = News(sorted(self.accounts), None)
            LIVE_GAPS.labels("slow_reader").inc()
        self._waiting.append(news)
        self._arrived.set()

    async def take(self, seconds: float) -> Sequence[News[T]]:
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


class LiveHub(Generic[S, T]):
    """Component: reads the streams from where they are when it starts, and offers what comes to who subscribed.

    `load` makes of the items that streams carry, in their order, what subscribers are told: once for however many of
    them listen. None is for what cannot be told; AppError makes a gap of all.
    """

    def __init__(
        self, streams: LiveStreams[S], load: Callable[[Sequence[S]], Awaitable[Sequence[T | None]]], clock: Clock
    ) -> None:
        self._streams = streams
        self._load = load
        self._clock = clock
        self._subscriptions: set[Subscription[T]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._behind: set[int] = set()
        # Set once somebody listens.
        self._heard = asyncio.Event()
        self._ready = asyncio.Event()

    async def start(self) -> None:
        """Also while Redis is away: then it begins once that is back."""
        self._behind = {shard for shards in self._streams.groups for shard in shards}
        self._tasks = [asyncio.create_task(self._follow(shards), name="live") for shards in self._streams.groups]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def ready(self) -> None:
        """Waits until whatever is published from now on is heard."""
        await self._ready.wait()

    def open(self) -> Subscription[T]:
        """A subscription to nothing yet. Give it back by `close`."""
        subscription = Subscription[T](self._heard)
        self._subscriptions.add(subscription)
        return subscription

    def close(self, subscription: Subscription[T]) -> None:
        """Forgets a stream that has ended."""
        subscription.remove(list(subscription.accounts))
        self._subscriptions.discard(subscription)

    def accounts(self) -> set[int]:
        """All that anybody has subscribed to."""
        return set().union(*(subscription.accounts for subscription in self._subscriptions))

    def offer(self, account_ids: Iterable[int], item: T | None) -> None:
        """Tells subscribers of these accounts what did not come by the streams; without an item, that they may have
        missed something."""
        concerned = list(account_ids)
        if concerned:
            self._offer(concerned, item)

    async def _follow(self, shards: Sequence[int]) -> None:
        positions: dict[int, Position] = {}
        while True:
            try:
                for shard in shards:
                    if shard not in positions:
                        positions[shard] = await self._streams.end(shard)
                        self._note_begin(shard)
                messages = await self._streams.read(positions)
            except AppError as error:
                log.warning("live.redis_away", reason=error.reason)
                await self._clock.sleep(RETRY_SECONDS)
                continue
            await self._take(messages, positions)
            if len(messages) < READ_MESSAGES:
                await self._rest()

    async def _rest(self) -> None:
        """While nobody listens. Nothing is missed by who begins to: the next read goes on from where the last ended."""
        if any(subscription.accounts for subscription in self._subscriptions):
            return
        self._heard.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(REST_SECONDS):
                await self._heard.wait()

    def _note_begin(self, shard: int) -> None:
        self._behind.discard(shard)
        if not self._behind:
            self._ready.set()

    async def _take(self, messages: Sequence[Message[S]], positions: dict[int, Position]) -> None:
        wanted = [message for message in messages if self._is_wanted(message)]
        loaded = iter(await self._loaded([message.item for message in wanted]) if wanted else ())
        told = {id(message): item for message, item in zip(wanted, loaded, strict=True)}
        for message in messages:
            if message.position.sequence != positions[message.shard].sequence + 1:
                self._tell_gap(message.shard)
            positions[message.shard] = message.position
            if id(message) in told:
                self._offer(message.account_ids, told[id(message)])

    def _is_wanted(self, message: Message[S]) -> bool:
        return any(not subscription.accounts.isdisjoint(message.account_ids) for subscription in self._subscriptions)

    async def _loaded(self, items: Sequence[S]) -> Sequence[T | None]:
        try:
            return await self._load(items)
        except AppError as error:
            log.warning("live.not_loaded", items=len(items), reason=error.reason)
            LIVE_GAPS.labels("not_loaded").inc(len(items))
            return [None] * len(items)

    def _offer(self, account_ids: Iterable[int], item: T | None) -> None:
        for subscription in self._subscriptions:
            concerned = subscription.accounts.intersection(account_ids)
            if concerned:
                subscription.offer(News(sorted(concerned), item))

    def _tell_gap(self, shard: int) -> None:
        LIVE_GAPS.labels("sequence").inc()
        log.warning("live.gap", shard=shard)
        for subscription in self._subscriptions:
            concerned = [account_id for account_id in subscription.accounts if live_shard(account_id) == shard]
            if concerned:
                subscription.offer(News(sorted(concerned), None))


async def as_sent(items: Sequence[T]) -> Sequence[T]:
    """For a hub whose streams carry all that subscribers are told."""
    return items
