"""Uploads over a real gRPC stream: whatever breaks on either side, the client is told what it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, cast

import httpx2
import pytest
import pytest_asyncio

from gateway_service.auth import TokenExchange
from gateway_service.cache import Fragments
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.routers.media import Media
from gateway_service.web import build_web
from rookery.post.v1 import media_pb2, post_service_pb2, post_service_pb2_grpc
from rookery_common.auth import require_identity
from rookery_common.errors import FieldViolation, InvalidArgument
from rookery_common.testing.clock import FakeClock
from rookery_common.testing.rpc import Network, Tokens

if TYPE_CHECKING:
    from gateway_fakes.world import World

HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
TAIL = b"\r\n--b--\r\n"
CHUNK = bytes(10_000)


class Posts(post_service_pb2_grpc.PostServiceServicer):
    """Takes files; `refuse_after` that many bytes, if set."""

    def __init__(self) -> None:
        self.account_id = 0
        self.size = 0
        self.complete = False
        self.ended = asyncio.Event()
        self.refuse_after: int | None = None

    async def UploadMedia(self, request_iterator: Any, _context: Any) -> post_service_pb2.UploadMediaResponse:
        self.account_id = require_identity("write:media").account_id
        try:
            async for request in request_iterator:
                self.size += len(request.chunk)
                if self.refuse_after is not None and self.size > self.refuse_after:
                    violation = FieldViolation("file", "ERR_INVALID", "is not an image")
                    raise InvalidArgument("x", fields=[violation])
            self.complete = True
        finally:
            self.ended.set()
        media = media_pb2.Media(media_id=5, type=media_pb2.MEDIA_TYPE_IMAGE, url="https://m.example/5")
        media.original.width, media.original.height = 4, 3
        media.small.width, media.small.height = 4, 3
        return post_service_pb2.UploadMediaResponse(media=media)


@pytest.fixture
def posts() -> Posts:
    make: Callable[[], Any] = Posts  # What is not written for these tests is answered with UNIMPLEMENTED.
    return cast(Posts, make())


@pytest_asyncio.fixture
async def upload(world: World, posts: Posts, settings: Settings, clock: FakeClock) -> AsyncIterator[Any]:
    """Uploads what it is given in pieces, as alice."""
    tokens = Tokens()
    account_id, headers = world.newcomer("alice")
    exchange = TokenExchange(cast(Any, world.auth), clock)
    caller = await exchange.exchange(headers["authorization"].removeprefix("Bearer "))
    object.__setattr__(caller.identity, "token", tokens.identity(account_id).token)
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        add = post_service_pb2_grpc.add_PostServiceServicer_to_server
        server = await network.serve((add, posts, "rookery.post.v1.PostService"))
        clients: Any = world
        clients.post = await network.client(server.port, post_service_pb2_grpc.PostServiceStub, service="post")
        router = Media(clients, Composer(clients, Fragments(), clock, settings), exchange, settings).router
        transport = httpx2.ASGITransport(app=build_web(settings, [router]))
        http = await stack.enter_async_context(httpx2.AsyncClient(transport=transport, base_url="http://rookery.test"))

        async def send(*pieces: bytes) -> httpx2.Response:
            async def body() -> AsyncIterator[bytes]:
                for piece in pieces:
                    yield piece
                    await asyncio.sleep(0)

            kind = {"content-type": "multipart/form-data; boundary=b"}
            return await http.post("/api/v2/media", content=body(), headers={**headers, **kind})

        yield send


async def test_file_arrives_whole_and_in_the_callers_name(upload: Any, posts: Posts, world: World) -> None:
    answer = await upload(HEAD, *[CHUNK] * 15, TAIL)
    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == "5"
    assert (posts.size, posts.complete) == (150_000, True)
    assert posts.account_id in world.user.accounts


async def test_form_that_ends_early_is_told_and_ends_the_call(upload: Any, posts: Posts) -> None:
    answer = await upload(HEAD, *[CHUNK] * 15)
    assert answer.status_code == 422
    assert "ends before its last boundary" in answer.json()["error"]
    await asyncio.wait_for(posts.ended.wait(), 30)


async def test_too_large_a_file_is_told_and_ends_the_call(upload: Any, posts: Posts) -> None:
    answer = await upload(HEAD, *[CHUNK] * 41, TAIL)
    assert answer.status_code == 413
    assert "file is too large" in answer.json()["error"]
    await asyncio.wait_for(posts.ended.wait(), 30)


async def test_what_post_refuses_half_way_is_told(upload: Any, posts: Posts) -> None:
    posts.refuse_after = 70_000
    answer = await upload(HEAD, *[CHUNK] * 19, TAIL)
    assert answer.status_code == 422
    assert answer.json()["details"]["file"][0]["description"] == "is not an image"


async def test_upload_goes_on_after_one_that_failed(upload: Any, posts: Posts) -> None:
    for _ in range(30):
        assert (await upload(HEAD, CHUNK)).status_code == 422
    assert (await upload(HEAD, CHUNK, TAIL)).status_code == 200
