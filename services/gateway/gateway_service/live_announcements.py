"""What one client's stream of its account tells of announcements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway_service.batched_calls import READ_SECONDS
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compose.announcements import announcement
from gateway_service.connections import ANNOUNCEMENT_GAP, AnnouncementFrame, Connection, Item
from gateway_service.live_backlog import Backlog
from gateway_service.live_sources import Frame
from gateway_service.streams import USER
from rookery.moderation.v1.announcement_service_pb2 import (
    Announcement,
    ListAnnouncementsRequest,
    ListAnnouncementsResponse,
)
from rookery_common.auth import Identity
from rookery_common.clock import Clock

SCOPE: Final = "read:accounts"


class AnnouncementSource:
    """To a token that may not read announcements nothing is said of them.

    Frames arrive composed, for all streams of the account alike. After a gap those are read that were listed or changed
    since the client came, or since what it has seen; what was withdrawn meanwhile is not told, as deleted posts are
    not.
    """

    def __init__(
        self, connection: Connection, clients: Clients, composer: Composer, clock: Clock, since_ms: int
    ) -> None:
        self.backlog: Backlog[AnnouncementFrame] = Backlog(ANNOUNCEMENT_GAP, clock)
        self._connection = connection
        self._clients = clients
        self._composer = composer
        self._since_ms = since_ms

    def take(self, items: Sequence[Item]) -> None:
        """Keeps what is of this kind, of what has arrived."""
        self.backlog.add(item for item in items if isinstance(item, AnnouncementFrame))

    async def frames(self, viewer: Identity) -> list[Frame]:
        """Of what is kept. Raises AppError: then it is kept still."""
        shown: list[AnnouncementFrame] = []
        if viewer.has_scope(SCOPE) and USER in self._connection.streams:
            for item in self.backlog.items:
                shown += [item] if item.event else await self._missed(viewer)
        self.backlog.clear()
        return [Frame(frame.event, frame.payload) for frame in shown]

    async def _missed(self, viewer: Identity) -> list[AnnouncementFrame]:
        answer: ListAnnouncementsResponse = await self._clients.moderation.call(
            "ListAnnouncements",
            ListAnnouncementsRequest(with_dismissed=True),
            timeout=READ_SECONDS,
            idempotent=True,
            identity=viewer,
        )
        renderer = self._composer.renderer
        return [
            AnnouncementFrame("announcement", announcement(each, renderer))
            for each in answer.announcements
            if _changed_ms(each) >= self._since_ms
        ]


def _changed_ms(message: Announcement) -> int:
    """When it was listed or changed last; one that was scheduled is listed later than it was written."""
    return max(message.publish_time.ToMilliseconds(), message.update_time.ToMilliseconds())
