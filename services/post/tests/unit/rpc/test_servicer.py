"""The service as its callers see it: through real stubs, tokens and interceptors."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from PIL import Image

from post_service.models import Mention, Post, PostState, Visibility
from post_service.service.engage import Engagement
from rookery.common.v1.entry_context_pb2 import EntryContext
from rookery.post.v1 import post_pb2
from rookery.post.v1 import post_service_pb2 as pb
from rookery.post.v1.media_pb2 import MediaPurpose
from rookery.post.v1.post_service_pb2_grpc import PostServiceStub
from rookery_common.auth import Identity, with_identity
from rookery_common.errors import AppError, InvalidArgument, NotFound, PermissionDenied, Status
from rookery_common.rpc.client import RpcClient
from rookery_common.rpc.server import RpcServer
from rookery_common.testing.rpc import Network, Tokens, settings_of

Clients = dict[str, RpcClient]
Write = Callable[..., Awaitable[Post]]


@pytest.fixture
def signed(tokens: Tokens) -> Identity:
    return tokens.identity(101)


async def create(clients: Clients, identity: Identity, **fields: object) -> pb.CreatePostResponse:
    request = pb.CreatePostRequest(**{"visibility": post_pb2.VISIBILITY_PUBLIC, **fields})  # type: ignore[arg-type]
    with with_identity(identity):
        response: pb.CreatePostResponse = await clients["gateway"].call("CreatePost", request, timeout=5)
    return response


def entry(token: str, *post_ids: int, known_version: int = 0) -> pb.BatchGetPostsEntry:
    queries = [pb.PostQuery(post_id=post_id, known_version=known_version) for post_id in post_ids]
    return pb.BatchGetPostsEntry(context=EntryContext(token=token, timeout_ms=5000), posts=queries)


async def batch(clients: Clients, *entries: pb.BatchGetPostsEntry) -> list[pb.BatchGetPostsResult]:
    request = pb.BatchGetPostsRequest(entries=entries)
    response: pb.BatchGetPostsResponse = await clients["gateway"].call("BatchGetPosts", request, timeout=5)
    return list(response.results)


async def listed(clients: Clients, caller: str, identity: Identity | None) -> list[int]:
    request = pb.ListAccountPostsRequest(account_id=101, page_size=10)
    response: pb.ListAccountPostsResponse = await clients[caller].call(
        "ListAccountPosts", request, timeout=5, identity=identity
    )
    return [post.visibility for post in response.posts]


async def upload(clients: Clients, identity: Identity, *parts: pb.UploadMediaRequest) -> pb.UploadMediaResponse:
    async def requests() -> AsyncIterator[pb.UploadMediaRequest]:
        for part in parts:
            yield part

    with with_identity(identity):
        response: pb.UploadMediaResponse = await clients["gateway"].upload("UploadMedia", requests(), timeout=10)
    return response


def file_parts(data: bytes) -> list[pb.UploadMediaRequest]:
    header = pb.MediaHeader(filename="rook.jpg", content_type="image/jpeg", description="A rook", focus_x=0.5)
    chunks = [data[start : start + 1000] for start in range(0, len(data), 1000)]
    return [pb.UploadMediaRequest(header=header), *(pb.UploadMediaRequest(chunk=chunk) for chunk in chunks)]


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (320, 200), (10, 120, 30)).save(buffer, "JPEG")
    return buffer.getvalue()


async def test_a_created_post_is_answered_whole_and_read_again(clients: Clients, signed: Identity) -> None:
    fields = {"text": "Hi @carol #Rook", "spoiler_text": "cw", "language": "en", "application_name": "Demo"}
    post = (await create(clients, signed, **fields)).post
    assert (post.author_id, post.text, post.spoiler_text, post.sensitive) == (101, "Hi @carol #Rook", "cw", True)
    assert (list(post.tags), post.mentions[0].username, post.application_name) == (["rook"], "carol", "Demo")
    assert (post.state, post.thread_id) == (post_pb2.POST_STATE_VISIBLE, post.post_id)
    (result,) = await batch(clients, entry(signed.token, post.post_id))
    view = result.posts[0]
    assert (view.post, view.version, view.author_id, view.post_id) == (post, post.version, 101, post.post_id)
    assert not view.HasField("counts")
    assert not view.HasField("marks")
    (result,) = await batch(clients, entry(signed.token, post.post_id, known_version=post.version))
    assert not result.posts[0].HasField("post")
    assert result.posts[0].version == post.version


async def test_feed_alone_asks_for_the_posts_of_authors_and_is_answered_in_columns(
    clients: Clients, write: Write
) -> None:
    post = await write(mentions=())
    request = pb.ListPostsOfAuthorsRequest(author_ids=[101, 102], page_size=10)
    response = await clients["feed"].call("ListPostsOfAuthors", request, timeout=5)
    columns = pb.ListPostsOfAuthorsResponse(post_ids=[post.post_id], author_ids=[101], are_reblogs=[False])
    assert response == columns
    with pytest.raises(PermissionDenied):
        await clients["gateway"].call("ListPostsOfAuthors", request, timeout=5)


async def test_feed_alone_asks_for_recent_posts_and_is_answered_in_columns(clients: Clients, write: Write) -> None:
    post = await write(mentions=())
    request = pb.ListRecentPostsRequest(author_ids=[101, 102], page_size=10)
    response = await clients["feed"].call("ListRecentPosts", request, timeout=5)
    assert response == pb.ListRecentPostsResponse(post_ids=[post.post_id], author_ids=[101], are_reblogs=[False])
    with pytest.raises(PermissionDenied):
        await clients["gateway"].call("ListRecentPosts", request, timeout=5)


async def test_entries_of_a_call_have_viewers_and_failures_of_their_own(
    clients: Clients, tokens: Tokens, write: Write, follows: dict[int, set[int]]
) -> None:
    private = await write(visibility=Visibility.PRIVATE, mentions=())
    follows[103].add(101)
    results = await batch(
        clients,
        entry(tokens.identity(103).token, private.post_id),
        entry("", private.post_id),
        entry("forged", private.post_id),
        entry(tokens.identity(102).token, private.post_id),
        entry(tokens.identity(101).token, *range(1, 202)),
    )
    assert [len(result.posts) for result in results] == [1, 0, 0, 0, 0]
    assert [result.status.code for result in results] == [0, 0, Status.UNAUTHENTICATED, 0, Status.INVALID_ARGUMENT]


@pytest.mark.parametrize(
    ("fields", "status", "reason", "field"),
    [
        ({"text": ""}, Status.INVALID_ARGUMENT, "INVALID_FIELD", "status"),
        ({"text": "x" * 10_000}, Status.INVALID_ARGUMENT, "INVALID_FIELD", "status"),
        ({"text": "x", "visibility": 0}, Status.INVALID_ARGUMENT, "INVALID_FIELD", "visibility"),
        ({"text": "x", "visibility": 9}, Status.INVALID_ARGUMENT, "INVALID_FIELD", "visibility"),
        ({"text": "x", "language": "klingon"}, Status.INVALID_ARGUMENT, "INVALID_FIELD", "language"),
        ({"text": "x", "in_reply_to_id": 5}, Status.NOT_FOUND, "REPLY_NOT_FOUND", ""),
        ({"text": "x", "media_ids": [5]}, Status.NOT_FOUND, "MEDIA_NOT_FOUND", ""),
    ],
)
async def test_what_is_wrong_with_a_post_is_told(
    clients: Clients, signed: Identity, fields: dict[str, object], status: Status, reason: str, field: str
) -> None:
    with pytest.raises(AppError) as caught:
        await create(clients, signed, **fields)
    assert (caught.value.status, caught.value.reason) == (status, reason)
    assert [violation.field for violation in caught.value.fields] == ([field] if field else [])


async def test_a_repeated_request_is_told_that_its_post_was_made_before(clients: Clients, signed: Identity) -> None:
    for request_id, made_now in (("", True), ("", True), ("key", True), ("key", False)):
        assert (await create(clients, signed, text="one", request_id=request_id)).made_now is made_now


async def test_a_key_used_with_another_body_is_aborted(clients: Clients, signed: Identity) -> None:
    first = await create(clients, signed, text="one", request_id="key")
    assert (await create(clients, signed, text="one", request_id="key")).post == first.post
    with pytest.raises(AppError) as caught:
        await create(clients, signed, text="two", request_id="key")
    assert (caught.value.status, caught.value.reason) == (Status.ABORTED, "IDEMPOTENCY_CONFLICT")


async def test_writing_needs_a_user_and_the_scope(clients: Clients, tokens: Tokens) -> None:
    for identity, reason in (
        (tokens.identity(101, scopes=["read"]), "SCOPE_MISSING"),
        (tokens.identity(0), "USER_REQUIRED"),
    ):
        with pytest.raises(AppError) as caught:
            await create(clients, identity, text="x")
        assert caught.value.reason == reason
        with pytest.raises(AppError) as caught:
            await upload(clients, identity, *file_parts(jpeg()))
        assert caught.value.reason == reason
    with pytest.raises(AppError) as caught:
        await clients["gateway"].call("CreatePost", pb.CreatePostRequest(), timeout=5, identity=None)
    assert caught.value.status is Status.UNAUTHENTICATED


async def test_only_feed_and_search_without_a_user_are_given_more_than_anyone(
    clients: Clients, tokens: Tokens, write: Write
) -> None:
    for visibility in Visibility:
        await write(visibility=visibility, mentions=(Mention(102, "Bob"),))
    await write(state=PostState.HELD)
    assert await listed(clients, "feed", None) == [3, 2, 1]
    assert await listed(clients, "search", None) == [4, 3, 2, 1]
    assert await listed(clients, "gateway", None) == [2, 1]
    assert await listed(clients, "user", None) == [2, 1]
    assert await listed(clients, "gateway", tokens.identity(102)) == [4, 3, 2, 1]
    assert await listed(clients, "feed", tokens.identity(104)) == [2, 1]


async def test_other_services_may_not_call(clients: Clients) -> None:
    for caller, method, request in (
        ("search", "GetMedia", pb.GetMediaRequest(media_id=1)),
        ("search", "DeleteMedia", pb.DeleteMediaRequest(media_id=1)),
        ("search", "BatchGetPosts", pb.BatchGetPostsRequest()),
    ):
        with pytest.raises(AppError) as caught:
            await clients[caller].call(method, request, timeout=5)
        assert caught.value.reason == "CALLER_NOT_ALLOWED"


async def test_a_picture_is_uploaded_described_and_posted(clients: Clients, signed: Identity) -> None:
    media = (await upload(clients, signed, *file_parts(jpeg()))).media
    assert (media.description, media.focus_x, media.original.width, media.account_id) == ("A rook", 0.5, 320, 101)
    assert media.url.startswith("https://files.example/media/")
    with with_identity(signed):
        update = pb.UpdateMediaRequest(media_id=media.media_id, description="")
        changed = (await clients["gateway"].call("UpdateMedia", update, timeout=5)).media
        found = await clients["gateway"].call("GetMedia", pb.GetMediaRequest(media_id=media.media_id), timeout=5)
    assert (changed.description, changed.focus_x) == ("", 0.5)
    assert found.media == changed
    post = (await create(clients, signed, media_ids=[media.media_id])).post
    assert [item.url for item in post.media] == [media.url]


async def test_a_stream_that_is_no_file_is_refused(clients: Clients, signed: Identity) -> None:
    header, *chunks = file_parts(jpeg())
    too_long = pb.UploadMediaRequest(chunk=bytes(300_000))
    for parts in ([], chunks, [header, header], [header, too_long], [pb.UploadMediaRequest()]):
        with pytest.raises(AppError) as caught:
            await upload(clients, signed, *parts)
        assert (caught.value.status, caught.value.fields[0].field) == (Status.INVALID_ARGUMENT, "file")


async def test_a_file_that_is_not_what_it_says_is_refused(clients: Clients, signed: Identity) -> None:
    with pytest.raises(AppError) as caught:
        await upload(clients, signed, *file_parts(b"<html></html>"))
    assert (caught.value.reason, caught.value.fields[0].field) == ("UNSUPPORTED_TYPE", "file")


async def test_a_profiles_picture_needs_the_scope_of_profiles_and_can_not_be_posted(
    clients: Clients, tokens: Tokens
) -> None:
    header, *chunks = file_parts(jpeg())
    header.header.purpose = MediaPurpose.MEDIA_PURPOSE_AVATAR
    with pytest.raises(PermissionDenied):
        await upload(clients, tokens.identity(101, scopes=("write:media",)), header, *chunks)
    owner = tokens.identity(101, scopes=("write:accounts", "write:statuses"))
    media = (await upload(clients, owner, header, *chunks)).media
    assert (media.original.width, media.original.height) == (400, 400)
    with pytest.raises(NotFound, match="attached"):
        await create(clients, owner, text="x", media_ids=[media.media_id])


async def test_posts_for_somebody_who_is_not_there_are_told_to_notification_alone(
    clients: Clients, engagement: Engagement, server: RpcServer, network: Network, tokens: Tokens, signed: Identity
) -> None:
    shown = (await create(clients, signed, text="Hello")).post.post_id
    hidden = (await create(clients, signed, text="Hello", visibility=post_pb2.VISIBILITY_DIRECT)).post.post_id
    await engagement.mute_thread(tokens.identity(102), shown, active=True)
    notification = await network.client(
        server.port, PostServiceStub, service="post", settings=settings_of("notification")
    )
    request = pb.ListPostsForRequest(account_id=102, post_ids=[shown, hidden])
    (view,) = (await notification.call("ListPostsFor", request, timeout=5)).posts
    assert (view.post_id, view.post.text, view.marks.muted) == (shown, "Hello", True)
    with pytest.raises(PermissionDenied):
        await clients["gateway"].call("ListPostsFor", request, timeout=5)
    for wrong in (pb.ListPostsForRequest(post_ids=[shown]), pb.ListPostsForRequest(account_id=1, post_ids=range(500))):
        with pytest.raises(InvalidArgument):
            await notification.call("ListPostsFor", wrong, timeout=5)
