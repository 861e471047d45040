"""/api/v2/notifications: what the caller is told, with what many did to one thing as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compose.told import TYPES, Groups
from gateway_service.config import Settings
from gateway_service.errors import RecordNotFound
from gateway_service.paging import link_header
from gateway_service.params import Params, query_params
from gateway_service.routers.notifications import (
    COUNTED,
    MAX_TYPES,
    MOST,
    MOST_COUNTED,
    READ,
    WRITE,
    list_request,
    with_filtered,
)
from gateway_service.routing import Routes, json_array, json_response
from rookery.notification.v1.group_service_pb2 import (
    DismissGroupRequest,
    GetGroupRequest,
    ListGroupMembersRequest,
    ListGroupsRequest,
    ListGroupsResponse,
)
from rookery.notification.v1.notification_service_pb2 import NotificationType
from rookery_common.auth import Identity

BASE = "/api/v2/notifications"
MAX_KEY_CHARS = 64
MAX_ROUNDS = 5
CALL_SECONDS = 5.0
# A group may be large.
DISMISS_SECONDS = 12.0
FULL, PARTIAL = "full", "partial_avatars"
_PARTIAL_FIELDS = ("id", "acct", "url", "avatar", "avatar_static", "locked", "bot")


@dataclass(slots=True)
class GroupPage:
    """Groups that are shown, and from where on there may be others (0 for none)."""

    groups: Groups = field(default_factory=Groups)
    reached_id: int = 0


class NotificationGroups:
    """Lists groups, tells who is in one, and puts one away."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes, key = Routes("notifications"), f"{BASE}/{{group_key}}"
        routes.get(BASE, self.get_many, "notification_groups_list", "What the caller is told, by groups")
        routes.get(f"{BASE}/unread_count", self.unread_count, "notification_groups_unread_count", "How many are unread")
        routes.get(key, self.get, "notification_groups_get", "One group of notifications")
        routes.get(f"{key}/accounts", self.accounts, "notification_groups_accounts", "Who is in a group")
        routes.post(f"{key}/dismiss", self.dismiss, "notification_groups_dismiss", "Put a whole group away")
        self.router = routes.router

    async def get_many(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        params = query_params(request)
        form = params.choice("expand_accounts", {FULL: FULL, PARTIAL: PARTIAL}) or FULL
        call = _request(params)
        page = GroupPage()
        if call is not None:
            page = await self._page(caller.identity, call, filtered=with_filtered(params))
        newest_id = page.groups.shown[0][0] if page.groups.shown else 0
        older, newer = page.reached_id, newest_id
        if call is not None and call.query.min_id and not call.query.max_id:
            older, newer = page.groups.shown[-1][0] if page.groups.shown else 0, page.reached_id or newest_id
        link = link_header(self._settings.public_url, request, older=older or None, newer=newer or None)
        return json_response(_body(page.groups, form), link)

    async def unread_count(self, request: Request) -> Response:
        """Of the groups that the caller would be shown, above the caller's marker, up to a limit."""
        caller = await self._exchange.require_user(request, READ)
        params = query_params(request)
        most = min(params.integer("limit", 1, 1_000_000) or COUNTED, MOST_COUNTED)
        call = _request(params)
        if call is None:
            return json_response(b'{"count":0}')
        call.query.unread_only, call.query.limit = True, MOST
        keys: set[str] = set()
        for _ in range(MAX_ROUNDS):
            answer = await self._ask(caller.identity, call)
            keys.update((await self._composer.notification_groups(caller.identity, answer.groups)).by_key)
            if not answer.reached_id or len(keys) >= most:
                break
            call.query.max_id = answer.reached_id
        return json_response(b'{"count":%d}' % min(most, len(keys)))

    async def get(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        answer = await self._clients.notification.call(
            "GetGroup",
            GetGroupRequest(group_key=_key(request)),
            timeout=CALL_SECONDS,
            idempotent=True,
            identity=caller.identity,
        )
        groups = await self._composer.notification_groups(caller.identity, [answer.group], filtered=True)
        if not groups.shown:
            raise RecordNotFound
        return json_response(_body(groups, FULL))

    async def accounts(self, request: Request) -> Response:
        """As many as a page has; those whom the caller is not shown are left out."""
        caller = await self._exchange.require_user(request, READ)
        page = query_params(request).page(40, MOST)
        answer = await self._clients.notification.call(
            "ListGroupMembers",
            ListGroupMembersRequest(
                group_key=_key(request),
                limit=page.limit,
                max_id=page.max_id or 0,
                since_id=page.since_id or 0,
                min_id=page.min_id or 0,
            ),
            timeout=CALL_SECONDS,
            idempotent=True,
            identity=caller.identity,
        )
        ids = [each.notification_id for each in answer.notifications]
        shown = await self._composer.people(caller.identity, [each.account_id for each in answer.notifications])
        upwards = page.min_id is not None and page.max_id is None
        older, newer = (min(ids, default=0), answer.reached_id) if upwards else (answer.reached_id, max(ids, default=0))
        return json_array(
            shown, link_header(self._settings.public_url, request, older=older or None, newer=newer or None)
        )

    async def dismiss(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        call = DismissGroupRequest(group_key=_key(request))
        await self._clients.notification.call(
            "DismissGroup", call, timeout=DISMISS_SECONDS, idempotent=True, identity=caller.identity
        )
        return json_response(b"{}")

    async def _page(self, viewer: Identity, call: ListGroupsRequest, *, filtered: bool) -> GroupPage:
        """What is not shown is made up for, in a few rounds; a page that is short all the same has a link on."""
        upwards, page = call.query.min_id > 0 and not call.query.max_id, GroupPage()
        limit = call.query.limit
        for _ in range(MAX_ROUNDS):
            answer = await self._ask(viewer, call)
            page.groups.add(await self._composer.notification_groups(viewer, answer.groups, filtered=filtered))
            page.reached_id = answer.reached_id
            call.query.limit = limit - len(page.groups.shown)
            if not page.reached_id or call.query.limit <= 0:
                break
            if upwards:
                call.query.min_id = page.reached_id
            else:
                call.query.max_id = page.reached_id
        return page

    async def _ask(self, viewer: Identity, call: ListGroupsRequest) -> ListGroupsResponse:
        answer: ListGroupsResponse = await self._clients.notification.call(
            "ListGroups", call, timeout=CALL_SECONDS, idempotent=True, identity=viewer
        )
        return answer


def _request(params: Params) -> ListGroupsRequest | None:
    """None where only types are asked for that there are not."""
    query = list_request(params)
    if query is None:
        return None
    return ListGroupsRequest(query=query, grouped_types=_grouped(params.texts("grouped_types", 64, MAX_TYPES)))


def _grouped(names: Sequence[str]) -> Iterable[NotificationType.ValueType]:
    """Where only types are named that nobody knows, nothing is grouped that has groups."""
    known = [TYPES[name] for name in names if name in TYPES]
    return known or ([NotificationType.NOTIFICATION_TYPE_MENTION] if names else [])


def _key(request: Request) -> str:
    key: str = request.path_params["group_key"]
    if len(key) > MAX_KEY_CHARS:
        raise RecordNotFound
    return key


def _body(groups: Groups, form: str) -> bytes:
    """GroupedNotificationsResults: each account and status once; of most accounts, if so asked, only a picture."""
    full, partial = list(groups.accounts.values()), b""
    if form == PARTIAL:
        rest = [body for number, body in groups.accounts.items() if number not in groups.leading]
        full = [groups.accounts[number] for number in groups.accounts if number in groups.leading]
        partial = b'"partial_accounts":[%b],' % b",".join(map(_partial, rest))
    return b'{"accounts":[%b],%b"statuses":[%b],"notification_groups":[%b]}' % (
        b",".join(full),
        partial,
        b",".join(groups.statuses.values()),
        b",".join(body for _, body in groups.shown),
    )


def _partial(account: bytes) -> bytes:
    whole = orjson.loads(account)
    return orjson.dumps({name: whole[name] for name in _PARTIAL_FIELDS})
