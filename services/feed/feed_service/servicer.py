"""FeedService as its callers see it: requests to the rules, and what they say back to answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Final

import grpc

from feed_service.channels import Channels
from feed_service.errors import WrongId, WrongTags
from feed_service.models import (
    MAX_FOLLOWED_TAGS,
    Entry,
    HomePage,
    HomeQuery,
    LiveUpdate,
    PageQuery,
    PublicQuery,
    Reason,
)
from feed_service.service.fan_out import FanOut
from feed_service.service.lists import ListReader
from feed_service.service.public import PublicTimelines, checked_tags
from feed_service.service.tagged import TaggedHomes
from rookery.feed.v1 import feed_service_pb2 as pb
from rookery.feed.v1.feed_service_pb2_grpc import FeedServiceServicer
from rookery_common.auth import Identity, ScopeMissing, TokenVerifier, require_identity
from rookery_common.clock import Clock
from rookery_common.errors import AppError, Unauthenticated
from rookery_common.ids import MAX_ID, ms_of
from rookery_common.live.hub import LiveHub
from rookery_common.live.serving import live_news
from rookery_common.live.streams import News
from rookery_common.rpc.batch_serving import serve_batch

READ_SCOPE: Final = "read:statuses"
LISTS_SCOPE: Final = "read:lists"
WRITE_SCOPE: Final = "write:statuses"
# An id of the near future is one of a clock that is a little ahead.
MAX_AHEAD_MS: Final = 60_000
_GATEWAY: Final = frozenset({"gateway"})
ALLOWED_CALLERS: Final = dict.fromkeys(
    (
        "BatchGetHome",
        "GetListTimeline",
        "ListPublicTimeline",
        "AddOwnPost",
        "StreamTimelines",
        "StreamPublicTimelines",
    ),
    _GATEWAY,
)
_Entry = tuple[int, pb.BatchGetHomeEntry, Identity | None]


class FeedServicer(FeedServiceServicer):
    """The RPCs of feed."""

    def __init__(
        self,
        home: TaggedHomes,
        lists: ListReader,
        public: PublicTimelines,
        fan_out: FanOut,
        live: LiveHub[LiveUpdate, LiveUpdate],
        public_live: LiveHub[LiveUpdate, LiveUpdate],
        verifier: TokenVerifier,
        clock: Clock,
    ) -> None:
        self._home = home
        self._lists = lists
        self._public = public
        self._fan_out = fan_out
        self._live = live
        self._public_live = public_live
        self._verifier = verifier
        self._clock = clock

    async def BatchGetHome(
        self, request: pb.BatchGetHomeRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> pb.BatchGetHomeResponse:
        results = await serve_batch(request.entries, self._verifier, self._homes, pb.BatchGetHomeResult)
        return pb.BatchGetHomeResponse(results=results)

    async def _homes(self, entries: list[_Entry]) -> list[pb.BatchGetHomeResult | AppError]:
        refused: dict[int, AppError] = {
            index: error for index, _, identity in entries if (error := _refusal(identity)) is not None
        }
        asked: list[HomeQuery] = []
        for index, entry, identity in entries:
            if identity is None or index in refused:
                continue
            try:
                tags = checked_tags("followed_tags", entry.followed_tags, MAX_FOLLOWED_TAGS)
            except WrongTags as error:
                refused[index] = error
                continue
            asked.append(HomeQuery(identity.account_id, _query(entry), tags))
        pages = iter(await self._home.pages(asked))
        return [
            refused[index] if index in refused else _result(next(pages), in_columns=entry.in_columns)
            for index, entry, _ in entries
        ]

    async def GetListTimeline(
        self, request: pb.GetListTimelineRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> pb.GetListTimelineResponse:
        identity = require_identity(LISTS_SCOPE)
        if not identity.account_id:
            raise Unauthenticated("a list belongs to somebody")
        page = await self._lists.page(identity.account_id, frozenset(request.author_ids), _query(request))
        return pb.GetListTimelineResponse(entries=_entries(page.entries), reached_id=page.reached_id)

    async def ListPublicTimeline(
        self, request: pb.ListPublicTimelineRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> pb.ListPublicTimelineResponse:
        query = PublicQuery(
            PageQuery(request.limit, max_id=request.max_id, since_id=request.since_id, min_id=request.min_id),
            any_tags=checked_tags("any_tags", request.any_tags),
            all_tags=checked_tags("all_tags", request.all_tags),
            no_tags=checked_tags("no_tags", request.no_tags),
            only_media=request.only_media,
        )
        page = await self._public.page(query)
        entries = _entries(page.entries)
        return pb.ListPublicTimelineResponse(entries=entries, more=page.more, reached_id=page.reached_id)

    async def AddOwnPost(
        self, request: pb.AddOwnPostRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> pb.AddOwnPostResponse:
        identity = require_identity(WRITE_SCOPE)
        if not identity.account_id:
            raise Unauthenticated("a post belongs to somebody")
        post_id = request.post_id
        if not 0 < post_id <= MAX_ID or ms_of(post_id) > self._clock.unix_ms() + MAX_AHEAD_MS:
            raise WrongId("post_id")
        entry = Entry(post_id, identity.account_id, Reason.OWN_POST)
        await self._fan_out.deliver_to(identity.account_id, [entry])
        return pb.AddOwnPostResponse()

    async def StreamTimelines(
        self,
        request_iterator: AsyncIterator[pb.StreamTimelinesRequest],
        context: grpc.aio.ServicerContext[object, object],
    ) -> AsyncIterator[pb.StreamTimelinesResponse]:
        async with aclosing(live_news(self._live, request_iterator)) as answers:
            async for news in answers:
                yield pb.StreamTimelinesResponse(updates=[_update(each) for each in news])

    async def StreamPublicTimelines(
        self,
        request_iterator: AsyncIterator[pb.StreamPublicTimelinesRequest],
        context: grpc.aio.ServicerContext[object, object],
    ) -> AsyncIterator[pb.StreamPublicTimelinesResponse]:
        channels = Channels(request_iterator)
        async with aclosing(live_news(self._public_live, channels)) as answers:
            async for news in answers:
                yield pb.StreamPublicTimelinesResponse(updates=[channels.update(each) for each in news])


def _refusal(identity: Identity | None) -> AppError | None:
    if identity is None or not identity.account_id:
        return Unauthenticated("a home belongs to somebody")
    return None if identity.has_scope(READ_SCOPE) else ScopeMissing(READ_SCOPE)


def _query(entry: pb.BatchGetHomeEntry | pb.GetListTimelineRequest) -> PageQuery:
    return PageQuery(entry.limit, max_id=entry.max_id, since_id=entry.since_id, min_id=entry.min_id)


def _result(answer: HomePage | AppError, *, in_columns: bool) -> pb.BatchGetHomeResult | AppError:
    if isinstance(answer, AppError):
        return answer
    if in_columns and answer.entries:
        entry_ids, author_ids, reasons = zip(*answer.entries, strict=True)
        columns = pb.EntryColumns(entry_ids=entry_ids, author_ids=author_ids, reasons=reasons)
        return pb.BatchGetHomeResult(columns=columns, more=answer.more)
    return pb.BatchGetHomeResult(entries=_entries(answer.entries), more=answer.more)


def _entries(entries: Sequence[Entry]) -> list[pb.TimelineEntry]:
    return list(map(timeline_entry, entries))


def timeline_entry(entry: Entry) -> pb.TimelineEntry:
    """An entry in the words of the contract."""
    return pb.TimelineEntry(
        entry_id=entry.entry_id, author_id=entry.author_id, reason=pb.Reason.ValueType(entry.reason)
    )


def _update(news: News[LiveUpdate]) -> pb.TimelineUpdate:
    update = news.item
    if update is None:
        return pb.TimelineUpdate(kind=pb.TimelineUpdate.KIND_GAP, account_ids=news.account_ids)
    return pb.TimelineUpdate(
        kind=pb.TimelineUpdate.Kind.ValueType(update.kind),
        entry_id=update.entry_id,
        author_id=update.author_id,
        account_ids=news.account_ids,
    )
