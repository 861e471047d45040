"""/api/v1/push/subscription: where the caller's token is told of what is new while its client is closed."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange, bearer_token
from gateway_service.clients import Clients
from gateway_service.compose.told import TYPES
from gateway_service.config import Settings
from gateway_service.params import Params, read_params
from gateway_service.push_key import PushKey
from gateway_service.routing import Routes, json_response
from rookery.notification.v1.notification_service_pb2 import NotificationType
from rookery.notification.v1.push_service_pb2 import (
    DeletePushSubscriptionRequest,
    GetPushSubscriptionRequest,
    PushPolicy,
    PushSubscription,
    PutPushSubscriptionRequest,
    UpdatePushSubscriptionRequest,
)
from rookery_common.auth import Identity

PATH = "/api/v1/push/subscription"
SCOPE = "push"
CALL_SECONDS = 5.0
MAX_URL_CHARS = 2_048
MAX_KEY_CHARS = 256
POLICIES = {
    "all": PushPolicy.PUSH_POLICY_ALL,
    "followed": PushPolicy.PUSH_POLICY_FOLLOWED,
    "follower": PushPolicy.PUSH_POLICY_FOLLOWER,
    "none": PushPolicy.PUSH_POLICY_NONE,
}
# What was done with one's own account is pushed to whoever wants pushes at all.
ALERTS = {name: number for name, number in TYPES.items() if not name.startswith("security.")}
_POLICY_NAMES = {number: name for name, number in POLICIES.items()}


class Push:
    """The subscription of the caller's token: one, which another takes the place of."""

    def __init__(self, clients: Clients, exchange: TokenExchange, settings: Settings, key: PushKey) -> None:
        self._clients = clients
        self._exchange = exchange
        self._settings = settings
        self._key = key
        routes = Routes("push")
        routes.get(PATH, self.get, "push_get", "The push subscription of this token")
        routes.post(PATH, self.create, "push_create", "Subscribe this token's client to pushes")
        routes.put(PATH, self.update, "push_update", "Change what is pushed")
        routes.delete(PATH, self.delete, "push_delete", "Push nothing more to this token's client")
        self.router = routes.router

    async def get(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        answer = await self._call(caller.identity, "GetPushSubscription", GetPushSubscriptionRequest())
        return await self._shown(answer.subscription)

    async def create(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        params = await read_params(request, self._settings.max_body_bytes)
        subscription, data = params.group("subscription"), params.group("data")
        keys = subscription.group("keys")
        call = PutPushSubscriptionRequest(
            endpoint=subscription.required_text("endpoint", MAX_URL_CHARS),
            p256dh=_bytes(keys, "p256dh"),
            auth=_bytes(keys, "auth"),
            token=bearer_token(request),
            alerts=_alerts(data),
            policy=_policy(params, data),
        )
        return await self._shown((await self._call(caller.identity, "PutPushSubscription", call)).subscription)

    async def update(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        params = await read_params(request, self._settings.max_body_bytes)
        data = params.group("data")
        call = UpdatePushSubscriptionRequest(alerts=_alerts(data), policy=_policy(params, data))
        return await self._shown((await self._call(caller.identity, "UpdatePushSubscription", call)).subscription)

    async def delete(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        await self._call(caller.identity, "DeletePushSubscription", DeletePushSubscriptionRequest())
        return json_response(b"{}")

    async def _call(self, who: Identity, method: str, call: Any) -> Any:
        return await self._clients.notification.call(method, call, timeout=CALL_SECONDS, idempotent=True, identity=who)

    async def _shown(self, subscription: PushSubscription) -> Response:
        wanted = set(subscription.alerts)
        return json_response(
            orjson.dumps(
                {
                    "id": str(subscription.subscription_id),
                    "endpoint": subscription.endpoint,
                    "standard": True,
                    "alerts": {name: number in wanted for name, number in ALERTS.items()},
                    "policy": _POLICY_NAMES[subscription.policy],
                    "server_key": await self._key.get(),
                }
            )
        )


def _alerts(data: Params) -> list[NotificationType.ValueType]:
    """Those that are wanted; clients know more types than we tell of."""
    alerts = data.group("alerts")
    return [number for name, number in ALERTS.items() if alerts.flag(name)]


def _policy(params: Params, data: Params) -> PushPolicy.ValueType:
    """Clients name it within the data, or beside it."""
    return data.choice("policy", POLICIES) or params.choice("policy", POLICIES) or PushPolicy.PUSH_POLICY_UNSPECIFIED


def _bytes(keys: Params, name: str) -> bytes:
    """Of base64, in either alphabet, with or without its padding."""
    text = keys.required_text(name, MAX_KEY_CHARS).rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise keys.invalid(name, "must be base64url") from None
