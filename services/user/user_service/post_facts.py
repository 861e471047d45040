"""What a post, as the post service tells of it, is for its author's counts."""

from __future__ import annotations

from datetime import UTC

from rookery.post.v1 import post_pb2
from user_service.models import PostFact

_FOR_ANYONE = (post_pb2.VISIBILITY_PUBLIC, post_pb2.VISIBILITY_UNLISTED)


def fact_of(post: post_pb2.Post, *, deleted: bool = False) -> PostFact:
    """Its place in the count, at its version."""
    deleted = deleted or post.state == post_pb2.POST_STATE_DELETED
    visible = not deleted and post.state == post_pb2.POST_STATE_VISIBLE
    return PostFact(
        author_id=post.author_id,
        post_id=post.post_id,
        version=post.version,
        counted=visible and post.visibility != post_pb2.VISIBILITY_DIRECT,
        deleted=deleted,
        created_at=post.create_time.ToDatetime(tzinfo=UTC),
        tags=tuple(post.tags) if visible and post.visibility in _FOR_ANYONE else (),
    )
