"""Edits and histories through real stubs, tokens and interceptors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from post_service.models import Post
from rookery.post.v1 import edit_service_pb2 as pb
from rookery_common.auth import Identity
from rookery_common.errors import AppError, Status
from rookery_common.rpc.client import RpcClient
from rookery_common.testing.rpc import Tokens

Write = Callable[..., Awaitable[Post]]


async def test_an_edit_is_answered_and_is_in_the_history(edit_client: RpcClient, write: Write, tokens: Tokens) -> None:
    post_id, alice = (await write()).post_id, tokens.identity(101)
    request = pb.EditPostRequest(post_id=post_id, text="Changed", language="pt")
    edited = (await edit_client.call("EditPost", request, timeout=5, identity=alice)).post
    assert (edited.text, edited.language, edited.HasField("edit_time")) == ("Changed", "pt", True)
    history = await edit_client.call("ListRevisions", pb.ListRevisionsRequest(post_id=post_id), timeout=5)
    assert [revision.text for revision in history.revisions] == ["Hello, world", "Changed"]
    assert [mention.username for mention in history.revisions[0].mentions] == ["Bob"]
    assert history.revisions[1].create_time == edited.edit_time


async def test_editing_needs_a_user_and_the_scope(edit_client: RpcClient, write: Write, tokens: Tokens) -> None:
    request = pb.EditPostRequest(post_id=(await write()).post_id, text="Changed")
    refused: list[tuple[Identity | None, Status]] = [
        (None, Status.UNAUTHENTICATED),
        (tokens.identity(0), Status.PERMISSION_DENIED),
        (tokens.identity(101, scopes=["read", "write:media"]), Status.PERMISSION_DENIED),
        (tokens.identity(102), Status.NOT_FOUND),
    ]
    for who, status in refused:
        with pytest.raises(AppError) as caught:
            await edit_client.call("EditPost", request, timeout=5, identity=who)
        assert caught.value.status == status


async def test_an_attribute_of_no_media_is_named(edit_client: RpcClient, write: Write, tokens: Tokens) -> None:
    attributes = pb.MediaAttributes(media_id=7, description="A crow", focus_x=1)
    request = pb.EditPostRequest(post_id=(await write()).post_id, text="x", media_attributes=[attributes])
    with pytest.raises(AppError) as caught:
        await edit_client.call("EditPost", request, timeout=5, identity=tokens.identity(101))
    assert [violation.field for violation in caught.value.fields] == ["media_attributes"]
