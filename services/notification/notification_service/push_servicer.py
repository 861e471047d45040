"""PushService as its callers see it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from notification_service.errors import WrongPolicy
from notification_service.messages import kinds
from notification_service.models import Kind
from notification_service.push_models import Endpoint, PushPolicy, Subscription
from notification_service.service.push import Subscriptions
from notification_service.service.push_key import PushKey
from notification_service.servicer import Context, recipient
from rookery.notification.v1 import notification_service_pb2
from rookery.notification.v1 import push_service_pb2 as pb
from rookery.notification.v1.push_service_pb2_grpc import PushServiceServicer
from rookery_common.auth import require_identity

SCOPE: Final = "push"


class PushServicer(PushServiceServicer):
    """The push subscription of the caller's token."""

    def __init__(self, subscriptions: Subscriptions, key: PushKey) -> None:
        self._subscriptions = subscriptions
        self._key = key

    async def GetPushSubscription(
        self, request: pb.GetPushSubscriptionRequest, context: Context
    ) -> pb.GetPushSubscriptionResponse:
        return pb.GetPushSubscriptionResponse(subscription=_message(await self._subscriptions.get(*_session())))

    async def PutPushSubscription(
        self, request: pb.PutPushSubscriptionRequest, context: Context
    ) -> pb.PutPushSubscriptionResponse:
        session = _session()
        endpoint = Endpoint(request.endpoint, request.p256dh, request.auth, request.token)
        policy = _policy(request.policy) or PushPolicy.ALL
        made = await self._subscriptions.put(*session, endpoint, _alerts(request.alerts), policy)
        return pb.PutPushSubscriptionResponse(subscription=_message(made))

    async def UpdatePushSubscription(
        self, request: pb.UpdatePushSubscriptionRequest, context: Context
    ) -> pb.UpdatePushSubscriptionResponse:
        session = _session()
        changed = await self._subscriptions.change(*session, _alerts(request.alerts), _policy(request.policy))
        return pb.UpdatePushSubscriptionResponse(subscription=_message(changed))

    async def DeletePushSubscription(
        self, request: pb.DeletePushSubscriptionRequest, context: Context
    ) -> pb.DeletePushSubscriptionResponse:
        await self._subscriptions.delete(*_session())
        return pb.DeletePushSubscriptionResponse()

    async def GetPushKey(self, request: pb.GetPushKeyRequest, context: Context) -> pb.GetPushKeyResponse:
        return pb.GetPushKeyResponse(public_key=(await self._key.vapid()).public_key)


def _session() -> tuple[int, int]:
    return recipient(SCOPE), require_identity().session_id


def _alerts(types: Iterable[int]) -> frozenset[Kind]:
    return kinds(types, "alerts")


def _policy(number: int) -> PushPolicy | None:
    """None where it is not specified."""
    try:
        return PushPolicy(number) if number else None
    except ValueError:
        raise WrongPolicy from None


def _message(subscription: Subscription) -> pb.PushSubscription:
    return pb.PushSubscription(
        subscription_id=subscription.subscription_id,
        endpoint=subscription.endpoint.url,
        alerts=[notification_service_pb2.NotificationType.ValueType(kind) for kind in sorted(subscription.alerts)],
        policy=pb.PushPolicy.ValueType(subscription.policy),
    )
