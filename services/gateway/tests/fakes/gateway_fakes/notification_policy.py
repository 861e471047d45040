"""Of whom people want to hear, in memory: called, and by gRPC."""

from __future__ import annotations

from typing import Any

from rookery.notification.v1 import policy_service_pb2 as pb
from rookery.notification.v1.policy_service_pb2_grpc import PolicyServiceServicer
from rookery_common.auth import require_identity

ACCEPT, FILTER = pb.PolicyOutcome.POLICY_OUTCOME_ACCEPT, pb.PolicyOutcome.POLICY_OUTCOME_FILTER


class Policies:
    """Everybody's, as they begin and as they are changed."""

    def __init__(self) -> None:
        self._held: dict[int, pb.GetPolicyResponse] = {}

    def get(self, account_id: int) -> pb.GetPolicyResponse:
        usual = pb.NotificationPolicy(
            not_following=ACCEPT,
            not_followers=ACCEPT,
            new_accounts=ACCEPT,
            private_mentions=FILTER,
            limited_accounts=FILTER,
        )
        return self._held.setdefault(account_id, pb.GetPolicyResponse(policy=usual))

    def update(self, account_id: int, request: pb.UpdatePolicyRequest) -> pb.UpdatePolicyResponse:
        policy = self.get(account_id).policy
        policy.MergeFrom(request.policy)
        return pb.UpdatePolicyResponse(policy=policy)

    def accept(self, account_id: int, request: pb.AcceptRequestsRequest) -> pb.AcceptRequestsResponse:
        for each in request.account_ids:
            self.get(account_id).answers.add(account_id=each, accepted=True)
        return pb.AcceptRequestsResponse()

    def dismiss(self, account_id: int, request: pb.DismissRequestsRequest) -> pb.DismissRequestsResponse:
        for each in request.account_ids:
            self.get(account_id).answers.add(account_id=each, dismissed_up_to=request.up_to_id)
        return pb.DismissRequestsResponse()


class PolicyServer(PolicyServiceServicer):
    def __init__(self, world: Any) -> None:
        self._world = world

    async def GetPolicy(self, request: Any, context: Any) -> pb.GetPolicyResponse:
        self._world.note("GetPolicy", request)
        return self._policies.get(require_identity("read:notifications").account_id)

    async def UpdatePolicy(self, request: Any, context: Any) -> pb.UpdatePolicyResponse:
        return self._policies.update(require_identity("write:notifications").account_id, request)

    async def AcceptRequests(self, request: Any, context: Any) -> pb.AcceptRequestsResponse:
        return self._policies.accept(require_identity("write:notifications").account_id, request)

    async def DismissRequests(self, request: Any, context: Any) -> pb.DismissRequestsResponse:
        return self._policies.dismiss(require_identity("write:notifications").account_id, request)

    @property
    def _policies(self) -> Policies:
        held: Policies = self._world.policies
        return held
