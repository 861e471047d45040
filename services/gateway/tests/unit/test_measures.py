"""Measures over HTTP: what analytics is asked for, and what dashboards are shown of its answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import httpx2
import pytest

from rookery.analytics.v1 import analytics_service_pb2 as pb
from rookery_common.errors import AppError, PermissionDenied, Unavailable
from rookery_common.testing.clock import FakeClock

if TYPE_CHECKING:
    from gateway_fakes.world import World

ADMIN, OPERATOR = "/api/v1/admin/measures", "/api/rookery/v1/operator/measures"


class FakeAnalytics:
    """Has counted one of everything in each window."""

    def __init__(self) -> None:
        self.requests: list[pb.GetMeasuresRequest] = []
        self.failure: AppError | None = None

    async def call(self, _method: str, request: pb.GetMeasuresRequest, **_options: Any) -> pb.GetMeasuresResponse:
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
        return pb.GetMeasuresResponse(measures=[self._measure(key, request) for key in request.keys])

    @staticmethod
    def _measure(key: str, request: pb.GetMeasuresRequest) -> pb.Measure:
        first, end = request.start_time.ToSeconds(), request.end_time.ToSeconds()
        measure = pb.Measure(key=key, previous_total=4)
        for start in range(first, end, request.window_seconds):
            measure.total += 1
            measure.windows.add(value=1).start_time.FromSeconds(start)
        return measure

    def span(self) -> tuple[datetime, datetime]:
        return self.requests[-1].start_time.ToDatetime(UTC), self.requests[-1].end_time.ToDatetime(UTC)


@pytest.fixture
def analytics(world: World) -> FakeAnalytics:
    analytics = FakeAnalytics()
    cast(Any, world).analytics = analytics
    return analytics


@pytest.fixture
def staff(world: World) -> dict[str, str]:
    return world.newcomer("moderator", "read", "admin:read")[1]


async def test_days_are_whole_and_numbers_are_texts(
    http: httpx2.AsyncClient, analytics: FakeAnalytics, staff: dict[str, str]
) -> None:
    body = {"keys": ["new_users", "instance_accounts"], "start_at": "2026-03-01", "end_at": "2026-03-02T22:00:00-04:00"}
    answer = await http.post(ADMIN, json=body, headers=staff)
    assert answer.json() == [
        {
            "key": "new_users",
            "unit": None,
            "total": "3",
            "previous_total": "4",
            "data": [
                {"date": "2026-03-01T00:00:00Z", "value": "1"},
                {"date": "2026-03-02T00:00:00Z", "value": "1"},
                {"date": "2026-03-03T00:00:00Z", "value": "1"},
            ],
        }
    ]
    assert analytics.span() == (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))


async def test_keys_that_nobody_counts_are_left_out(
    http: httpx2.AsyncClient, analytics: FakeAnalytics, staff: dict[str, str]
) -> None:
    form = {"keys[]": "tag_uses", "start_at": "2026-03-01", "end_at": "2026-03-02"}
    assert (await http.post(ADMIN, data=form, headers=staff)).json() == []
    assert analytics.requests == []


@pytest.mark.parametrize(
    ("start_at", "end_at", "field"),
    [
        ("", "2026-03-02", "start_at"),
        ("2026-03-01", "", "end_at"),
        ("2026-03-01", "soon", "end_at"),
        ("2026-03-02", "2026-03-01", "end_at"),
        ("2026-03-01", "2026-04-01", "end_at"),
        ("0001-01-01T00:00:00+14:00", "2026-03-01", "start_at"),
        ("1970-01-01", "1970-01-02", "start_at"),
    ],
)
async def test_a_wrong_span_is_named(
    http: httpx2.AsyncClient, analytics: FakeAnalytics, staff: dict[str, str], start_at: str, end_at: str, field: str
) -> None:
    body = {"keys": ["new_users"], "start_at": start_at, "end_at": end_at}
    answer = await http.post(ADMIN, json=body, headers=staff)
    assert answer.status_code == 422
    assert list(answer.json()["details"]) == [field]


async def test_the_last_minutes_end_with_this_one(
    http: httpx2.AsyncClient, analytics: FakeAnalytics, staff: dict[str, str], clock: FakeClock
) -> None:
    answer = await http.get(f"{OPERATOR}?keys=new_posts,follows&minutes=3", headers=staff)
    [posts, follows] = answer.json()["measures"]
    this_minute = clock.now().replace(second=0, microsecond=0)
    assert [window["value"] for window in posts["windows"]] == [1, 1, 1]
    assert posts["windows"][-1]["start"] == f"{this_minute:%Y-%m-%dT%H:%M:%SZ}"
    assert (follows["key"], follows["total"]) == ("follows", 3)
    assert analytics.requests[0].window_seconds == 60


@pytest.mark.parametrize("query", ["keys=new_users,moons", "minutes=0", "minutes=181", "minutes=x", "hours=1"])
async def test_our_own_route_refuses_what_it_does_not_know(
    http: httpx2.AsyncClient, analytics: FakeAnalytics, staff: dict[str, str], query: str
) -> None:
    answer = await http.get(f"{OPERATOR}?{query}", headers=staff)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#/{query.partition('=')[0]}"


async def test_measures_are_for_those_whom_analytics_lets_see_them(
    http: httpx2.AsyncClient, analytics: FakeAnalytics, world: World, staff: dict[str, str]
) -> None:
    body = {"keys": ["new_users"], "start_at": "2026-03-01", "end_at": "2026-03-01"}
    assert (await http.post(ADMIN, json=body)).status_code == 401
    assert (await http.post(ADMIN, json=body, headers=world.newcomer("anyone")[1])).status_code == 403
    analytics.failure = PermissionDenied("this needs a role")
    assert (await http.post(ADMIN, json=body, headers=staff)).status_code == 403
    analytics.failure = Unavailable("away")
    assert (await http.get(OPERATOR, headers=staff)).status_code == 503


async def test_weeks_are_for_everybody_and_their_numbers_are_texts(
    http: httpx2.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    week = pb.ActivityWeek(new_posts=5, active_accounts=3, new_accounts=1)
    week.start_time.FromSeconds(1_772_409_600)

    class Weeks:
        async def call(self, method: str, *_args: Any, identity: object, **_options: Any) -> pb.ListActivityResponse:
            assert (method, identity) == ("ListActivity", None)
            return pb.ListActivityResponse(weeks=[week])

    monkeypatch.setattr(world, "analytics", Weeks(), raising=False)
    answer = await http.get("/api/v1/instance/activity", headers=world.newcomer("alice")[1])
    assert answer.json() == [{"week": "1772409600", "statuses": "5", "logins": "3", "registrations": "1"}]
    assert answer.headers["cache-control"].startswith("public, max-age=600")
