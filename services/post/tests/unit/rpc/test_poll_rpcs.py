"""Polls through real stubs, tokens and interceptors."""

from __future__ import annotations

import pytest

from rookery.common.v1.entry_context_pb2 import EntryContext
from rookery.post.v1 import edit_service_pb2 as edit_pb
from rookery.post.v1 import poll_service_pb2 as pb
from rookery.post.v1 import post_pb2
from rookery.post.v1 import post_service_pb2 as post_pb
from rookery.post.v1.poll_pb2 import PollDraft, PollTally
from rookery.post.v1.poll_service_pb2_grpc import PollServiceStub
from rookery_common.auth import Identity
from rookery_common.errors import AppError, Status
from rookery_common.rpc.client import RpcClient
from rookery_common.rpc.server import RpcServer
from rookery_common.testing.rpc import Network, Tokens, settings_of

DRAFT = PollDraft(options=["tea", "coffee"], expires_in_seconds=300, multiple=True, hide_totals=True)


async def ask(clients: dict[str, RpcClient], author: Identity, draft: PollDraft) -> post_pb2.Post:
    request = post_pb.CreatePostRequest(text="Drinks?", visibility=post_pb2.VISIBILITY_PUBLIC, poll=draft)
    answer: post_pb.CreatePostResponse = await clients["gateway"].call(
        "CreatePost", request, timeout=5, identity=author
    )
    return answer.post


async def vote(poll_client: RpcClient, who: Identity | None, post_id: int, *choices: int) -> None:
    request = pb.VoteInPollRequest(post_id=post_id, choices=choices)
    await poll_client.call("VoteInPoll", request, timeout=5, identity=who)


async def test_a_poll_is_asked_voted_in_and_edited(
    clients: dict[str, RpcClient], edit_client: RpcClient, poll_client: RpcClient, tokens: Tokens
) -> None:
    alice, bob = tokens.identity(101), tokens.identity(102)
    post = await ask(clients, alice, DRAFT)
    assert list(post.poll.options) == ["tea", "coffee"]
    assert (post.poll.multiple, post.poll.hide_totals) == (True, True)
    assert post.poll.expire_time.seconds - post.create_time.seconds == 300
    await vote(poll_client, bob, post.post_id, 1)
    entry = post_pb.BatchGetPostsEntry(
        context=EntryContext(token=bob.token, timeout_ms=5_000), posts=[post_pb.PostQuery(post_id=post.post_id)]
    )
    answer = await clients["gateway"].call("BatchGetPosts", post_pb.BatchGetPostsRequest(entries=[entry]), timeout=5)
    [view] = answer.results[0].posts
    assert view.poll == PollTally(votes=[0, 1], voters=1, own_choices=[1])
    edit = edit_pb.EditPostRequest(post_id=post.post_id, text="No drinks")
    edited = await edit_client.call("EditPost", edit, timeout=5, identity=alice)
    assert not edited.post.HasField("poll")
    history = edit_pb.ListRevisionsRequest(post_id=post.post_id)
    revisions = (await edit_client.call("ListRevisions", history, timeout=5)).revisions
    assert [list(revision.poll_options) for revision in revisions] == [["tea", "coffee"], []]


async def test_voters_are_listed_for_notification_alone(
    clients: dict[str, RpcClient],
    poll_client: RpcClient,
    server: RpcServer,
    network: Network,
    tokens: Tokens,
) -> None:
    post = await ask(clients, tokens.identity(101), DRAFT)
    for number in (102, 103):
        await vote(poll_client, tokens.identity(number), post.post_id, 0)
    request = pb.ListVotersRequest(post_id=post.post_id, ballot=post.poll.ballot, page_size=1)
    notification = await network.client(
        server.port, PollServiceStub, service="post", settings=settings_of("notification")
    )
    first = await notification.call("ListVoters", request, timeout=5)
    request.after_account_id = first.reached_id
    second = await notification.call("ListVoters", request, timeout=5)
    assert {*first.account_ids, *second.account_ids} == {102, 103}
    with pytest.raises(AppError) as caught:
        await poll_client.call("ListVoters", request, timeout=5)
    assert caught.value.status == Status.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (PollDraft(options=["one"], expires_in_seconds=300), "poll.options"),
        (PollDraft(options=["1", "2", "3", "4", "5"], expires_in_seconds=300), "poll.options"),
        (PollDraft(options=["same", " same "], expires_in_seconds=300), "poll.options"),
        (PollDraft(options=["one", " "], expires_in_seconds=300), "poll.options"),
        (PollDraft(options=["one", "x" * 51], expires_in_seconds=300), "poll.options"),
        (PollDraft(options=["one", "a\0b"], expires_in_seconds=300), "poll.options"),
        (PollDraft(options=["one", "two"], expires_in_seconds=299), "poll.expires_in"),
        (PollDraft(options=["one", "two"], expires_in_seconds=2_629_747), "poll.expires_in"),
    ],
)
async def test_a_wrong_poll_is_refused_by_its_field(
    clients: dict[str, RpcClient], tokens: Tokens, draft: PollDraft, field: str
) -> None:
    with pytest.raises(AppError) as caught:
        await ask(clients, tokens.identity(101), draft)
    assert (caught.value.status, [each.field for each in caught.value.fields]) == (Status.INVALID_ARGUMENT, [field])


async def test_a_post_has_a_poll_or_media(clients: dict[str, RpcClient], tokens: Tokens) -> None:
    request = post_pb.CreatePostRequest(text="x", visibility=post_pb2.VISIBILITY_PUBLIC, poll=DRAFT, media_ids=[7])
    with pytest.raises(AppError) as caught:
        await clients["gateway"].call("CreatePost", request, timeout=5, identity=tokens.identity(101))
    assert [each.field for each in caught.value.fields] == ["poll"]


async def test_votes_are_refused_with_status_and_reason(
    clients: dict[str, RpcClient], poll_client: RpcClient, tokens: Tokens
) -> None:
    post_id = (await ask(clients, tokens.identity(101), DRAFT)).post_id
    bob = tokens.identity(102)
    await vote(poll_client, bob, post_id, 0)
    refused: list[tuple[Identity | None, int, Status, str]] = [
        (None, post_id, Status.UNAUTHENTICATED, ""),
        (tokens.identity(0), post_id, Status.PERMISSION_DENIED, "USER_REQUIRED"),
        (tokens.identity(102, scopes=["read"]), post_id, Status.PERMISSION_DENIED, ""),
        (bob, 12345, Status.NOT_FOUND, "POST_NOT_FOUND"),
        (bob, post_id, Status.FAILED_PRECONDITION, "ALREADY_VOTED"),
        (tokens.identity(101), post_id, Status.FAILED_PRECONDITION, "OWN_POLL"),
    ]
    for who, number, status, reason in refused:
        with pytest.raises(AppError) as caught:
            await vote(poll_client, who, number, 0)
        assert caught.value.status == status
        assert reason in ("", caught.value.reason)
