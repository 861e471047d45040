"""AnalyticsService as its callers see it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from analytics_service.errors import FieldInvalid, StaffRequired
from analytics_service.models import DISTINCT, ActivityWeek, Series
from analytics_service.service.activity import Activity
from analytics_service.service.measures import MeasureReader
from rookery.analytics.v1 import analytics_service_pb2 as pb
from rookery.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceServicer
from rookery_common.auth import require_identity

SCOPE: Final = "admin:read"
PERMISSION: Final = "view_dashboard"
MAX_KEYS: Final = 20
ALLOWED_CALLERS: Final = {"GetMeasures": frozenset({"gateway"}), "ListActivity": frozenset({"gateway"})}


class AnalyticsServicer(AnalyticsServiceServicer):
    """The RPCs of analytics."""

    def __init__(self, reader: MeasureReader, activity: Activity) -> None:
        self._reader = reader
        self._activity = activity

    async def GetMeasures(
        self, request: pb.GetMeasuresRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> pb.GetMeasuresResponse:
        if not require_identity(SCOPE).permits(PERMISSION):
            raise StaffRequired
        if len(request.keys) > MAX_KEYS:
            raise FieldInvalid("keys", f"must be at most {MAX_KEYS}", "ERR_TOO_MANY")
        start, end = _time(request.start_time, "start_time"), _time(request.end_time, "end_time")
        found = await self._reader.read(request.keys, start, end, request.window_seconds)
        return pb.GetMeasuresResponse(measures=[_measure(series) for series in found])

    async def ListActivity(
        self, request: pb.ListActivityRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> pb.ListActivityResponse:
        lately = await self._activity.lately()
        return pb.ListActivityResponse(
            weeks=map(_week, lately.weeks), month_active_accounts=lately.month_active_accounts
        )


def _measure(series: Series) -> pb.Measure:
    return pb.Measure(
        key=series.measure,
        unit="account" if series.measure in DISTINCT else "",
        total=series.total,
        previous_total=series.previous_total,
        windows=[pb.MeasureWindow(start_time=_timestamp(start), value=value) for start, value in series.windows],
    )


def _week(week: ActivityWeek) -> pb.ActivityWeek:
    return pb.ActivityWeek(
        start_time=Timestamp(seconds=week.start),
        new_posts=week.new_posts,
        active_accounts=week.active_accounts,
        new_accounts=week.new_accounts,
    )


def _time(value: Timestamp, field: str) -> datetime:
    try:
        time = value.ToDatetime(UTC)
    except ValueError:
        raise FieldInvalid(field, "is not a time") from None
    if time.year < 2000:
        raise FieldInvalid(field, "is not a time of ours")
    return time


def _timestamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message
