"""ModerationService over gRPC: a message in, one call of the service, a message out."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from moderation_service.errors import FieldInvalid, UserRequired
from moderation_service.events import decision_message
from moderation_service.models import Category, NewReport, Report, ReportQuery, State
from moderation_service.service.desk import Desk
from moderation_service.service.reports import Reports
from rookery.moderation.v1 import decision_pb2, moderation_service_pb2_grpc
from rookery.moderation.v1 import moderation_service_pb2 as pb
from rookery_common.auth import Identity, require_identity

SERVICE_NAME: Final = "rookery.moderation.v1.ModerationService"
ALLOWED_CALLERS: Final = {"*": frozenset({"gateway"})}
REPORT_SCOPE: Final = "write:reports"
READ_SCOPE: Final = "admin:read:reports"
WRITE_SCOPE: Final = "admin:write:reports"
# Reports are shown with the notifications of them.
TOLD_SCOPE: Final = "read:notifications"
Context = grpc.aio.ServicerContext[Any, Any]


class ModerationServicer(moderation_service_pb2_grpc.ModerationServiceServicer):
    """The RPCs of moderation."""

    def __init__(self, reports: Reports, desk: Desk) -> None:
        self._reports = reports
        self._desk = desk

    async def CreateReport(self, request: pb.CreateReportRequest, context: Context) -> pb.CreateReportResponse:
        new = NewReport(
            request_id=request.request_id,
            target_account_id=request.target_account_id,
            post_ids=tuple(dict.fromkeys(request.post_ids)),
            comment=request.comment,
            category=_category(request.category),
        )
        return pb.CreateReportResponse(report=_report(await self._reports.create(user_identity(REPORT_SCOPE), new)))

    async def ListReports(self, request: pb.ListReportsRequest, context: Context) -> pb.ListReportsResponse:
        query = ReportQuery(
            resolved=request.resolved,
            account_id=request.account_id,
            target_account_id=request.target_account_id,
            limit=request.limit,
            max_id=request.max_id,
            since_id=request.since_id,
            min_id=request.min_id,
        )
        return pb.ListReportsResponse(
            reports=map(_report, await self._desk.list_reports(user_identity(READ_SCOPE), query))
        )

    async def GetReport(self, request: pb.GetReportRequest, context: Context) -> pb.GetReportResponse:
        return pb.GetReportResponse(report=_report(await self._desk.get(user_identity(READ_SCOPE), request.report_id)))

    async def BatchGetReports(self, request: pb.BatchGetReportsRequest, context: Context) -> pb.BatchGetReportsResponse:
        found = await self._desk.get_many(user_identity(TOLD_SCOPE), request.report_ids)
        return pb.BatchGetReportsResponse(reports=map(_report, found))

    async def ResolveReport(self, request: pb.ResolveReportRequest, context: Context) -> pb.ResolveReportResponse:
        state = _state(request.state) if request.state else None
        report = await self._desk.resolve(user_identity(WRITE_SCOPE), request.report_id, state)
        return pb.ResolveReportResponse(report=_report(report))

    async def ReopenReport(self, request: pb.ReopenReportRequest, context: Context) -> pb.ReopenReportResponse:
        return pb.ReopenReportResponse(
            report=_report(await self._desk.reopen(user_identity(WRITE_SCOPE), request.report_id))
        )

    async def AssignReport(self, request: pb.AssignReportRequest, context: Context) -> pb.AssignReportResponse:
        report = await self._desk.assign(user_identity(WRITE_SCOPE), request.report_id, request.assigned)
        return pb.AssignReportResponse(report=_report(report))

    async def DecidePost(self, request: pb.DecidePostRequest, context: Context) -> pb.DecidePostResponse:
        moderator, state = user_identity(WRITE_SCOPE), _state(request.state)
        decision = await self._desk.decide(moderator, request.post_id, request.account_id, state)
        return pb.DecidePostResponse(decision=decision_message(decision))


def user_identity(scope: str) -> Identity:
    """The account that calls. An application's own token has none."""
    identity = require_identity(scope)
    if not identity.account_id:
        raise UserRequired
    return identity


def _category(value: pb.ReportCategory.ValueType) -> Category:
    try:
        return Category(value or Category.OTHER)
    except ValueError:
        raise FieldInvalid("category", "is not included in the list", "ERR_INCLUSION") from None


def _state(value: decision_pb2.DecisionState.ValueType) -> State:
    try:
        return State(value)
    except ValueError:
        raise FieldInvalid("state", "must be visible, held or removed", "ERR_INCLUSION") from None


def _report(report: Report) -> pb.Report:
    return pb.Report(
        report_id=report.report_id,
        account_id=report.account_id,
        target_account_id=report.target_account_id,
        post_ids=report.post_ids,
        comment=report.comment,
        category=pb.ReportCategory.ValueType(report.category),
        create_time=timestamp(report.created_at),
        update_time=timestamp(report.updated_at),
        resolve_time=timestamp(report.resolved_at) if report.resolved_at else None,
        resolver_id=report.resolver_id,
        assignee_id=report.assignee_id,
        rule=report.rule,
    )


def timestamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message
