"""/api/v1/accounts: profiles and relationships."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.errors import RecordNotFound
from gateway_service.lists import cursor_refused, list_page
from gateway_service.paging import link_header
from gateway_service.params import Params, query_params, read_params
from gateway_service.routing import Routes, json_array, json_response, path_id
from gateway_service.schemas.relationships import relationship
from rookery.post.v1.pin_service_pb2 import ListPinnedPostsRequest
from rookery.post.v1.post_service_pb2 import ListAccountPostsRequest, ListAccountPostsResponse
from rookery.user.v1.user_service_pb2 import (
    FollowAccountRequest,
    ListFollowersRequest,
    ListFollowingRequest,
    LookupAccountsRequest,
    UnfollowAccountRequest,
)
from rookery_common.auth import Identity

CALL_SECONDS = 5.0
MAX_ACCOUNTS = 100
PAGE_STATUSES, MOST_STATUSES = 20, 40


class Accounts:
    """Shows accounts, and changes what the caller is to them."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("accounts")
        base = "/api/v1/accounts"
        routes.get(f"{base}/lookup", self.lookup, "accounts_lookup", "An account by name")
        routes.get(
            f"{base}/relationships", self.relationships, "accounts_relationships", "What the caller is to others"
        )
        routes.get(base, self.get_many, "accounts_list", "Several accounts by id")
        routes.get(f"{base}/{{id}}", self.get, "accounts_get", "One account")
        routes.get(f"{base}/{{id}}/statuses", self.statuses, "accounts_statuses", "An account's statuses")
        routes.get(f"{base}/{{id}}/followers", self.followers, "accounts_followers", "Who follows an account")
        routes.get(f"{base}/{{id}}/following", self.following, "accounts_following", "Whom an account follows")
        routes.post(f"{base}/{{id}}/follow", self.follow, "accounts_follow", "Follow an account")
        routes.post(f"{base}/{{id}}/unfollow", self.unfollow, "accounts_unfollow", "Unfollow an account")
        self.router = routes.router

    async def get(self, request: Request) -> Response:
        viewer = await self._exchange.viewer(request, "read:accounts")
        return json_response(await self._composer.account(viewer, path_id(request)))

    async def get_many(self, request: Request) -> Response:
        viewer = await self._exchange.viewer(request, "read:accounts")
        account_ids = query_params(request).ids("id", MAX_ACCOUNTS)
        return json_array(await self._composer.accounts(viewer, account_ids))

    async def lookup(self, request: Request) -> Response:
        viewer = await self._exchange.viewer(request, "read:accounts")
        name = query_params(request).required_text("acct", 300).removeprefix("@")
        # Every account is local: its name with this domain means the same, with another's nobody.
        username = name.removesuffix(f"@{self._settings.domain}")
        answer = await self._clients.user.call(
            "LookupAccounts",
            LookupAccountsRequest(usernames=[username]),
            timeout=CALL_SECONDS,
            idempotent=True,
            identity=viewer,
        )
        if not answer.accounts:
            raise RecordNotFound
        return json_response(await self._composer.account(viewer, answer.accounts[0].account_id))

    async def relationships(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "read:follows")
        account_ids = query_params(request).ids("id", MAX_ACCOUNTS)
        return json_array(await self._composer.relationships(caller.identity, account_ids))

    async def follow(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:follows")
        params = await read_params(request, self._settings.max_body_bytes)
        call = follow_request(path_id(request), params)
        answer = await self._clients.user.call(
            "FollowAccount", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        return json_response(relationship(answer.relationship))

    async def unfollow(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:follows")
        call = UnfollowAccountRequest(account_id=path_id(request))
        answer = await self._clients.user.call(
            "UnfollowAccount", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        return json_response(relationship(answer.relationship))

    async def statuses(self, request: Request) -> Response:
        viewer = await self._exchange.viewer(request, "read:statuses")
        account_id, params = path_id(request), query_params(request)
        await self._composer.account(viewer, account_id)  # Not found, if there is no such account.
        if params.flag("pinned"):
            return await self._pinned(viewer, account_id)
        call = list_posts_request(account_id, params)
        answer = await self._clients.post.call(
            "ListAccountPosts", call, timeout=CALL_SECONDS, idempotent=True, identity=viewer
        )
        shown = [post.post_id for post in answer.posts]
        return json_array(await self._composer.statuses(viewer, shown), self._posts_link(request, answer))

    async def _pinned(self, viewer: Identity | None, account_id: int) -> Response:
        answer = await self._clients.post.call(
            "ListPinnedPosts",
            ListPinnedPostsRequest(account_id=account_id),
            timeout=CALL_SECONDS,
            idempotent=True,
            identity=viewer,
        )
        return json_array(await self._composer.statuses(viewer, answer.post_ids))

    async def followers(self, request: Request) -> Response:
        return await self._account_list(request, "ListFollowers", ListFollowersRequest)

    async def following(self, request: Request) -> Response:
        return await self._account_list(request, "ListFollowing", ListFollowingRequest)

    async def _account_list(
        self, request: Request, method: str, kind: type[ListFollowersRequest] | type[ListFollowingRequest]
    ) -> Response:
        viewer = await self._exchange.viewer(request, "read:accounts")
        size, token = list_page(query_params(request))
        call = kind(account_id=path_id(request), page_size=size, page_token=token)
        with cursor_refused():
            answer = await self._clients.user.call(method, call, timeout=CALL_SECONDS, idempotent=True, identity=viewer)
        link = link_header(self._settings.public_url, request, older=answer.next_page_token or None, newer=None)
        return json_array(await self._composer.people(viewer, list(answer.account_ids)), link)

    def _posts_link(self, request: Request, answer: ListAccountPostsResponse) -> dict[str, str]:
        """Where post says to go on; below a page that was asked for from below there is what it was asked from."""
        posts = answer.posts
        from_below = bool(query_params(request).id("min_id"))
        older = (posts[-1].post_id if posts else 0) if from_below else answer.reached_id
        newer = posts[0].post_id if posts else 0
        return link_header(self._settings.public_url, request, older=older or None, newer=newer or None)


def follow_request(account_id: int, params: Params) -> FollowAccountRequest:
    """What is not named stays as it is; languages that are named, but none of them, are all languages."""
    languages = params.texts("languages", 100, 50)
    all_languages = "languages" in params and not languages
    call = FollowAccountRequest(account_id=account_id, languages=languages, all_languages=all_languages)
    reblogs, notify = params.flag("reblogs"), params.flag("notify")
    if reblogs is not None:
        call.reblogs = reblogs
    if notify is not None:
        call.notify = notify
    return call


def list_posts_request(account_id: int, params: Params) -> ListAccountPostsRequest:
    page = params.page(PAGE_STATUSES, MOST_STATUSES)
    bounds: dict[str, Any] = {"max_id": page.max_id, "since_id": page.since_id, "min_id": page.min_id}
    return ListAccountPostsRequest(
        account_id=account_id,
        page_size=page.limit,
        exclude_replies=params.flag("exclude_replies") or False,
        only_media=params.flag("only_media") or False,
        exclude_reblogs=params.flag("exclude_reblogs") or False,
        tag=params.text("tagged", 200) or "",
        **{name: bound for name, bound in bounds.items() if bound},
    )
