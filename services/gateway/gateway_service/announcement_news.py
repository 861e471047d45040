"""Tells every open stream of an account what moderation tells of announcements."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Final

import orjson

from gateway_service.batched_calls import READ_SECONDS
from gateway_service.cache import Followed
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compose.announcements import announcement_for
from gateway_service.connections import AnnouncementFrame, Connection
from gateway_service.hub import Hub
from gateway_service.streams import USER
from rookery.moderation.v1.announcement_service_pb2 import GetAnnouncementForRequest, GetAnnouncementForResponse
from rookery.moderation.v1.events_pb2 import AnnouncementListed, AnnouncementReactionsChanged, AnnouncementUnlisted
from rookery_common.clock import Clock
from rookery_common.errors import AppError, NotFound
from rookery_common.kafka.events import Event
from rookery_common.logs import get_logger

TOPIC: Final = "moderation.announcements.v1"
TAKEN: Final = (AnnouncementListed, AnnouncementUnlisted, AnnouncementReactionsChanged)
ACCOUNTS_PER_CALL: Final = 1_000
# Moderation is asked again after so long, until it answers.
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
log = get_logger()


class AnnouncementNews:
    """Component: what an announcement is to each account that listens is asked for many of them at once.

    All else is the same to everybody. Of an announcement that changes meanwhile the newest is told.
    """

    def __init__(self, hub: Hub, clients: Clients, composer: Composer, clock: Clock) -> None:
        self._hub = hub
        self._clients = clients
        self._composer = composer
        self._clock = clock
        # By their ids, what is to be told; the event says whether that is still so.
        self._due: dict[int, Event] = {}
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def followed(self) -> Followed:
        """What it is told by."""
        return Followed(TOPIC, TAKEN, self.handle)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="announcements")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def handle(self, event: Event) -> None:
        """Returns at once: whoever follows the topic follows others, too."""
        message = event.decode()
        if isinstance(message, AnnouncementListed):
            self._due[message.announcement_id] = event
            self._arrived.set()
        elif isinstance(message, AnnouncementUnlisted):
            self._due.pop(message.announcement_id, None)
            self._offer(AnnouncementFrame("announcement.delete", b"%d" % message.announcement_id))
        elif isinstance(message, AnnouncementReactionsChanged):
            for each in message.reactions:
                body = {"name": each.name, "count": each.count, "announcement_id": str(message.announcement_id)}
                self._offer(AnnouncementFrame("announcement.reaction", orjson.dumps(body)))

    def _offer(self, frame: AnnouncementFrame) -> None:
        for connection in self._hub.listeners(USER):
            connection.offer(frame)

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._due:
                await self._tell(*next(iter(self._due.items())))

    async def _tell(self, announcement_id: int, event: Event) -> None:
        """All who listen now; who comes later reads what there is."""
        waiting: dict[int, list[Connection]] = {}
        for connection in self._hub.listeners(USER):
            waiting.setdefault(connection.account_id, []).append(connection)
        accounts = list(waiting)
        for start in range(0, len(accounts), ACCOUNTS_PER_CALL):
            part = accounts[start : start + ACCOUNTS_PER_CALL]
            answer = await self._asked(announcement_id, part, event)
            if answer is None or self._due.get(announcement_id) is not event:
                break
            everybodys, own = announcement_for(answer.announcement, answer.readers, self._composer.renderer)
            for account_id in part:
                frame = AnnouncementFrame("announcement", own.get(account_id, everybodys))
                for connection in waiting[account_id]:
                    connection.offer(frame)
        if self._due.get(announcement_id) is event:
            del self._due[announcement_id]

    async def _asked(
        self, announcement_id: int, account_ids: Sequence[int], event: Event
    ) -> GetAnnouncementForResponse | None:
        """None where it is not listed any more, or something newer is to be told of it."""
        call = GetAnnouncementForRequest(announcement_id=announcement_id, account_ids=account_ids)
        wait = FIRST_WAIT
        while self._due.get(announcement_id) is event:
            try:
                answer: GetAnnouncementForResponse = await self._clients.moderation.call(
                    "GetAnnouncementFor", call, timeout=READ_SECONDS, idempotent=True, identity=None
                )
            except NotFound:
                return None
            except AppError as error:
                log.warning("announcement.not_told_yet", announcement_id=announcement_id, reason=error.reason)
                await self._clock.sleep(random.uniform(wait / 2, wait))  # noqa: S311 - spreads load
                wait = min(LONGEST_WAIT, wait * 2)
            else:
                return answer
        return None
