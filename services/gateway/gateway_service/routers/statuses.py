"""/api/v1/statuses: posts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from gateway_service import degradation
from gateway_service.auth import Caller, TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compose.facts import Facts
from gateway_service.compose.quotes import POLICIES
from gateway_service.compose.replies import POLICIES as REPLY_POLICIES
from gateway_service.config import Settings
from gateway_service.errors import invalid
from gateway_service.metrics import OWN_POST_FAILURES
from gateway_service.params import Params, query_params, read_params
from gateway_service.routing import Routes, json_array, json_response, path_id
from rookery.feed.v1.feed_service_pb2 import AddOwnPostRequest
from rookery.post.v1.poll_pb2 import PollDraft
from rookery.post.v1.post_pb2 import Post, QuotePolicy, ReplyPolicy, Visibility
from rookery.post.v1.post_service_pb2 import CreatePostRequest
from rookery.post.v1.schedule_service_pb2 import SchedulePostRequest
from rookery_common.auth import Identity
from rookery_common.errors import AppError
from rookery_common.logs import get_logger

CREATE_SECONDS = 10.0
OWN_POST_SECONDS = 0.5
MAX_KEY_CHARS = 200
MAX_STATUSES = 40
MAX_MEDIA = 16
MAX_OPTION_TEXT = 1_000
MAX_SECONDS = 2**31 - 1
VISIBILITIES: Mapping[str, Visibility.ValueType] = {
    "public": Visibility.VISIBILITY_PUBLIC,
    "unlisted": Visibility.VISIBILITY_UNLISTED,
    "private": Visibility.VISIBILITY_PRIVATE,
    "direct": Visibility.VISIBILITY_DIRECT,
}
log = get_logger()


class Statuses:
    """Makes posts and shows them."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("statuses")
        routes.post("/api/v1/statuses", self.create, "statuses_create", "Post a status")
        routes.get("/api/v1/statuses", self.get_many, "statuses_list", "Several statuses by id")
        routes.get("/api/v1/statuses/{id}", self.get, "statuses_get", "One status")
        self.router = routes.router

    async def create(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:statuses")
        params = await read_params(request, self._settings.max_body_bytes)
        publish_at = params.time("scheduled_at")
        call, before = await self.asked(params, caller, idempotency_key(request))
        if publish_at:
            return json_response(await self._schedule(caller, call, publish_at))
        answer = await self._clients.post.call(
            "CreatePost", call, timeout=CREATE_SECONDS, idempotent=bool(call.request_id), identity=caller.identity
        )
        return json_response(await self.made(caller.identity, answer.post, before, now=answer.made_now))

    async def asked(self, params: Params, caller: Caller, request_id: str) -> tuple[CreatePostRequest, Facts]:
        """What post is asked for, completed by what its author has chosen for new posts; and what is known of them."""
        call = create_request(params, caller, request_id)
        before = await self._composer.before_writing(caller.identity)
        call.quote_policy = call.quote_policy or before.accounts[caller.identity.account_id].quote_policy
        await self._composer.posting.complete(caller.identity, call, is_sensitive=params.flag("sensitive"))
        return call, before

    async def made(self, identity: Identity, post: Post, before: Facts, *, now: bool = False) -> bytes:
        """A post that its author has made, by this very request if `now`, and finds in the home from now on."""
        made = self._composer.made_now(identity, post, before) if now else self._composer.made(identity, post, before)
        status, _ = await asyncio.gather(made, self._add_to_home(identity, post.post_id))
        return status

    async def get(self, request: Request) -> Response:
        viewer = await self._exchange.viewer(request, "read:statuses")
        return json_response(await self._composer.status(viewer, path_id(request)))

    async def get_many(self, request: Request) -> Response:
        viewer = await self._exchange.viewer(request, "read:statuses")
        post_ids = query_params(request).ids("id", MAX_STATUSES)
        return json_array(await self._composer.statuses(viewer, post_ids))

    async def _schedule(self, caller: Caller, post: CreatePostRequest, publish_at: datetime) -> bytes:
        call = SchedulePostRequest(post=post)
        call.publish_time.FromDatetime(publish_at)
        answer = await self._clients.post.call(
            "SchedulePost", call, timeout=CREATE_SECONDS, idempotent=bool(post.request_id), identity=caller.identity
        )
        return self._composer.scheduled(answer.scheduled)

    async def _add_to_home(self, identity: Identity, post_id: int) -> None:
        """So that the author finds it there at once; if it fails, the post's event does it a moment later."""
        try:
            await self._clients.feed.call(
                "AddOwnPost", AddOwnPostRequest(post_id=post_id), timeout=OWN_POST_SECONDS, identity=identity
            )
        except AppError as error:
            OWN_POST_FAILURES.inc()
            degradation.note(degradation.OWN_POST)
            log.warning("status.own_post_not_added", post_id=post_id, reason=error.reason)


def idempotency_key(request: Request) -> str:
    """The header's value; empty without one."""
    key = request.headers.get("idempotency-key", "")
    if len(key) > MAX_KEY_CHARS or not key.isprintable():
        raise invalid("Idempotency-Key", f"must be at most {MAX_KEY_CHARS} printable characters", "ERR_TOO_LONG")
    return key


def create_request(params: Params, caller: Caller, request_id: str) -> CreatePostRequest:
    """What post is asked for, as far as it is said; post knows the limits of texts and media."""
    return CreatePostRequest(
        request_id=request_id,
        text=params.text("status") or "",
        spoiler_text=params.text("spoiler_text") or "",
        sensitive=params.flag("sensitive") or False,
        visibility=params.choice("visibility", VISIBILITIES) or Visibility.VISIBILITY_UNSPECIFIED,
        language=params.text("language", 100) or "",
        in_reply_to_id=params.id("in_reply_to_id") or 0,
        media_ids=params.ids("media_ids", MAX_MEDIA),
        application_name=caller.app_name,
        application_website=caller.app_website,
        poll=poll_draft(params),
        quoted_id=params.id("quoted_status_id") or 0,
        quote_policy=params.choice("quote_approval_policy", POLICIES) or QuotePolicy.QUOTE_POLICY_UNSPECIFIED,
        reply_policy=params.choice("reply_policy", REPLY_POLICIES) or ReplyPolicy.REPLY_POLICY_UNSPECIFIED,
    )


def poll_draft(params: Params) -> PollDraft | None:
    """What is asked, as far as its form can be wrong here."""
    if "poll" not in params:
        return None
    group = params.group("poll")
    return PollDraft(
        options=group.texts("options", MAX_OPTION_TEXT),
        multiple=group.flag("multiple") or False,
        hide_totals=group.flag("hide_totals") or False,
        expires_in_seconds=group.integer("expires_in", 0, MAX_SECONDS) or 0,
    )
