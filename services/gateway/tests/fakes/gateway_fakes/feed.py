"""Feed as a real servicer over a composing world."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final

from rookery.feed.v1 import feed_service_pb2, feed_service_pb2_grpc
from rookery_common.auth import Identity, require_identity
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
        self._world.home_tags.append(list(entry.followed_tags))
        return feed_service_pb2.BatchGetHomeResult(**_page(self._world.homes.get(identity.account_id, []), entry))

    async def ListPublicTimeline(self, request: Any, context: Any) -> Any:
        tags = [list(each) for each in (request.any_tags, request.all_tags, request.no_tags)]
        self._world.note("ListPublicTimeline", (*tags, request.only_media))
        if self._world.looked_in_vain_to:
            return feed_service_pb2.ListPublicTimelineResponse(more=True, reached_id=self._world.looked_in_vain_to)
        return feed_service_pb2.ListPublicTimelineResponse(**_page(self._world.homes.get(EVERYBODY, []), request))

    async def GetListTimeline(self, request: Any, context: Any) -> Any:
        home = self._world.homes.get(require_identity("read:lists").account_id, [])
        page = _page([each for each in home if each.author_id in request.author_ids], request)["entries"]
        return feed_service_pb2.GetListTimelineResponse(entries=page)

    async def StreamTimelines(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        async def listen() -> None:
            async for request in request_iterator:
                self._world.subscribed.update(request.subscribe_account_ids)
                self._world.subscribed.difference_update(request.unsubscribe_account_ids)

        self._world.subscribed.clear()
        async for update in _told(self._world.updates, listen()):
            yield feed_service_pb2.StreamTimelinesResponse(updates=[update] if update else [])

    async def StreamPublicTimelines(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        async def listen() -> None:
            async for request in request_iterator:
                self._world.followed.update(request.subscribe_timelines)
                self._world.followed.difference_update(request.unsubscribe_timelines)

        self._world.followed.clear()
        async for update in _told(self._world.public_updates, listen()):
            yield feed_service_pb2.StreamPublicTimelinesResponse(updates=[update] if update else [])


async def _told(updates: asyncio.Queue[Any], listen: Coroutine[Any, Any, None]) -> AsyncIterator[Any]:
    """Nothing at once, then what the world tells, while what is asked for is noted."""
    listening = asyncio.create_task(listen)
    try:
        yield None
        while True:
            update = await updates.get()
            if isinstance(update, AppError):
                raise update
            yield update
    finally:
        listening.cancel()


def _page(entries: list[Any], asked: Any) -> dict[str, Any]:
    low, high = max(asked.since_id, asked.min_id), asked.max_id or MAX_ID + 1
    found = [each for each in entries if low < each.entry_id < high]
    page = found[-asked.limit :] if asked.min_id and not asked.max_id else found[: asked.limit]
    return {"entries": page, "more": found != page}
