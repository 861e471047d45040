"""DirectThreadService over gRPC: requests to calls of the rules, and their results to responses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Final

from messaging_service.direct_models import DirectNotice, DirectThread, ThreadQuery
from messaging_service.service.direct_threads import DirectThreads
from messaging_service.servicer import READ_SCOPE, WRITE_SCOPE, Context, require_user
from rookery.messaging.v1 import direct_thread_service_pb2 as pb
from rookery.messaging.v1 import direct_thread_service_pb2_grpc as pb_grpc
from rookery_common.live.hub import LiveHub
from rookery_common.live.serving import live_news
from rookery_common.live.streams import News

DIRECT_SERVICE_NAME: Final = "rookery.messaging.v1.DirectThreadService"


class DirectThreadServicer(pb_grpc.DirectThreadServiceServicer):
    """One method for each RPC."""

    def __init__(self, threads: DirectThreads, live: LiveHub[DirectNotice, DirectNotice]) -> None:
        self._threads = threads
        self._live = live

    async def ListDirectThreads(
        self, request: pb.ListDirectThreadsRequest, context: Context
    ) -> pb.ListDirectThreadsResponse:
        caller = require_user(READ_SCOPE)
        query = ThreadQuery(request.limit, request.max_id, request.since_id, request.min_id)
        return pb.ListDirectThreadsResponse(threads=map(_message, await self._threads.page(caller.account_id, query)))

    async def BatchGetDirectThreads(
        self, request: pb.BatchGetDirectThreadsRequest, context: Context
    ) -> pb.BatchGetDirectThreadsResponse:
        caller = require_user(READ_SCOPE)
        found = await self._threads.get_many(caller.account_id, request.thread_ids)
        return pb.BatchGetDirectThreadsResponse(threads=map(_message, found))

    async def MarkDirectThread(
        self, request: pb.MarkDirectThreadRequest, context: Context
    ) -> pb.MarkDirectThreadResponse:
        caller = require_user(WRITE_SCOPE)
        thread = await self._threads.mark(caller.account_id, request.thread_id, unread=request.unread)
        return pb.MarkDirectThreadResponse(thread=_message(thread))

    async def RemoveDirectThread(
        self, request: pb.RemoveDirectThreadRequest, context: Context
    ) -> pb.RemoveDirectThreadResponse:
        await self._threads.remove(require_user(WRITE_SCOPE).account_id, request.thread_id)
        return pb.RemoveDirectThreadResponse()

    async def StreamDirectThreads(
        self, request_iterator: AsyncIterator[pb.StreamDirectThreadsRequest], context: Context
    ) -> AsyncIterator[pb.StreamDirectThreadsResponse]:
        async with aclosing(live_news(self._live, request_iterator)) as answers:
            async for news in answers:
                yield _news(news)


def _message(thread: DirectThread) -> pb.DirectThread:
    posts = [
        pb.DirectPost(post_id=post.post_id, author_id=post.author_id, account_ids=post.account_ids)
        for post in thread.posts
    ]
    return pb.DirectThread(thread_id=thread.thread_id, unread=thread.unread, posts=posts)


def _news(news: Sequence[News[DirectNotice]]) -> pb.StreamDirectThreadsResponse:
    response = pb.StreamDirectThreadsResponse()
    for each in news:
        if each.item is None:
            response.gap_account_ids.extend(each.account_ids)
        else:
            response.updates.add(thread_id=each.item.thread_id, post_id=each.item.post_id, account_ids=each.account_ids)
    return response
