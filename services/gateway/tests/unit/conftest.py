"""The whole web application in process, on the fakes of the services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, cast

import httpx2
import orjson
import pytest
import pytest_asyncio
from starlette.types import ASGIApp

from gateway_service.auth import TokenExchange
from gateway_service.config import Settings
from gateway_service.errors import RecordNotFound
from gateway_service.pages import Pages
from gateway_service.routers.accounts import Accounts
from gateway_service.routers.apps import Apps
from gateway_service.routers.authorize import Authorize
from gateway_service.routers.instance import Instance
from gateway_service.routers.media import Media
from gateway_service.routers.oauth import OAuth
from gateway_service.routers.pages import FrontPages
from gateway_service.routers.sign_up import SignUp
from gateway_service.routers.statuses import Statuses
from gateway_service.schemas.relationships import relationship
from gateway_service.web import build_web
from rookery_common.auth import Identity
from rookery_common.testing.clock import FakeClock

if TYPE_CHECKING:
    from tests.conftest import World


class FakeComposer:
    """Renders what the fakes hold, in the shapes of the public API."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def account(self, _viewer: Identity | None, account_id: int) -> bytes:
        account = self._world.user.accounts.get(account_id)
        if account is None:
            raise RecordNotFound
        name = account.username
        url = f"http://rookery.test/@{name}"
        pictures = {"avatar": "avatars", "avatar_static": "avatars", "header": "headers", "header_static": "headers"}
        texts = {key: f"http://rookery.test/{folder}/original/missing.png" for key, folder in pictures.items()}
        flags = dict.fromkeys(("locked", "bot", "discoverable", "indexable", "group"), False)
        counts = {"followers_count": 1, "following_count": 2, "statuses_count": 3}
        lists: dict[str, list[Any]] = {"emojis": [], "fields": [], "roles": []}
        times = {"created_at": "2023-11-14T22:13:20.000Z", "last_status_at": None}
        names = {"id": str(account_id), "username": name, "acct": name, "display_name": name, "note": ""}
        return orjson.dumps({**names, "url": url, "uri": url, **texts, **flags, **counts, **lists, **times})

    async def accounts(self, viewer: Identity | None, account_ids: list[int]) -> list[bytes]:
        return [await self.account(viewer, each) for each in account_ids if each in self._world.user.accounts]

    async def status(self, viewer: Identity | None, post_id: int) -> bytes:
        post = self._world.post.posts.get(post_id)
        if post is None:
            raise RecordNotFound
        url = f"http://rookery.test/@x/{post_id}"
        flags = dict.fromkeys(("sensitive", "favourited", "reblogged", "muted", "bookmarked", "pinned"), False)
        counts = dict.fromkeys(("replies_count", "reblogs_count", "favourites_count", "quotes_count"), 0)
        names = ("in_reply_to_id", "in_reply_to_account_id", "edited_at", "reblog", "quote", "card", "poll", "language")
        lists: dict[str, list[Any]] = {
            key: [] for key in ("media_attachments", "mentions", "tags", "emojis", "filtered")
        }
        body = {
            "id": str(post_id),
            "created_at": "2023-11-14T22:13:20.000Z",
            "spoiler_text": "",
            "visibility": "public",
            "uri": url,
            "url": url,
            "content": f"<p>{post.text}</p>",
            "account": orjson.Fragment(await self.account(viewer, post.author_id)),
            "application": {"name": "Test app", "website": None},
        }
        return orjson.dumps({**body, **dict.fromkeys(names), **flags, **counts, **lists})

    async def statuses(self, viewer: Identity | None, post_ids: list[int]) -> list[bytes]:
        return [await self.status(viewer, each) for each in post_ids if each in self._world.post.posts]

    async def relationships(self, viewer: Identity, account_ids: list[int]) -> list[bytes]:
        known = [each for each in account_ids if each in self._world.user.accounts]
        return [relationship(self._world.user.relation(viewer.account_id, each)) for each in known]

    def media(self, message: Any) -> bytes:
        size = {"width": 4, "height": 3, "size": "4x3", "aspect": 4 / 3}
        meta = {"original": size, "small": size, "focus": {"x": message.focus_x, "y": message.focus_y}}
        texts = {"type": "image", "url": message.url, "preview_url": message.preview_url, "blurhash": None}
        description = message.description or None
        names = {"id": str(message.media_id), "remote_url": None, "text_url": None, "description": description}
        return orjson.dumps({**names, **texts, "meta": meta})


@pytest.fixture
def exchange(world: World, clock: FakeClock) -> TokenExchange:
    return TokenExchange(cast(Any, world.auth), clock, capacity=100)


@pytest.fixture
def web(world: World, exchange: TokenExchange, settings: Settings) -> ASGIApp:
    clients, composer, pages = cast(Any, world), cast(Any, FakeComposer(world)), Pages(settings)
    parts = (
        Statuses(clients, composer, exchange, settings),
        Accounts(clients, composer, exchange, settings),
        SignUp(clients, exchange, settings),
        Media(clients, composer, exchange, settings),
        Apps(clients, exchange, settings),
        OAuth(clients, composer, exchange, settings),
        Authorize(clients, pages, settings),
        Instance(settings),
        FrontPages(pages, settings),
    )
    return build_web(settings, [part.router for part in parts])


@pytest_asyncio.fixture
async def http(web: ASGIApp) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=web)
    async with httpx2.AsyncClient(transport=transport, base_url="http://rookery.test") as client:
        yield client
