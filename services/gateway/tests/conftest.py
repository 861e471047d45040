"""The four services as the gateway calls them, in memory: enough of their rules to answer as they do."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from gateway_service.config import Settings
from rookery.auth.v1 import app_pb2, auth_service_pb2
from rookery.feed.v1 import feed_service_pb2
from rookery.post.v1 import media_pb2, post_pb2, post_service_pb2
from rookery.user.v1 import account_pb2, user_service_pb2
from rookery_common.auth import Identity, ScopeMissing
from rookery_common.errors import (
    AppError,
    FieldViolation,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from rookery_common.paging import Page
from rookery_common.testing.clock import FakeClock

APP_ID, ACCOUNT_BASE, POST_BASE = 7, 1_000, 50_000


def bad(field_name: str, code: str, description: str, reason: str = "INVALID_ARGUMENT") -> InvalidArgument:
    error = InvalidArgument(f"{field_name} {description}", fields=[FieldViolation(field_name, code, description)])
    error.reason = reason
    return error


def with_reason(error: AppError, reason: str) -> AppError:
    error.reason = reason
    return error


@dataclass
class Call:
    """One call that was made."""

    method: str
    request: Any
    identity: Identity | None
    timeout: float


class FakeService:
    """Dispatches calls to the methods of a subclass, and records them; `failure` is raised instead, once it is set."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.calls: list[Call] = []
        self.failure: AppError | None = None

    async def call(self, method: str, request: Any, *, timeout: float, identity: Any = None, **_options: Any) -> Any:
        who = identity if isinstance(identity, Identity) else None
        self.calls.append(Call(method, request, who, timeout))
        if self.failure is not None:
            raise self.failure
        return getattr(self, method)(request, who)

    def made(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]


@dataclass
class Session:
    """What auth knows of one token."""

    account_id: int
    session_id: int
    scopes: list[str]
    roles: list[str] = field(default_factory=list)


class FakeAuth(FakeService):
    """One registered app, accounts with passwords, tokens."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.tokens: dict[str, Session] = {}
        self.codes: dict[str, tuple[int, list[str]]] = {}
        self.passwords: dict[str, tuple[str, int]] = {}
        self.app = app_pb2.App(
            app_id=APP_ID,
            name="Test app",
            website="https://app.example",
            redirect_uris=["https://app.example/back", "urn:ietf:wg:oauth:2.0:oob"],
            scopes=["read", "write", "follow", "push"],
            client_id="client",
        )
        self.app.create_time.FromSeconds(1_700_000_000)

    def grant(self, account_id: int, *scopes: str) -> str:
        """A fresh token."""
        token = secrets.token_urlsafe(16)
        session_id = len(self.tokens) + 1 if account_id else 0
        self.tokens[token] = Session(account_id, session_id, list(scopes or ("read", "write", "follow", "push")))
        return token

    def CreateApp(self, request: auth_service_pb2.CreateAppRequest, _who: Any) -> Any:
        if not request.name:
            raise bad("client_name", "ERR_BLANK", "can't be blank")
        app = app_pb2.App(
            app_id=APP_ID,
            name=request.name,
            website=request.website,
            redirect_uris=request.redirect_uris,
            scopes=request.scopes or ["read"],
            client_id="client",
            grant_types=request.grant_types or ["authorization_code", "client_credentials"],
            token_endpoint_auth_method=request.token_endpoint_auth_method or "client_secret_basic",
        )
        if any(uri.startswith("javascript:") for uri in request.redirect_uris):
            raise bad("redirect_uris", "ERR_INVALID", "must not use this scheme")
        secret = "" if request.token_endpoint_auth_method == "none" else "secret"
        return auth_service_pb2.CreateAppResponse(app=app, client_secret=secret)

    def GetApp(self, _request: Any, who: Identity | None) -> Any:
        assert who is not None
        return auth_service_pb2.GetAppResponse(app=self.app)

    def SignUp(self, request: auth_service_pb2.SignUpRequest, who: Identity | None) -> Any:
        assert who is not None
        fields = []
        if not request.username:
            fields.append(FieldViolation("username", "ERR_BLANK", "can't be blank"))
        if not request.agreement:
            fields.append(FieldViolation("agreement", "ERR_ACCEPTED", "must be accepted"))
        if fields:
            raise InvalidArgument("The account can't be made.", fields=fields)
        account_id = self.world.user.add(request.username)
        self.passwords[request.username] = (request.password, account_id)
        return auth_service_pb2.SignUpResponse(token=self._token(self.grant(account_id)))

    def CheckAuthorization(self, request: Any, _who: Any) -> Any:
        if request.client_id != "client":
            raise bad("client_id", "ERR_INVALID", "is not known")
        if request.redirect_uri not in self.app.redirect_uris:
            raise bad("redirect_uri", "ERR_INVALID", "is not one of the app's")
        if request.response_type != "code":
            raise bad("response_type", "ERR_INVALID", "must be code")
        if not set(request.scopes) <= set(self.app.scopes):
            raise bad("scope", "ERR_INVALID", "is more than the app registered")
        return auth_service_pb2.CheckAuthorizationResponse(app=self.app, scopes=request.scopes or ["read"])

    def CreateAuthorization(self, request: Any, who: Any) -> Any:
        checked = self.CheckAuthorization(request.authorization, who)
        password, account_id = self.passwords.get(request.login, ("", 0))
        if not account_id or password != request.password:
            raise with_reason(Unauthenticated("Wrong credentials"), "WRONG_CREDENTIALS")
        code = secrets.token_urlsafe(8)
        self.codes[code] = (account_id, list(checked.scopes))
        return auth_service_pb2.CreateAuthorizationResponse(code=code)

    def CreateToken(self, request: auth_service_pb2.CreateTokenRequest, _who: Any) -> Any:
        if (request.client_id, request.client_secret) != ("client", "secret"):
            raise with_reason(Unauthenticated("Client authentication failed"), "INVALID_CLIENT")
        if request.grant_type == "client_credentials":
            token = self.grant(0, *request.scopes)
        elif request.grant_type == "authorization_code":
            if request.code not in self.codes:
                raise with_reason(InvalidArgument("The grant is invalid"), "INVALID_GRANT")
            account_id, scopes = self.codes.pop(request.code)
            token = self.grant(account_id, *scopes)
        elif request.grant_type == "refresh_token":
            return self._refresh(request)
        else:
            raise with_reason(InvalidArgument("Not a grant of ours"), "UNSUPPORTED_GRANT_TYPE")
        return auth_service_pb2.CreateTokenResponse(token=self._token(token))

    def _refresh(self, request: auth_service_pb2.CreateTokenRequest) -> Any:
        if request.refresh_token != "refresh":
            raise with_reason(InvalidArgument("The grant is invalid"), "INVALID_GRANT")
        token = self._token(self.grant(0))
        token.refresh_token, token.expires_in = "next", 3600
        return auth_service_pb2.CreateTokenResponse(token=token)

    def IntrospectToken(self, request: auth_service_pb2.IntrospectTokenRequest, _who: Any) -> Any:
        if (request.client_id, request.client_secret) != ("client", "secret"):
            raise with_reason(Unauthenticated("Client authentication failed"), "INVALID_CLIENT")
        session = self.tokens.get(request.token)
        if session is None:
            return auth_service_pb2.IntrospectTokenResponse()
        account_id, name = session.account_id, "alice" if session.account_id else ""
        answer = auth_service_pb2.IntrospectTokenResponse(
            active=True, scopes=session.scopes, account_id=account_id, username=name
        )
        answer.create_time.FromSeconds(1_700_000_000)
        answer.expire_time.FromSeconds(1_800_000_000)
        return answer

    def RevokeToken(self, request: auth_service_pb2.RevokeTokenRequest, _who: Any) -> Any:
        if (request.client_id, request.client_secret) != ("client", "secret"):
            raise PermissionDenied("Not yours")
        self.tokens.pop(request.token, None)
        return auth_service_pb2.RevokeTokenResponse()

    def ExchangeToken(self, request: auth_service_pb2.ExchangeTokenRequest, _who: Any) -> Any:
        session = self.tokens.get(request.token)
        if session is None:
            raise with_reason(Unauthenticated("No such token"), "INVALID_TOKEN")
        answer = auth_service_pb2.ExchangeTokenResponse(
            internal_token=f"internal-{request.token}",
            session_id=session.session_id,
            account_id=session.account_id,
            app_id=APP_ID,
            scopes=session.scopes,
            app_name="Test app",
            roles=session.roles,
        )
        answer.expire_time.FromMilliseconds(self.world.clock.unix_ms() + 300_000)
        return answer

    def _token(self, token: str) -> app_pb2.Token:
        session = self.tokens[token]
        message = app_pb2.Token(access_token=token, scopes=session.scopes, account_id=session.account_id)
        message.create_time.FromSeconds(1_700_000_000)
        return message


class FakeUser(FakeService):
    """Accounts and follows."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.accounts: dict[int, account_pb2.Account] = {}
        self.follows: set[tuple[int, int]] = set()

    def add(self, username: str, note: str = "") -> int:
        account_id = ACCOUNT_BASE + len(self.accounts) + 1
        account = account_pb2.Account(account_id=account_id, username=username, note=note, version=1)
        account.create_time.FromSeconds(1_700_000_000)
        self.accounts[account_id] = account
        return account_id

    def LookupAccounts(self, request: Any, _who: Any) -> Any:
        names = {name.lower() for name in request.usernames}
        found = [account for account in self.accounts.values() if account.username.lower() in names]
        return user_service_pb2.LookupAccountsResponse(accounts=found)

    def relation(self, viewer: int, account_id: int) -> account_pb2.Relationship:
        return account_pb2.Relationship(
            account_id=account_id,
            following=(viewer, account_id) in self.follows,
            followed_by=(account_id, viewer) in self.follows,
            showing_reblogs=(viewer, account_id) in self.follows,
        )

    def FollowAccount(self, request: Any, who: Identity | None) -> Any:
        assert who is not None
        if request.account_id not in self.accounts:
            raise NotFound("No such account")
        if request.account_id == who.account_id:
            raise bad("account_id", "ERR_INVALID", "is your own")
        self.follows.add((who.account_id, request.account_id))
        return user_service_pb2.FollowAccountResponse(relationship=self.relation(who.account_id, request.account_id))

    def UnfollowAccount(self, request: Any, who: Identity | None) -> Any:
        assert who is not None
        self.follows.discard((who.account_id, request.account_id))
        return user_service_pb2.UnfollowAccountResponse(relationship=self.relation(who.account_id, request.account_id))

    def ListFollowers(self, request: Any, _who: Any) -> Any:
        found = sorted(follower for follower, followed in self.follows if followed == request.account_id)
        start = int(request.page_token or 0)
        page = found[start : start + request.page_size]
        more = str(start + len(page)) if start + len(page) < len(found) else ""
        return user_service_pb2.ListFollowersResponse(account_ids=page, next_page_token=more)

    def ListFollowing(self, request: Any, _who: Any) -> Any:
        found = sorted(followed for follower, followed in self.follows if follower == request.account_id)
        return user_service_pb2.ListFollowingResponse(account_ids=found[: request.page_size])


class FakePost(FakeService):
    """Posts and media; every post is anyone's to see."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.posts: dict[int, post_pb2.Post] = {}
        self.keys: dict[tuple[int, str], int] = {}
        self.media: dict[int, media_pb2.Media] = {}
        self.uploads: list[tuple[post_service_pb2.MediaHeader, list[bytes]]] = []

    def CreatePost(self, request: post_service_pb2.CreatePostRequest, who: Identity | None) -> Any:
        assert who is not None
        if not who.has_scope("write:statuses"):
            raise ScopeMissing("no")
        if not request.text and not request.media_ids:
            raise bad("status", "ERR_BLANK", "can't be blank")
        if len(request.text) > 500:
            raise bad("status", "ERR_TOO_LONG", "is too long (at most 500 characters)")
        if any(media_id not in self.media for media_id in request.media_ids):
            raise with_reason(NotFound("There is no such media"), "MEDIA_NOT_FOUND")
        known = self.keys.get((who.account_id, request.request_id)) if request.request_id else None
        if known is None:
            known = POST_BASE + len(self.posts) + 1
            post = post_pb2.Post(post_id=known, author_id=who.account_id, text=request.text, version=1)
            post.visibility = request.visibility
            post.create_time.FromSeconds(1_700_000_000)
            self.posts[known] = post
            self.keys[who.account_id, request.request_id] = known
        return post_service_pb2.CreatePostResponse(post=self.posts[known])

    def ListAccountPosts(self, request: Any, _who: Any) -> Any:
        found = [post for post in self.posts.values() if post.author_id == request.account_id]
        found = [post for post in found if not request.max_id or post.post_id < request.max_id]
        found.sort(key=lambda post: -post.post_id)
        return post_service_pb2.ListAccountPostsResponse(posts=found[: request.page_size])

    async def upload(self, method: str, requests: AsyncIterator[Any], *, timeout: float) -> Any:
        self.calls.append(Call(method, None, None, timeout))
        header, chunks = (await anext(requests)).header, []
        async for request in requests:
            chunks.append(request.chunk)
        self.uploads.append((header, chunks))
        media = media_pb2.Media(media_id=90_000 + len(self.uploads), type=media_pb2.MEDIA_TYPE_IMAGE)
        media.description, media.focus_x, media.focus_y = header.description, header.focus_x, header.focus_y
        media.url = media.preview_url = f"https://media.example/{media.media_id}"
        media.original.width, media.original.height = 4, 3
        media.small.width, media.small.height = 4, 3
        self.media[media.media_id] = media
        return post_service_pb2.UploadMediaResponse(media=media)

    def GetMedia(self, request: Any, _who: Any) -> Any:
        if request.media_id not in self.media:
            raise NotFound("There is no such media")
        return post_service_pb2.GetMediaResponse(media=self.media[request.media_id])

    def UpdateMedia(self, request: Any, _who: Any) -> Any:
        media = self.media[request.media_id]
        if request.HasField("description"):
            media.description = request.description
        if request.HasField("focus_x"):
            media.focus_x, media.focus_y = request.focus_x, request.focus_y
        return post_service_pb2.UpdateMediaResponse(media=media)


class FakeFeed(FakeService):
    """Takes what it is told."""

    def AddOwnPost(self, _request: Any, who: Identity | None) -> Any:
        assert who is not None
        return feed_service_pb2.AddOwnPostResponse()


@dataclass
class World:
    """All of them; has the attributes of the gateway's Clients."""

    clock: FakeClock
    auth: FakeAuth = field(init=False)
    user: FakeUser = field(init=False)
    post: FakePost = field(init=False)
    feed: FakeFeed = field(init=False)

    def __post_init__(self) -> None:
        self.auth, self.user = FakeAuth(self), FakeUser(self)
        self.post, self.feed = FakePost(self), FakeFeed(self)

    async def batch_get_posts(self, _viewer: Identity | None, queries: Any) -> list[post_service_pb2.PostView]:
        found = [self.post.posts[query.post_id] for query in queries if query.post_id in self.post.posts]
        counts, marks = post_pb2.PostCounts(), post_pb2.PostMarks()
        return [
            post_service_pb2.PostView(
                post_id=post.post_id, version=1, post=post, counts=counts, marks=marks, author_id=post.author_id
            )
            for post in found
        ]

    async def batch_get_accounts(self, _viewer: Identity | None, queries: Any) -> list[user_service_pb2.AccountView]:
        found = [self.user.accounts[query.account_id] for query in queries if query.account_id in self.user.accounts]
        counts = account_pb2.AccountCounts(followers=1, following=2, statuses=3)
        return [
            user_service_pb2.AccountView(account_id=each.account_id, version=1, account=each, counts=counts)
            for each in found
        ]

    async def batch_get_relationships(self, viewer: Identity, account_ids: Any) -> list[account_pb2.Relationship]:
        known = [account_id for account_id in account_ids if account_id in self.user.accounts]
        return [self.user.relation(viewer.account_id, account_id) for account_id in known]

    async def batch_get_home(self, viewer: Identity, page: Page) -> feed_service_pb2.BatchGetHomeResult:
        """Of everyone's posts, those of whom the viewer follows, and the viewer's own."""
        result = feed_service_pb2.BatchGetHomeResult()
        for post in sorted(self.post.posts.values(), key=lambda post: -post.post_id):
            own = post.author_id == viewer.account_id
            below = not page.max_id or post.post_id < page.max_id
            if below and (own or (viewer.account_id, post.author_id) in self.user.follows):
                reason = feed_service_pb2.REASON_OWN_POST if own else feed_service_pb2.REASON_FOLLOWED_AUTHOR
                result.entries.add(entry_id=post.post_id, author_id=post.author_id, reason=reason)
        result.more = len(result.entries) > page.limit
        del result.entries[page.limit :]
        return result

    def newcomer(self, username: str, *scopes: str) -> tuple[int, dict[str, str]]:
        """A new account's id, and headers with a token of it."""
        account_id = self.user.add(username)
        return account_id, {"authorization": f"Bearer {self.auth.grant(account_id, *scopes)}"}

    def app_headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.auth.grant(0)}"}


@pytest.fixture
def world(clock: FakeClock) -> World:
    return World(clock)


@pytest.fixture
def settings() -> Settings:
    key = SecretStr(base64.b64encode(bytes(range(32))).decode())
    return Settings(master_key=key, public_url="http://rookery.test", max_body_bytes=4096, max_upload_bytes=200_000)


@pytest.fixture
def away() -> Unavailable:
    return Unavailable("The service is away.")
