"""PolicyService through a real stub: who may ask, what comes back, what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from notification_service.policy_models import Policy
from notification_service.policy_servicer import PolicyServicer
from notification_service.repository.policies import PolicyRepository
from notification_service.servicer import ALLOWED_CALLERS
from rookery.notification.v1 import policy_service_pb2 as pb
from rookery.notification.v1.policy_service_pb2_grpc import PolicyServiceStub, add_PolicyServiceServicer_to_server
from rookery_common.auth import Identity
from rookery_common.errors import InvalidArgument, PermissionDenied
from rookery_common.rpc.client import RpcClient
from rookery_common.testing.rpc import Network, Tokens, settings_of

ALICE, BOB, CAROL = 101, 102, 103


class Service:
    """A client of a notification that runs in this process."""

    def __init__(self, gateway: RpcClient, tokens: Tokens) -> None:
        self._gateway, self.tokens = gateway, tokens
        self.alice = tokens.identity(ALICE)

    async def ask(self, method: str, request: Any, who: Identity | None = None) -> Any:
        return await self._gateway.call(method, request, timeout=5, identity=who or self.alice)


@pytest.fixture
async def service(policies: PolicyRepository) -> AsyncIterator[Service]:
    async with AsyncExitStack() as stack:
        tokens = Tokens()
        network = Network(stack, tokens.verifier)
        name = "rookery.notification.v1.PolicyService"
        registration = (add_PolicyServiceServicer_to_server, PolicyServicer(policies), name)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        client = await network.client(
            server.port, PolicyServiceStub, service="notification", settings=settings_of("gateway")
        )
        yield Service(client, tokens)


async def test_a_caller_changes_a_policy_and_answers_requests(service: Service) -> None:
    drop = pb.PolicyOutcome.POLICY_OUTCOME_DROP
    changed = pb.NotificationPolicy(not_following=drop)
    made = await service.ask("UpdatePolicy", pb.UpdatePolicyRequest(policy=changed))
    assert (made.policy.not_following, made.policy.limited_accounts) == (drop, pb.POLICY_OUTCOME_FILTER)
    await service.ask("AcceptRequests", pb.AcceptRequestsRequest(account_ids=[BOB, BOB]))
    await service.ask("DismissRequests", pb.DismissRequestsRequest(account_ids=[CAROL], up_to_id=77))
    held = await service.ask("GetPolicy", pb.GetPolicyRequest())
    assert held.policy == made.policy
    assert [(each.account_id, each.accepted, each.dismissed_up_to) for each in held.answers] == [
        (BOB, True, 0),
        (CAROL, False, 77),
    ]


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("AcceptRequests", pb.AcceptRequestsRequest(), "account_ids"),
        ("AcceptRequests", pb.AcceptRequestsRequest(account_ids=range(1, 102)), "account_ids"),
        ("AcceptRequests", pb.AcceptRequestsRequest(account_ids=[-1]), "account_ids"),
        ("DismissRequests", pb.DismissRequestsRequest(account_ids=[BOB]), "up_to_id"),
    ],
)
async def test_wrong_answers_are_refused(service: Service, method: str, request_: Any, field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await service.ask(method, request_)
    assert [each.field for each in refused.value.fields] == [field]


async def test_an_outcome_that_there_is_not_is_refused_and_changes_nothing(
    service: Service, policies: PolicyRepository
) -> None:
    policy = pb.NotificationPolicy(not_following=pb.POLICY_OUTCOME_DROP, not_followers=9)  # type: ignore[arg-type]  # as an older caller may
    with pytest.raises(InvalidArgument) as refused:
        await service.ask("UpdatePolicy", pb.UpdatePolicyRequest(policy=policy))
    assert [each.field for each in refused.value.fields] == ["not_followers"]
    assert await policies.get(ALICE) == Policy()


async def test_a_policy_belongs_to_somebody_with_the_scope(service: Service) -> None:
    reader = service.tokens.identity(ALICE, scopes=["read:notifications"])
    await service.ask("GetPolicy", pb.GetPolicyRequest(), reader)
    with pytest.raises(PermissionDenied):
        await service.ask("UpdatePolicy", pb.UpdatePolicyRequest(), reader)
