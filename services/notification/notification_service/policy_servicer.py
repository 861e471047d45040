"""PolicyService as its callers see it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from notification_service.errors import WrongOutcome, WrongRequests
from notification_service.messages import checked_id
from notification_service.policy_models import MAX_ANSWERED_AT_ONCE, Outcome, Policy
from notification_service.repository.policies import FIELDS, PolicyRepository
from notification_service.servicer import READ_SCOPE, WRITE_SCOPE, Context, recipient
from rookery.notification.v1 import policy_service_pb2 as pb
from rookery.notification.v1.policy_service_pb2_grpc import PolicyServiceServicer


class PolicyServicer(PolicyServiceServicer):
    """Of whom the caller wants to hear."""

    def __init__(self, policies: PolicyRepository) -> None:
        self._policies = policies

    async def GetPolicy(self, request: pb.GetPolicyRequest, context: Context) -> pb.GetPolicyResponse:
        recipient_id = recipient(READ_SCOPE)
        policy, answers = await asyncio.gather(self._policies.get(recipient_id), self._policies.answers(recipient_id))
        return pb.GetPolicyResponse(
            policy=_message(policy),
            answers=[
                pb.RequestAnswer(
                    account_id=each.account_id, accepted=each.is_accepted, dismissed_up_to=each.dismissed_up_to
                )
                for each in answers
            ],
        )

    async def UpdatePolicy(self, request: pb.UpdatePolicyRequest, context: Context) -> pb.UpdatePolicyResponse:
        recipient_id = recipient(WRITE_SCOPE)
        asked = {name: getattr(request.policy, name) for name in FIELDS}
        await self._policies.put(
            recipient_id, {name: _outcome(number, name) for name, number in asked.items() if number}
        )
        return pb.UpdatePolicyResponse(policy=_message(await self._policies.get(recipient_id)))

    async def AcceptRequests(self, request: pb.AcceptRequestsRequest, context: Context) -> pb.AcceptRequestsResponse:
        await self._policies.accept(recipient(WRITE_SCOPE), _accounts(request.account_ids))
        return pb.AcceptRequestsResponse()

    async def DismissRequests(self, request: pb.DismissRequestsRequest, context: Context) -> pb.DismissRequestsResponse:
        up_to_id = checked_id(request.up_to_id, "up_to_id")
        await self._policies.dismiss(recipient(WRITE_SCOPE), _accounts(request.account_ids), up_to_id)
        return pb.DismissRequestsResponse()


def _accounts(account_ids: Iterable[int]) -> list[int]:
    found = [checked_id(each, "account_ids") for each in dict.fromkeys(account_ids)]
    if not 1 <= len(found) <= MAX_ANSWERED_AT_ONCE:
        raise WrongRequests(MAX_ANSWERED_AT_ONCE)
    return found


def _outcome(number: int, field: str) -> Outcome:
    try:
        return Outcome(number)
    except ValueError:
        raise WrongOutcome(field) from None


def _message(policy: Policy) -> pb.NotificationPolicy:
    return pb.NotificationPolicy(**{name: pb.PolicyOutcome.ValueType(getattr(policy, name)) for name in FIELDS})
