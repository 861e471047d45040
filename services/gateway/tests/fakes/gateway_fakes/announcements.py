"""Moderation: announcements, in the order in which they were made."""

from __future__ import annotations

from typing import Any

from gateway_fakes.service import FakeService
from rookery.moderation.v1 import announcement_service_pb2 as pb
from rookery_common.auth import Identity
from rookery_common.errors import NotFound


class FakeModeration(FakeService):
    """Keeps announcements, with what each account has made of them."""

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self.announcements: dict[int, pb.Announcement] = {}
        self.dismissed: set[tuple[int, int]] = set()
        self.reactions: dict[tuple[int, str], set[int]] = {}

    def ListAnnouncements(self, request: pb.ListAnnouncementsRequest, who: Identity | None) -> Any:
        shown = (self._shown(each, who) for each in self.announcements.values() if each.content.published)
        return pb.ListAnnouncementsResponse(
            announcements=[each for each in shown if request.with_dismissed or not each.read]
        )

    def DismissAnnouncement(self, request: pb.DismissAnnouncementRequest, who: Identity | None) -> Any:
        assert who is not None
        self.dismissed.add((self._found(request).announcement_id, who.account_id))
        return pb.DismissAnnouncementResponse()

    def AddAnnouncementReaction(self, request: pb.AddAnnouncementReactionRequest, who: Identity | None) -> Any:
        assert who is not None
        self.reactions.setdefault((self._found(request).announcement_id, request.name), set()).add(who.account_id)
        return pb.AddAnnouncementReactionResponse()

    def RemoveAnnouncementReaction(self, request: pb.RemoveAnnouncementReactionRequest, who: Identity | None) -> Any:
        assert who is not None
        self.reactions.get((self._found(request).announcement_id, request.name), set()).discard(who.account_id)
        return pb.RemoveAnnouncementReactionResponse()

    def ListAllAnnouncements(self, request: pb.ListAllAnnouncementsRequest, who: Identity | None) -> Any:
        every = [each for number, each in self.announcements.items() if not 0 < request.max_id <= number]
        return pb.ListAllAnnouncementsResponse(
            announcements=[self._shown(each, who) for each in every[::-1][: request.page_size]]
        )

    def CreateAnnouncement(self, request: pb.CreateAnnouncementRequest, _who: Identity | None) -> Any:
        made = pb.Announcement(announcement_id=len(self.announcements) + 1, content=request.content)
        made.create_time.FromMilliseconds(1_700_000_000_123)
        self.announcements[made.announcement_id] = made
        return pb.CreateAnnouncementResponse(announcement=self._changed(made))

    def UpdateAnnouncement(self, request: pb.UpdateAnnouncementRequest, _who: Identity | None) -> Any:
        changed = self._found(request)
        changed.content.CopyFrom(request.content)
        return pb.UpdateAnnouncementResponse(announcement=self._changed(changed))

    def DeleteAnnouncement(self, request: pb.DeleteAnnouncementRequest, _who: Identity | None) -> Any:
        self.announcements.pop(request.announcement_id, None)
        return pb.DeleteAnnouncementResponse()

    def _changed(self, announcement: pb.Announcement) -> pb.Announcement:
        announcement.update_time.CopyFrom(announcement.create_time)
        if announcement.content.published:
            announcement.publish_time.CopyFrom(announcement.create_time)
        return announcement

    def _shown(self, announcement: pb.Announcement, who: Identity | None) -> pb.Announcement:
        assert who is not None
        shown = pb.Announcement()
        shown.CopyFrom(announcement)
        shown.read = (announcement.announcement_id, who.account_id) in self.dismissed
        for (number, name), accounts in self.reactions.items():
            if number == announcement.announcement_id and accounts:
                shown.reactions.add(name=name, count=len(accounts), me=who.account_id in accounts)
        return shown

    def _found(self, request: Any) -> pb.Announcement:
        if request.announcement_id not in self.announcements:
            raise NotFound("no such announcement")
        return self.announcements[request.announcement_id]
