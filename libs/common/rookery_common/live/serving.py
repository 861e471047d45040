"""The servicers' end: one stream of requests, which name accounts, and their news as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

from rookery_common.errors import FieldViolation, InvalidArgument
from rookery_common.live.hub import LiveHub, Subscription
from rookery_common.live.streams import News

HEARTBEAT_SECONDS: Final = 5.0
MAX_ACCOUNTS: Final = 100_000
T = TypeVar("T")


class SubscribeRequest(Protocol):
    """Accounts that the caller serves from now on, and those it no longer does."""

    @property
    def subscribe_account_ids(self) -> Iterable[int]: ...

    @property
    def unsubscribe_account_ids(self) -> Iterable[int]: ...


class NoSuchAccountId(InvalidArgument):
    """Not an id that this platform can have minted."""

    reason = "WRONG_ID"

    def __init__(self) -> None:
        violation = FieldViolation("subscribe_account_ids", "ERR_INVALID", "has what is not an id")
        super().__init__("subscribe_account_ids has what is not an id", fields=[violation])


class TooManySubscriptions(InvalidArgument):
    """One stream names more accounts than a gateway replica can have clients."""

    reason = "TOO_MANY_SUBSCRIPTIONS"

    def __init__(self) -> None:
        super().__init__(f"a stream serves at most {MAX_ACCOUNTS} accounts")


async def live_news(
    hub: LiveHub[Any, T], requests: AsyncIterator[SubscribeRequest]
) -> AsyncGenerator[Sequence[News[T]], None]:
    """What comes, until the caller has no more to say: nothing at once, so that it knows that it is heard, and nothing
    every few seconds, so that it knows that all is well. Close it (contextlib.aclosing).

    Raises NoSuchAccountId, TooManySubscriptions.
    """
    subscription = hub.open()
    listening = asyncio.create_task(_subscribe(subscription, requests), name="subscriptions")
    try:
        yield ()
        while not listening.done():
            yield await subscription.take(HEARTBEAT_SECONDS)
        listening.result()
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await listening
        hub.close(subscription)


async def _subscribe(subscription: Subscription[Any], requests: AsyncIterator[SubscribeRequest]) -> None:
    async for request in requests:
        if any(account_id <= 0 for account_id in request.subscribe_account_ids):
            raise NoSuchAccountId
        subscription.remove(request.unsubscribe_account_ids)
        subscription.add(request.subscribe_account_ids)
        if len(subscription.accounts) > MAX_ACCOUNTS:
            raise TooManySubscriptions
