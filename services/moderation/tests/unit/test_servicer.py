"""The RPCs through a real stub: shapes of answers, statuses and reasons of errors, who may call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from moderation_service.servicer import ALLOWED_CALLERS, SERVICE_NAME, ModerationServicer
from rookery.moderation.v1 import decision_pb2
from rookery.moderation.v1 import moderation_service_pb2 as pb
from rookery.moderation.v1.events_pb2 import PostDecided
from rookery.moderation.v1.moderation_service_pb2_grpc import (
    ModerationServiceStub,
    add_ModerationServiceServicer_to_server,
)
from rookery_common.auth import Identity
from rookery_common.errors import (
    Aborted,
    AppError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
)
from rookery_common.rpc import RpcClient
from rookery_common.testing.rpc import Network, Tokens, settings_of

ALICE, BOB, MODERATOR = 1001, 1002, 1009
ADMINISTRATION = ("admin:read", "admin:write")


class Gateway:
    """Calls moderation as the gateway does."""

    def __init__(self, rpc: RpcClient, network: Network, port: int, tokens: Tokens) -> None:
        self.rpc, self.network, self.port = rpc, network, port
        self.bob = tokens.identity(BOB)
        self.moderator = tokens.identity(MODERATOR, scopes=ADMINISTRATION, permissions=("manage_reports",))
        self.reader = tokens.identity(MODERATOR, scopes=("read",), permissions=("manage_reports",))
        self.told = tokens.identity(BOB, scopes=("read",))
        self.pretender = tokens.identity(BOB, scopes=ADMINISTRATION)
        self.app = tokens.identity(0, scopes=("write", *ADMINISTRATION), permissions=("manage_reports",))

    async def call(self, request: Any, identity: Identity | None) -> Any:
        method = type(request).__name__.removesuffix("Request")
        return await self.rpc.call(method, request, timeout=5, identity=identity)

    async def refused(self, kind: type[AppError], request: Any, identity: Identity | None) -> AppError:
        with pytest.raises(kind) as caught:
            await self.call(request, identity)
        return caught.value


@pytest.fixture
async def gateway(world: Any) -> AsyncIterator[Gateway]:
    tokens = Tokens()
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        servicer = ModerationServicer(world.reports, world.desk)
        registration = (add_ModerationServiceServicer_to_server, servicer, SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        client = await network.client(server.port, ModerationServiceStub, service="moderation")
        yield Gateway(client, network, server.port, tokens)


async def test_a_report_is_made_read_resolved_and_reopened(gateway: Gateway, world: Any) -> None:
    world.posts.known = {7: ALICE}
    new = pb.CreateReportRequest(
        request_id="r", target_account_id=ALICE, post_ids=[7, 7], comment="Rude", category=pb.REPORT_CATEGORY_SPAM
    )
    report = (await gateway.call(new, gateway.bob)).report
    assert (report.account_id, list(report.post_ids), report.category) == (BOB, [7], pb.REPORT_CATEGORY_SPAM)
    assert not report.HasField("resolve_time")
    found = await gateway.call(pb.GetReportRequest(report_id=report.report_id), gateway.moderator)
    assert found.report == report
    listed = await gateway.call(pb.ListReportsRequest(target_account_id=ALICE, limit=10), gateway.moderator)
    assert list(listed.reports) == [report]
    taken = await gateway.call(pb.AssignReportRequest(report_id=report.report_id, assigned=True), gateway.moderator)
    assert taken.report.assignee_id == MODERATOR
    resolve = pb.ResolveReportRequest(report_id=report.report_id, state=decision_pb2.DECISION_STATE_REMOVED)
    resolved = (await gateway.call(resolve, gateway.moderator)).report
    assert resolved.HasField("resolve_time")
    assert resolved.resolver_id == MODERATOR
    resolve.state = decision_pb2.DECISION_STATE_VISIBLE
    await gateway.refused(FailedPrecondition, resolve, gateway.moderator)
    reopened = await gateway.call(pb.ReopenReportRequest(report_id=report.report_id), gateway.moderator)
    assert not reopened.report.HasField("resolve_time")


async def test_a_moderator_reads_the_reports_that_notifications_tell_of(gateway: Gateway) -> None:
    new = pb.CreateReportRequest(target_account_id=ALICE, comment="Rude")
    reports = [(await gateway.call(new, gateway.bob)).report for _ in range(2)]
    request = pb.BatchGetReportsRequest(report_ids=[5, *(each.report_id for each in reports)])
    found = (await gateway.call(request, gateway.reader)).reports
    assert sorted(found, key=lambda each: each.report_id) == reports
    assert (await gateway.refused(PermissionDenied, request, gateway.moderator)).reason == "SCOPE_MISSING"
    assert (await gateway.refused(PermissionDenied, request, gateway.told)).reason == "MODERATOR_REQUIRED"
    for ids in ((), range(1, 102)):
        wrong = pb.BatchGetReportsRequest(report_ids=ids)
        assert (await gateway.refused(InvalidArgument, wrong, gateway.reader)).fields[0].field == "report_ids"


async def test_a_category_that_is_not_named_is_other(gateway: Gateway) -> None:
    answer = await gateway.call(pb.CreateReportRequest(target_account_id=ALICE), gateway.bob)
    assert answer.report.category == pb.REPORT_CATEGORY_OTHER


async def test_a_decision_is_answered_as_it_is_published(gateway: Gateway, world: Any) -> None:
    post = await world.judged("rude word")
    request = pb.DecidePostRequest(post_id=post.post_id, state=decision_pb2.DECISION_STATE_VISIBLE)
    answer = await gateway.call(request, gateway.moderator)
    assert answer.decision == (await world.recorded(PostDecided))[-1].decision
    assert (answer.decision.version, answer.decision.moderator_id) == (2, MODERATOR)


async def test_errors_keep_their_reasons(gateway: Gateway) -> None:
    unknown = pb.CreateReportRequest(target_account_id=5)
    assert (await gateway.refused(NotFound, unknown, gateway.bob)).reason == "ACCOUNT_NOT_FOUND"
    wrong = pb.CreateReportRequest(target_account_id=ALICE, category=pb.ReportCategory.ValueType(9))
    assert (await gateway.refused(InvalidArgument, wrong, gateway.bob)).fields[0].field == "category"
    await gateway.call(pb.CreateReportRequest(target_account_id=ALICE, request_id="r"), gateway.bob)
    other = pb.CreateReportRequest(target_account_id=ALICE, request_id="r", comment="else")
    assert (await gateway.refused(Aborted, other, gateway.bob)).reason == "IDEMPOTENCY_CONFLICT"
    stateless = pb.DecidePostRequest(post_id=5)
    assert (await gateway.refused(InvalidArgument, stateless, gateway.moderator)).fields[0].field == "state"
    assert (await gateway.refused(NotFound, pb.GetReportRequest(report_id=5), gateway.moderator)).reason == (
        "REPORT_NOT_FOUND"
    )


MODERATORS_ONLY = (
    pb.ListReportsRequest(),
    pb.GetReportRequest(report_id=1),
    pb.ResolveReportRequest(report_id=1),
    pb.ReopenReportRequest(report_id=1),
    pb.AssignReportRequest(report_id=1),
    pb.DecidePostRequest(post_id=1, state=decision_pb2.DECISION_STATE_REMOVED),
)


@pytest.mark.parametrize("request_", MODERATORS_ONLY, ids=lambda request: type(request).__name__)
async def test_moderators_alone_with_the_scope_may_call(gateway: Gateway, request_: Any) -> None:
    assert (await gateway.refused(PermissionDenied, request_, gateway.bob)).reason == "SCOPE_MISSING"
    assert (await gateway.refused(PermissionDenied, request_, gateway.pretender)).reason == "MODERATOR_REQUIRED"
    assert (await gateway.refused(Unauthenticated, request_, gateway.app)).reason == "USER_REQUIRED"
    await gateway.refused(Unauthenticated, request_, None)


async def test_only_the_gateway_calls(gateway: Gateway) -> None:
    settings = settings_of("feed")
    feed = await gateway.network.client(gateway.port, ModerationServiceStub, service="moderation", settings=settings)
    with pytest.raises(PermissionDenied):
        await feed.call("CreateReport", pb.CreateReportRequest(), timeout=5, identity=gateway.bob)
