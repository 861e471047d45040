"""Feed as a real servicer over a composing world."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from rookery.feed.v1 import feed_service_pb2, feed_service_pb2_grpc
from rookery_common.auth import Identity
from rookery_common.errors import AppError
from rookery_common.ids import MAX_ID
from rookery_common.rpc import serve_batch

# In the place of a viewer's id: what is the same for everybody.
EVERYBODY: Final = 0


class FeedServer(feed_service_pb2_grpc.FeedServiceServicer):
    """What is in the world's homes, and what its updates tell."""

    def __init__(self, world: Any) -> None:
        self._world = world

    async def BatchGetHome(self, request: Any, context: Any) -> Any:
        async def handle(live: Any) -> list[Any]:
            return [self._home(entry, identity) for _, entry, identity in live]

        kind = feed_service_pb2.BatchGetHomeResult
        results = await serve_batch(request.entries, self._world.tokens.verifier, handle, kind)
        return feed_service_pb2.BatchGetHomeResponse(results=results)

    def _home(self, entry: Any, identity: Identity) -> Any:
        self._world.note("BatchGetHome", (entry.limit, entry.max_id, entry.min_id))
        return feed_service_pb2.BatchGetHomeResult(**_page(self._world.homes.get(identity.account_id, []), entry))

    async def ListPublicTimeline(self, request: Any, context: Any) -> Any:
        tags = [list(each) for each in (request.any_tags, request.all_tags, request.no_tags)]
        self._world.note("ListPublicTimeline", (*tags, request.only_media))
        return feed_service_pb2.ListPublicTimelineResponse(**_page(self._world.homes.get(EVERYBODY, []), request))

    async def StreamTimelines(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        async def listen() -> None:
            async for request in request_iterator:
                self._world.subscribed.update(request.subscribe_account_ids)
                self._world.subscribed.difference_update(request.unsubscribe_account_ids)

        self._world.subscribed.clear()
        listening = asyncio.create_task(listen())
        try:
            yield feed_service_pb2.StreamTimelinesResponse()
            while True:
                update = await self._world.updates.get()
                if isinstance(update, AppError):
                    raise update
                yield feed_service_pb2.StreamTimelinesResponse(updates=[update])
        finally:
            listening.cancel()


def _page(entries: list[Any], asked: Any) -> dict[str, Any]:
    low, high = max(asked.since_id, asked.min_id), asked.max_id or MAX_ID + 1
    found = [each for each in entries if low < each.entry_id < high]
    page = found[-asked.limit :] if asked.min_id and not asked.max_id else found[: asked.limit]
    return {"entries": page, "more": found != page}
