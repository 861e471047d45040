"""Post as a real servicer over a composing world."""

from __future__ import annotations

from typing import Any

from rookery.post.v1 import post_service_pb2, post_service_pb2_grpc
from rookery_common.auth import Identity
from rookery_common.rpc import serve_batch


class PostServer(post_service_pb2_grpc.PostServiceServicer):
    """The world's posts."""

    def __init__(self, world: Any) -> None:
        self._world = world

    async def BatchGetPosts(self, request: Any, context: Any) -> Any:
        async def handle(live: Any) -> list[Any]:
            return [self._posts(entry, identity) for _, entry, identity in live]

        kind = post_service_pb2.BatchGetPostsResult
        results = await serve_batch(request.entries, self._world.tokens.verifier, handle, kind)
        return post_service_pb2.BatchGetPostsResponse(results=results)

    def _posts(self, entry: Any, identity: Identity | None) -> Any:
        world = self._world
        asked = [(query.post_id, query.known_version) for query in entry.posts]
        by_columns = not world.has_older_post and bool(entry.post_ids)
        if by_columns:
            asked += zip(entry.post_ids, entry.known_versions, strict=True)
        world.note("BatchGetPosts", asked)
        viewer_id = identity.account_id if identity else 0
        result = post_service_pb2.BatchGetPostsResult(by_columns=by_columns)
        for post_id, known_version in asked:
            post = world.posts.get(post_id)
            if post is not None and post_id not in world.hidden:
                result.posts.add(
                    post_id=post.post_id,
                    version=post.version,
                    post=None if known_version == post.version else post,
                    counts=world.post_counts.get(post.post_id),
                    marks=world.marks.get((viewer_id, post.post_id)),
                    author_id=post.author_id,
                )
        return result
