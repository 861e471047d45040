"""What a gateway replica listens to of timelines of everybody: their names there, numbers on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from feed_service.errors import WrongTimelines
from feed_service.models import LiveUpdate, is_public_timeline
from feed_service.placement import channel_id
from rookery.feed.v1 import feed_service_pb2 as pb
from rookery_common.live.streams import News


@dataclass(frozen=True, slots=True)
class _Change:
    """A request in the words of live news, whose subscribers are accounts elsewhere."""

    subscribe_account_ids: Sequence[int]
    unsubscribe_account_ids: Sequence[int]


class Channels:
    """One replica's requests, as numbers; remembers their names for the way back. Raises WrongTimelines."""

    def __init__(self, requests: AsyncIterator[pb.StreamPublicTimelinesRequest]) -> None:
        self._requests = requests
        self._names: dict[int, str] = {}

    def __aiter__(self) -> Channels:
        return self

    async def __anext__(self) -> _Change:
        request = await anext(self._requests)
        if not all(map(is_public_timeline, request.subscribe_timelines)):
            raise WrongTimelines
        added = {channel_id(name): name for name in request.subscribe_timelines}
        left = list(map(channel_id, request.unsubscribe_timelines))
        for number in left:
            self._names.pop(number, None)
        self._names |= added
        return _Change(list(added), left)

    def update(self, news: News[LiveUpdate]) -> pb.PublicTimelineUpdate:
        """News under the names that the replica knows; what it has left meanwhile is not named."""
        names = [self._names[number] for number in news.account_ids if number in self._names]
        update = news.item
        if update is None:
            return pb.PublicTimelineUpdate(kind=pb.TimelineUpdate.KIND_GAP, timelines=names)
        return pb.PublicTimelineUpdate(
            kind=pb.TimelineUpdate.Kind.ValueType(update.kind),
            entry_id=update.entry_id,
            author_id=update.author_id,
            timelines=names,
        )
