"""Of whom the caller wants to hear: the policy, and the requests of those whom it keeps apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compose.policy import POLICED
from gateway_service.config import Settings
from gateway_service.errors import RecordNotFound
from gateway_service.paging import link_header
from gateway_service.params import Params, query_params, read_params
from gateway_service.routers.notifications import CALL_SECONDS, MAX_ROUNDS, MOST, READ, WRITE
from gateway_service.routing import Routes, json_array, json_response, path_id
from rookery.notification.v1.notification_service_pb2 import ListNotificationsRequest, Notification
from rookery.notification.v1.policy_service_pb2 import (
    AcceptRequestsRequest,
    DismissRequestsRequest,
    NotificationPolicy,
    PolicyOutcome,
    UpdatePolicyRequest,
    UpdatePolicyResponse,
)
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.ids import lowest_id_at

POLICY, REQUESTS = "/api/v2/notifications/policy", "/api/v1/notifications/requests"
POLICY_V1 = "/api/v1/notifications/policy"
LIMIT = 40
FIELDS = {
    "for_not_following": "not_following",
    "for_not_followers": "not_followers",
    "for_new_accounts": "new_accounts",
    "for_private_mentions": "private_mentions",
    "for_limited_accounts": "limited_accounts",
}
OUTCOMES = {
    "accept": PolicyOutcome.POLICY_OUTCOME_ACCEPT,
    "filter": PolicyOutcome.POLICY_OUTCOME_FILTER,
    "drop": PolicyOutcome.POLICY_OUTCOME_DROP,
}
_NAMES = {number: name for name, number in OUTCOMES.items()}
# In the first version what is not accepted is filtered, and there is no word for limited accounts.
_FIELDS_V1 = {name.replace("for_", "filter_"): field for name, field in FIELDS.items() if field != "limited_accounts"}
# By account, how much waits, and the entity.
Waiting = Mapping[int, tuple[int, bytes]]


class PolicyRoutes:
    """What waits is found among the newest 400 notifications, and answered to at once."""

    def __init__(
        self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings, clock: Clock
    ) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        self._clock = clock
        routes = Routes("notifications")
        routes.get(POLICY, self.policy, "notification_policy_get", "Of whom the caller wants to hear")
        routes.patch(POLICY, self.update, "notification_policy_update", "Change of whom the caller wants to hear")
        routes.get(POLICY_V1, self.policy_v1, "notification_policy_v1_get", "As clients before version 2 ask for it")
        routes.put(POLICY_V1, self.update_v1, "notification_policy_v1_update", "As clients before version 2 change it")
        routes.get(REQUESTS, self.get_many, "notification_requests_list", "Whom the policy keeps apart")
        routes.get(f"{REQUESTS}/merged", self.merged, "notification_requests_merged", "Whether all accepted are shown")
        routes.post(f"{REQUESTS}/accept", self.accept_many, "notification_requests_accept_many", "Hear of these")
        routes.post(f"{REQUESTS}/dismiss", self.dismiss_many, "notification_requests_dismiss_many", "Not of these")
        routes.get(f"{REQUESTS}/{{id}}", self.get, "notification_requests_get", "One whom the policy keeps apart")
        routes.post(f"{REQUESTS}/{{id}}/accept", self.accept, "notification_requests_accept", "Hear of this one")
        routes.post(f"{REQUESTS}/{{id}}/dismiss", self.dismiss, "notification_requests_dismiss", "Not of this one")
        self.router = routes.router

    async def policy(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        answer = await self._clients.get_policy(caller.identity)
        return _policy_body(answer.policy, await self._waiting(caller.identity))

    async def update(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await self._params(request)
        policy = await self._change(caller.identity, {FIELDS[name]: params.choice(name, OUTCOMES) for name in FIELDS})
        return _policy_body(policy, await self._waiting(caller.identity))

    async def policy_v1(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        answer = await self._clients.get_policy(caller.identity)
        return _policy_v1_body(answer.policy, await self._waiting(caller.identity))

    async def update_v1(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await self._params(request)
        asked = {field: params.flag(name) for name, field in _FIELDS_V1.items()}
        changes = {field: OUTCOMES["filter" if flag else "accept"] for field, flag in asked.items() if flag is not None}
        policy = await self._change(caller.identity, changes)
        return _policy_v1_body(policy, await self._waiting(caller.identity))

    async def _change(self, who: Identity, asked: Mapping[str, PolicyOutcome.ValueType | None]) -> NotificationPolicy:
        """What is not asked for stays as it is."""
        policy = NotificationPolicy(**{field: outcome for field, outcome in asked.items() if outcome})
        answer: UpdatePolicyResponse = await self._call(who, "UpdatePolicy", UpdatePolicyRequest(policy=policy))
        return answer.policy

    async def get_many(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        page = query_params(request).page(LIMIT, MOST)
        waiting = await self._waiting(caller.identity)
        low, high = max(page.since_id or 0, page.min_id or 0), page.max_id or 0
        ids = sorted((each for each in waiting if each > low and (not high or each < high)), reverse=True)
        shown = ids[-page.limit :] if page.min_id and not page.max_id else ids[: page.limit]
        older = shown[-1] if shown and shown[-1] != min(waiting) else None
        link = link_header(self._settings.public_url, request, older=older, newer=shown[0] if shown else None)
        return json_array([waiting[each][1] for each in shown], link)

    async def get(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        found = (await self._waiting(caller.identity)).get(path_id(request))
        if found is None:
            raise RecordNotFound
        return json_response(found[1])

    async def merged(self, request: Request) -> Response:
        """What was accepted is shown by the next request."""
        await self._exchange.require_user(request, READ)
        return json_response(b'{"merged":true}')

    async def accept(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        return await self._accept(caller.identity, [path_id(request)])

    async def dismiss(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        return await self._dismiss(caller.identity, [path_id(request)])

    async def accept_many(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        return await self._accept(caller.identity, _ids(await self._params(request)))

    async def dismiss_many(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        return await self._dismiss(caller.identity, _ids(await self._params(request)))

    async def _accept(self, who: Identity, account_ids: list[int]) -> Response:
        await self._call(who, "AcceptRequests", AcceptRequestsRequest(account_ids=account_ids))
        return json_response(b"{}")

    async def _dismiss(self, who: Identity, account_ids: list[int]) -> Response:
        up_to_id = lowest_id_at(self._clock.unix_ms() + 1)
        await self._call(who, "DismissRequests", DismissRequestsRequest(account_ids=account_ids, up_to_id=up_to_id))
        return json_response(b"{}")

    async def _params(self, request: Request) -> Params:
        return await read_params(request, self._settings.max_body_bytes)

    async def _waiting(self, viewer: Identity) -> Waiting:
        call = ListNotificationsRequest(limit=MOST, types=sorted(POLICED))
        told: list[Notification] = []
        for _ in range(MAX_ROUNDS):
            answer = await self._clients.list_notifications(viewer, call)
            told += answer.notifications
            if not answer.reached_id:
                break
            call.max_id = answer.reached_id
        return await self._composer.notification_requests(viewer, told) if told else {}

    async def _call(self, who: Identity, method: str, call: Any) -> Any:
        return await self._clients.notification.call(method, call, timeout=CALL_SECONDS, idempotent=True, identity=who)


def _ids(params: Params) -> list[int]:
    found = params.ids("id")
    if not found:
        raise params.invalid("id", "must name those who are answered to", "ERR_BLANK")
    return found


def _policy_body(policy: NotificationPolicy, waiting: Waiting) -> Response:
    outcomes = {name: _NAMES[getattr(policy, field)] for name, field in FIELDS.items()}
    return json_response(orjson.dumps({**outcomes, "summary": _summary(waiting)}))


def _policy_v1_body(policy: NotificationPolicy, waiting: Waiting) -> Response:
    filtered = {name: getattr(policy, field) != OUTCOMES["accept"] for name, field in _FIELDS_V1.items()}
    return json_response(orjson.dumps({**filtered, "summary": _summary(waiting)}))


def _summary(waiting: Waiting) -> Mapping[str, int]:
    return {
        "pending_requests_count": len(waiting),
        "pending_notifications_count": sum(count for count, _ in waiting.values()),
    }
