"""Messaging: threads of direct posts, as a world has them, over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from rookery.messaging.v1 import direct_thread_service_pb2 as pb
from rookery.messaging.v1.direct_thread_service_pb2_grpc import DirectThreadServiceServicer
from rookery_common.auth import require_identity
from rookery_common.errors import AppError, NotFound


class DirectThreadServer(DirectThreadServiceServicer):
    """Each account's own, by their latest posts."""

    def __init__(self, world: Any) -> None:
        self._world = world

    async def ListDirectThreads(self, request: Any, _context: Any) -> pb.ListDirectThreadsResponse:
        self._world.note("ListDirectThreads", (request.limit, request.max_id, request.since_id, request.min_id))
        found = [
            each
            for each in self._mine("read:statuses")
            if max(request.since_id, request.min_id) < each.posts[0].post_id < (request.max_id or 1 << 63)
        ]
        upwards = request.min_id and not request.max_id
        page = found[-request.limit :] if upwards else found[: request.limit]
        return pb.ListDirectThreadsResponse(threads=page)

    async def BatchGetDirectThreads(self, request: Any, _context: Any) -> pb.BatchGetDirectThreadsResponse:
        self._world.note("BatchGetDirectThreads", sorted(request.thread_ids))
        found = [each for each in self._mine("read:statuses") if each.thread_id in request.thread_ids]
        return pb.BatchGetDirectThreadsResponse(threads=found)

    async def MarkDirectThread(self, request: Any, _context: Any) -> pb.MarkDirectThreadResponse:
        thread = self._one(request.thread_id)
        thread.unread = request.unread
        return pb.MarkDirectThreadResponse(thread=thread)

    async def RemoveDirectThread(self, request: Any, _context: Any) -> pb.RemoveDirectThreadResponse:
        self._mine("write:conversations").remove(self._one(request.thread_id))
        return pb.RemoveDirectThreadResponse()

    async def StreamDirectThreads(self, request_iterator: Any, _context: Any) -> AsyncIterator[Any]:
        async def listen() -> None:
            async for request in request_iterator:
                self._world.direct_listening.update(request.subscribe_account_ids)
                self._world.direct_listening.difference_update(request.unsubscribe_account_ids)

        self._world.direct_listening.clear()
        listening = asyncio.create_task(listen())
        try:
            yield pb.StreamDirectThreadsResponse()
            while True:
                news = await self._world.direct_news.get()
                if isinstance(news, AppError):
                    raise news
                yield news
        finally:
            listening.cancel()

    def _mine(self, scope: str) -> list[pb.DirectThread]:
        found: list[pb.DirectThread] = self._world.threads.setdefault(require_identity(scope).account_id, [])
        return found

    def _one(self, thread_id: int) -> pb.DirectThread:
        for each in self._mine("write:conversations"):
            if each.thread_id == thread_id:
                return each
        raise NotFound("No.")
