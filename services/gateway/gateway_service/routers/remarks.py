"""What the caller keeps of others: notes for oneself, endorsements; and whom of their followers one knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.lists import cursor_refused, list_page
from gateway_service.paging import link_header
from gateway_service.params import query_params, read_params
from gateway_service.routing import Routes, json_array, json_response, path_id
from gateway_service.schemas.relationships import relationship
from rookery.user.v1.relationship_service_pb2 import (
    EndorseAccountRequest,
    ListEndorsementsRequest,
    ListFamiliarFollowersRequest,
    SetAccountNoteRequest,
    UnendorseAccountRequest,
)
from rookery_common.auth import Identity

CALL_SECONDS = 5.0
MAX_COMMENT = 10_000  # user knows the limit of notes.
MAX_FAMILIAR_OF = 40
READ, WRITE = "read:accounts", "write:accounts"
BASE = "/api/v1/accounts"
Endpoint = Callable[[Request], Awaitable[Response]]
# Path, name, RPC and its message, summary; the first of each two are the older names.
ACTS: tuple[tuple[str, str, str, type[Any], str], ...] = (
    ("pin", "accounts_pin", "EndorseAccount", EndorseAccountRequest, "Endorse an account"),
    ("endorse", "accounts_endorse", "EndorseAccount", EndorseAccountRequest, "Endorse an account"),
    ("unpin", "accounts_unpin", "UnendorseAccount", UnendorseAccountRequest, "Endorse an account no more"),
    ("unendorse", "accounts_unendorse", "UnendorseAccount", UnendorseAccountRequest, "Endorse an account no more"),
)


class Remarks:
    """Notes, endorsements, familiar followers."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("accounts")
        for path, name, method, kind, summary in ACTS:
            routes.post(f"{BASE}/{{id}}/{path}", self._act(method, kind), name, summary)
        routes.post(f"{BASE}/{{id}}/note", self.note, "accounts_note", "Keep a note about an account")
        routes.get("/api/v1/endorsements", self.own, "endorsements_list", "Whom the caller endorses")
        routes.get(f"{BASE}/{{id}}/endorsements", self.of, "accounts_endorsements", "Whom an account endorses")
        routes.get(
            f"{BASE}/familiar_followers", self.familiar, "accounts_familiar_followers", "Followers whom one follows"
        )
        self.router = routes.router

    async def note(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await read_params(request, self._settings.max_body_bytes)
        call = SetAccountNoteRequest(account_id=path_id(request), comment=params.text("comment", MAX_COMMENT) or "")
        answer = await self._clients.user.call(
            "SetAccountNote", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        return json_response(relationship(answer.relationship))

    async def own(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        return await self._endorsed(request, caller.identity, caller.identity.account_id)

    async def of(self, request: Request) -> Response:
        viewer = await self._exchange.viewer(request, READ)
        return await self._endorsed(request, viewer, path_id(request))

    async def familiar(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "read:follows")
        account_ids = query_params(request).ids("id", MAX_FAMILIAR_OF)
        if not account_ids:
            # Mastodon.py names them in a body of JSON.
            account_ids = (await read_params(request, self._settings.max_body_bytes)).ids("id", MAX_FAMILIAR_OF)
        if not account_ids:
            return json_array([])
        call = ListFamiliarFollowersRequest(account_ids=account_ids)
        answer = await self._clients.user.call(
            "ListFamiliarFollowers", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        everybody = list(dict.fromkeys(each for result in answer.results for each in result.follower_ids))
        shown = await self._composer.accounts_by_id(caller.identity, everybody)
        bodies = []
        for result in answer.results:
            followers = b",".join(shown[each] for each in result.follower_ids if each in shown)
            bodies.append(b'{"id":%b,"accounts":[%b]}' % (orjson.dumps(str(result.account_id)), followers))
        return json_array(bodies)

    async def _endorsed(self, request: Request, viewer: Identity | None, account_id: int) -> Response:
        size, token = list_page(query_params(request))
        call = ListEndorsementsRequest(account_id=account_id, page_size=size, page_token=token)
        with cursor_refused():
            answer = await self._clients.user.call(
                "ListEndorsements", call, timeout=CALL_SECONDS, idempotent=True, identity=viewer
            )
        link = link_header(self._settings.public_url, request, older=answer.next_page_token or None, newer=None)
        return json_array(await self._composer.people(viewer, list(answer.account_ids)), link)

    def _act(self, method: str, kind: type[Any]) -> Endpoint:
        """An endpoint that answers what the caller is to the account after the call."""

        async def act(request: Request) -> Response:
            caller = await self._exchange.require_user(request, WRITE)
            call = kind(account_id=path_id(request))
            answer = await self._clients.user.call(
                method, call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
            )
            return json_response(relationship(answer.relationship))

        return act
