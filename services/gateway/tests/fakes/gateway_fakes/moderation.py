"""Moderation as notifications of reports ask it."""

from __future__ import annotations

from typing import Any

from rookery.moderation.v1 import moderation_service_pb2 as pb
from rookery.moderation.v1.moderation_service_pb2_grpc import ModerationServiceServicer
from rookery_common.auth import check_permission, require_identity


class ReportServer(ModerationServiceServicer):
    def __init__(self, world: Any) -> None:
        self._world = world

    async def BatchGetReports(self, request: Any, context: Any) -> pb.BatchGetReportsResponse:
        self._world.note("BatchGetReports", sorted(request.report_ids))
        check_permission(require_identity("read:notifications"), "manage_reports")
        held = (self._world.reports.get(report_id) for report_id in request.report_ids)
        return pb.BatchGetReportsResponse(reports=[report for report in held if report])
