"""One client's open stream: what it listens to, what is due to it, and how it ends."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import Enum

from gateway_service.metrics import LIVE_CLOSED
from gateway_service.streams import Stream
from rookery.feed.v1.feed_service_pb2 import PublicTimelineUpdate, TimelineUpdate
from rookery.messaging.v1.direct_thread_service_pb2 import DirectThreadUpdate
from rookery.messaging.v1.messaging_service_pb2 import MessageDelivery
from rookery.notification.v1.notification_service_pb2 import Notification
from rookery_common.auth import Identity

MAX_QUEUED = 200
# Something may have been missed: the home, the notifications, the timelines of everybody, the chats or the threads of
# direct posts should be read again.
HOME_GAP = TimelineUpdate(kind=TimelineUpdate.Kind.KIND_GAP)
NOTIFICATION_GAP = Notification()
PUBLIC_GAP = PublicTimelineUpdate(kind=TimelineUpdate.Kind.KIND_GAP)
CHAT_GAP = MessageDelivery()
DIRECT_GAP = DirectThreadUpdate()
RETURN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ChatFrame:
    """A client of the chat asks for a conversation's messages after a sequence."""

    frame_id: str
    conversation_id: int
    after: int


@dataclass(frozen=True, slots=True)
class RefusedFrame:
    """A client of the chat said what is not understood."""

    frame_id: str
    why: str


@dataclass(frozen=True, slots=True)
class AnnouncementFrame:
    """What the client is told of an announcement; without an event, that it may have missed something."""

    event: str
    payload: bytes


ANNOUNCEMENT_GAP = AnnouncementFrame("", b"")
Item = (
    TimelineUpdate
    | PublicTimelineUpdate
    | Notification
    | MessageDelivery
    | DirectThreadUpdate
    | AnnouncementFrame
    | ChatFrame
    | RefusedFrame
)


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
        self.identity = identity
        self.account_id = identity.account_id
        self.session_id = identity.session_id
        self.streams: set[Stream] = set()
        self.return_seconds = RETURN_SECONDS
        self.closed: asyncio.Future[Closing] = asyncio.get_running_loop().create_future()
        self._queue: deque[Item] = deque()
        self._arrived = asyncio.Event()

    async def wait(self, seconds: float) -> list[Item]:
        """What has arrived, all at once; empty if nothing does in this time."""
        if not self._queue:
            try:
                async with asyncio.timeout(seconds):
                    await self._arrived.wait()
            except TimeoutError:
                return []
        items = list(self._queue)
        self._queue.clear()
        self._arrived.clear()
        return items

    def offer(self, item: Item) -> None:
        """Puts it into the queue; a client that reads too slowly is dropped, so that it holds nothing up."""
        if len(self._queue) >= MAX_QUEUED:
            self.close(Closing.SLOW)
            return
        self._queue.append(item)
        self._arrived.set()

    def reason(self, closing: Closing) -> str:
        """What the client is told; where another replica will serve it, also when it should come back."""
        why: str = closing.value.why
        if closing is not Closing.RESTART:
            return why
        return f"{why}; come back in {self.return_seconds:.1f} s"

    def close(self, closing: Closing, return_seconds: float = RETURN_SECONDS) -> None:
        """Ends it, once; its client is asked to come back after these seconds, if at all."""
        if not self.closed.done():
            self.return_seconds = return_seconds
            LIVE_CLOSED.labels(closing.value.why).inc()
            self.closed.set_result(closing)
