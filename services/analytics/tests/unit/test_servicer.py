"""Analytics through a real stub: who may ask, what comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from analytics_service.models import Measure, Observation
from analytics_service.repository.windows import WindowRepository
from analytics_service.service.activity import Activity
from analytics_service.service.counting import Counting
from analytics_service.service.measures import MeasureReader
from analytics_service.servicer import ALLOWED_CALLERS, AnalyticsServicer
from rookery.analytics.v1 import analytics_service_pb2 as pb
from rookery.analytics.v1.analytics_service_pb2_grpc import (
    AnalyticsServiceStub,
    add_AnalyticsServiceServicer_to_server,
)
from rookery_common.errors import InvalidArgument, PermissionDenied, Unauthenticated
from rookery_common.rpc.client import RpcClient
from rookery_common.testing import FakeClock
from rookery_common.testing.rpc import Network, Tokens, settings_of

SCOPES = ("read", "admin:read")


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
async def gateway(
    reader: MeasureReader, windows: WindowRepository, clock: FakeClock, tokens: Tokens
) -> AsyncIterator[RpcClient]:
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        registration = (
            add_AnalyticsServiceServicer_to_server,
            AnalyticsServicer(reader, Activity(windows, clock)),
            "rookery.analytics.v1.AnalyticsService",
        )
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        yield await network.client(
            server.port, AnalyticsServiceStub, service="analytics", settings=settings_of("gateway")
        )


def _request(clock: FakeClock, *keys: str, minutes: int = 2) -> pb.GetMeasuresRequest:
    request = pb.GetMeasuresRequest(keys=keys, window_seconds=60)
    request.start_time.FromDatetime(clock.now() - timedelta(minutes=minutes - 1))
    request.end_time.FromDatetime(clock.now() + timedelta(minutes=1))
    return request


async def test_a_moderator_is_shown_measures(
    gateway: RpcClient, tokens: Tokens, counting: Counting, observe: Callable[..., Observation], clock: FakeClock
) -> None:
    await counting.add([observe(n, Measure.NEW_POSTS, Measure.ACTIVE_USERS, account_id=5) for n in range(3)])
    for permission in ("view_dashboard", "administrator"):
        answer = await gateway.call(
            "GetMeasures",
            _request(clock, "new_posts", "active_users"),
            timeout=5,
            identity=tokens.identity(1, scopes=SCOPES, permissions=[permission]),
        )
        posts, active = answer.measures
        assert (posts.key, posts.total, [window.value for window in posts.windows]) == ("new_posts", 3, [0, 3])
        assert (active.total, active.unit, posts.unit) == (1, "account", "")
        assert posts.windows[1].start_time.ToSeconds() == int(clock.now().timestamp())


async def test_anyone_is_told_how_lively_the_weeks_were(
    gateway: RpcClient, counting: Counting, observe: Callable[..., Observation]
) -> None:
    await counting.add([observe(n, Measure.NEW_POSTS, Measure.ACTIVE_USERS, account_id=5) for n in range(3)])
    answer = await gateway.call("ListActivity", pb.ListActivityRequest(), timeout=5, identity=None)
    weeks = answer.weeks
    assert (len(weeks), answer.month_active_accounts) == (12, 1)
    assert (weeks[0].new_posts, weeks[0].active_accounts, weeks[0].new_accounts) == (3, 1, 0)
    assert weeks[0].start_time.seconds - weeks[1].start_time.seconds == 7 * 86_400


async def test_others_are_not(gateway: RpcClient, tokens: Tokens, clock: FakeClock) -> None:
    request = _request(clock, "new_posts")
    with pytest.raises(Unauthenticated):
        await gateway.call("GetMeasures", request, timeout=5, identity=None)
    with pytest.raises(PermissionDenied) as refused:
        await gateway.call(
            "GetMeasures", request, timeout=5, identity=tokens.identity(1, permissions=["administrator"])
        )
    assert refused.value.reason == "SCOPE_MISSING"
    with pytest.raises(PermissionDenied) as refused:
        await gateway.call(
            "GetMeasures", request, timeout=5, identity=tokens.identity(1, scopes=SCOPES, roles=["moderator"])
        )
    assert refused.value.reason == "STAFF_REQUIRED"


async def test_a_wrong_request_is_refused_by_its_field(gateway: RpcClient, tokens: Tokens, clock: FakeClock) -> None:
    identity = tokens.identity(1, scopes=SCOPES, permissions=["view_dashboard"])
    old = _request(clock, "new_posts")
    old.start_time.FromSeconds(0)
    wrong = {"keys": _request(clock, *["new_posts"] * 21), "start_time": old, "end_time": _request(clock, "follows")}
    wrong["end_time"].ClearField("end_time")
    for field, request in wrong.items():
        with pytest.raises(InvalidArgument) as refused:
            await gateway.call("GetMeasures", request, timeout=5, identity=identity)
        assert refused.value.fields[0].field == field
