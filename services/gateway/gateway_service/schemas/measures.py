"""Measures as Mastodon's dashboards, and our own, read them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Any

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from rookery.analytics.v1.analytics_service_pb2 import ActivityWeek, Measure


def admin_measures(measures: Iterable[Measure]) -> bytes:
    """Mastodon's Admin::Measure entities: every number is a text."""
    return orjson.dumps([_admin_measure(measure) for measure in measures])


def operator_measures(measures: Iterable[Measure]) -> bytes:
    """Numbers as numbers, by window."""
    return orjson.dumps({"measures": [_operator_measure(measure) for measure in measures]})


def activity(weeks: Iterable[ActivityWeek]) -> bytes:
    """Mastodon's weeks of an instance: every number is a text; it calls accounts that were active logins."""
    return orjson.dumps(
        [
            {
                "week": str(week.start_time.seconds),
                "statuses": str(week.new_posts),
                "logins": str(week.active_accounts),
                "registrations": str(week.new_accounts),
            }
            for week in weeks
        ]
    )


def _admin_measure(measure: Measure) -> dict[str, Any]:
    return {
        "key": measure.key,
        "unit": None,
        "total": str(measure.total),
        "previous_total": str(measure.previous_total),
        "data": [{"date": _time(window.start_time), "value": str(window.value)} for window in measure.windows],
    }


def _operator_measure(measure: Measure) -> dict[str, Any]:
    return {
        "key": measure.key,
        "total": measure.total,
        "previous_total": measure.previous_total,
        "windows": [{"start": _time(window.start_time), "value": window.value} for window in measure.windows],
    }


def _time(value: Timestamp) -> str:
    return f"{value.ToDatetime(UTC):%Y-%m-%dT%H:%M:%SZ}"
