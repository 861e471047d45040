"""Drafts through real stubs, tokens and interceptors."""

from __future__ import annotations

import pytest

from rookery.post.v1 import draft_service_pb2 as pb
from rookery.post.v1 import post_pb2
from rookery.post.v1.post_service_pb2 import CreatePostRequest
from rookery_common.errors import AppError, Status
from rookery_common.rpc.client import RpcClient
from rookery_common.testing.rpc import Tokens

POST = CreatePostRequest(
    text="Begun",
    visibility=post_pb2.VISIBILITY_PRIVATE,
    language="de",
    quote_policy=post_pb2.QUOTE_POLICY_NOBODY,
    reply_policy=post_pb2.REPLY_POLICY_NOBODY,
)


async def test_a_draft_is_changed_listed_published_and_deleted(draft_client: RpcClient, tokens: Tokens) -> None:
    alice = tokens.identity(101)
    made = (await draft_client.call("CreateDraft", pb.CreateDraftRequest(post=POST), timeout=5, identity=alice)).draft
    assert made.post == POST
    other = CreatePostRequest(text="Finished", visibility=post_pb2.VISIBILITY_PUBLIC)
    update = pb.UpdateDraftRequest(draft_id=made.draft_id, version=made.version, post=other)
    changed = (await draft_client.call("UpdateDraft", update, timeout=5, identity=alice)).draft
    assert (changed.post.text, changed.version > made.version) == ("Finished", True)
    with pytest.raises(AppError) as caught:
        await draft_client.call("UpdateDraft", update, timeout=5, identity=alice)
    assert (caught.value.status, caught.value.reason) == (Status.FAILED_PRECONDITION, "DRAFT_CHANGED")
    listed = await draft_client.call("ListDrafts", pb.ListDraftsRequest(), timeout=5, identity=alice)
    assert list(listed.drafts) == [changed]
    publish = pb.PublishDraftRequest(draft_id=made.draft_id, application_name="Demo")
    post = (await draft_client.call("PublishDraft", publish, timeout=5, identity=alice)).post
    assert (post.text, post.author_id, post.application_name) == ("Finished", 101, "Demo")
    for method, request in (
        ("GetDraft", pb.GetDraftRequest(draft_id=made.draft_id)),
        ("DeleteDraft", pb.DeleteDraftRequest(draft_id=made.draft_id)),
        ("PublishDraft", publish),
        ("GetDraft", pb.GetDraftRequest(draft_id=-7)),
    ):
        with pytest.raises(AppError) as caught:
            await draft_client.call(method, request, timeout=5, identity=alice)
        assert (caught.value.status, caught.value.reason) == (Status.NOT_FOUND, "DRAFT_NOT_FOUND")
