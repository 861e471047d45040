"""Moderation as notifications of reports ask it, and streams that tell of announcements."""

from __future__ import annotations

from typing import Any

from rookery.moderation.v1 import announcement_service_pb2 as announcements
from rookery.moderation.v1 import moderation_service_pb2 as pb
from rookery.moderation.v1.announcement_service_pb2_grpc import AnnouncementServiceServicer
from rookery.moderation.v1.moderation_service_pb2_grpc import ModerationServiceServicer
from rookery_common.auth import check_permission, require_identity
from rookery_common.errors import NotFound


class ReportServer(ModerationServiceServicer):
    def __init__(self, world: Any) -> None:
        self._world = world

    async def BatchGetReports(self, request: Any, context: Any) -> pb.BatchGetReportsResponse:
        self._world.note("BatchGetReports", sorted(request.report_ids))
        check_permission(require_identity("read:notifications"), "manage_reports")
        held = (self._world.reports.get(report_id) for report_id in request.report_ids)
        return pb.BatchGetReportsResponse(reports=[report for report in held if report])


class AnnouncementServer(AnnouncementServiceServicer):
    """Holds those that are listed, and what accounts have made of them."""

    def __init__(self, world: Any) -> None:
        self._world = world

    async def ListAnnouncements(self, request: Any, context: Any) -> announcements.ListAnnouncementsResponse:
        self._world.note("ListAnnouncements", request.with_dismissed)
        require_identity("read:accounts")
        return announcements.ListAnnouncementsResponse(announcements=self._world.announcements.values())

    async def GetAnnouncementFor(self, request: Any, context: Any) -> announcements.GetAnnouncementForResponse:
        self._world.note("GetAnnouncementFor", sorted(request.account_ids))
        found = self._world.announcements.get(request.announcement_id)
        if found is None:
            raise NotFound("No.")
        readers = [each for each in self._world.readers if each.account_id in request.account_ids]
        return announcements.GetAnnouncementForResponse(announcement=found, readers=readers)
