"""Feed through a real stub: who may ask, what comes back, how errors look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from feed_service.app import ALLOWED_CALLERS
from feed_service.models import LiveKind, LiveUpdate, PublicChange, PublicEntry
from feed_service.ranking_servicer import RankingServicer
from feed_service.service.fan_out import FanOut
from feed_service.service.for_you import ForYou
from feed_service.service.lists import ListReader
from feed_service.service.public import PublicTimelines
from feed_service.service.tagged import TaggedHomes
from feed_service.servicer import FeedServicer
from rookery.common.v1.entry_context_pb2 import EntryContext
from rookery.feed.v1 import feed_service_pb2 as pb
from rookery.feed.v1.feed_service_pb2_grpc import FeedServiceStub, add_FeedServiceServicer_to_server
from rookery.feed.v1.ranking_service_pb2 import ListForYouRequest, RankingWeights
from rookery.feed.v1.ranking_service_pb2_grpc import RankingServiceStub, add_RankingServiceServicer_to_server
from rookery_common.auth import Identity
from rookery_common.clock import SystemClock
from rookery_common.errors import InvalidArgument, PermissionDenied, Status, Unauthenticated
from rookery_common.ids import lowest_id_at
from rookery_common.live import serving as module
from rookery_common.live.hub import LiveHub, as_sent
from rookery_common.live.streams import LiveStreams
from rookery_common.rpc.client import RpcClient
from rookery_common.testing import FakeClock
from rookery_common.testing.rpc import Network, Tokens, settings_of

ALICE, BOB = 101, 102


class Feed:
    """A client of a feed that runs in this process."""

    def __init__(self, network: Network, port: int, tokens: Tokens) -> None:
        self.network, self.port, self.tokens = network, port, tokens

    async def as_service(self, name: str) -> RpcClient:
        return await self.network.client(self.port, FeedServiceStub, service="feed", settings=settings_of(name))

    def entry(self, identity: Identity | None, **values: Any) -> pb.BatchGetHomeEntry:
        token = identity.token if identity else ""
        return pb.BatchGetHomeEntry(context=EntryContext(token=token, timeout_ms=5000), **values)


@pytest.fixture
async def feed(
    tagged: TaggedHomes,
    lists: ListReader,
    public: PublicTimelines,
    fan_out: FanOut,
    for_you: ForYou,
    streams: LiveStreams[LiveUpdate],
    public_streams: LiveStreams[LiveUpdate],
    clock: FakeClock,
) -> AsyncIterator[Feed]:
    async with AsyncExitStack() as stack:
        tokens = Tokens()
        hub, public_hub = (LiveHub(each, as_sent, SystemClock()) for each in (streams, public_streams))
        for each in (hub, public_hub):
            await each.start()
            stack.push_async_callback(each.stop)
            await each.ready()
        servicer = FeedServicer(tagged, lists, public, fan_out, hub, public_hub, tokens.verifier, clock)
        network = Network(stack, tokens.verifier)
        rankings = (add_RankingServiceServicer_to_server, RankingServicer(for_you), "rookery.feed.v1.RankingService")
        registration = (add_FeedServiceServicer_to_server, servicer, "rookery.feed.v1.FeedService")
        server = await network.serve(registration, rankings, allowed_callers=ALLOWED_CALLERS)
        yield Feed(network, server.port, tokens)


async def test_homes_are_answered_each_with_its_own_status(feed: Feed, fan_out: FanOut, entries: Any) -> None:
    gateway = await feed.as_service("gateway")
    alice, bob = feed.tokens.identity(ALICE), feed.tokens.identity(BOB)
    no_scope = feed.tokens.identity(BOB, scopes=("follow",))
    post = entries.make()
    await gateway.call("AddOwnPost", pb.AddOwnPostRequest(post_id=post.entry_id), timeout=5, identity=alice)
    asked = [
        feed.entry(alice, limit=20),
        feed.entry(bob, limit=20),
        feed.entry(alice, limit=0),
        feed.entry(None, limit=20),
        feed.entry(no_scope, limit=20),
        feed.entry(alice, limit=20, max_id=post.entry_id),
    ]
    answer = await gateway.call("BatchGetHome", pb.BatchGetHomeRequest(entries=asked), timeout=5)
    own = pb.TimelineEntry(entry_id=post.entry_id, author_id=ALICE, reason=pb.Reason.REASON_OWN_POST)
    assert list(answer.results[0].entries) == [own]
    in_columns = [feed.entry(each, limit=20, in_columns=True) for each in (alice, bob)]
    columns = await gateway.call("BatchGetHome", pb.BatchGetHomeRequest(entries=in_columns), timeout=5)
    row = pb.EntryColumns(entry_ids=[post.entry_id], author_ids=[ALICE], reasons=[pb.Reason.REASON_OWN_POST])
    assert list(columns.results) == [pb.BatchGetHomeResult(columns=row), pb.BatchGetHomeResult()]
    assert [result.status.code for result in answer.results] == [
        0,
        0,
        Status.INVALID_ARGUMENT,
        Status.UNAUTHENTICATED,
        Status.PERMISSION_DENIED,
        0,
    ]
    assert [len(result.entries) for result in answer.results] == [1, 0, 0, 0, 0, 0]
    assert not any(result.more for result in answer.results)


async def test_an_own_post_needs_somebody_who_may_write_and_an_id_that_can_be(feed: Feed, clock: FakeClock) -> None:
    gateway = await feed.as_service("gateway")
    alice = feed.tokens.identity(ALICE)
    good = pb.AddOwnPostRequest(post_id=lowest_id_at(clock.unix_ms()))
    with pytest.raises(Unauthenticated):
        await gateway.call("AddOwnPost", good, timeout=5)
    reader = feed.tokens.identity(ALICE, scopes=("read",))
    with pytest.raises(PermissionDenied):
        await gateway.call("AddOwnPost", good, timeout=5, identity=reader)
    for post_id in (0, -1, lowest_id_at(clock.unix_ms() + 3_600_000)):
        with pytest.raises(InvalidArgument) as refused:
            await gateway.call("AddOwnPost", pb.AddOwnPostRequest(post_id=post_id), timeout=5, identity=alice)
        assert refused.value.reason == "WRONG_ID"
        assert [violation.field for violation in refused.value.fields] == ["post_id"]


async def test_a_list_needs_somebody_with_the_scope_of_lists(
    feed: Feed, people: Any, fan_out: FanOut, entries: Any
) -> None:
    gateway = await feed.as_service("gateway")
    await people.follows(BOB, ALICE)
    post = entries.make()
    await fan_out.deliver_to(BOB, [post])
    asked = pb.GetListTimelineRequest(author_ids=[ALICE], limit=20)
    reader = feed.tokens.identity(BOB, scopes=("read:lists",))
    answer = await gateway.call("GetListTimeline", asked, timeout=5, identity=reader)
    assert ([each.entry_id for each in answer.entries], answer.reached_id) == ([post.entry_id], 0)
    with pytest.raises(Unauthenticated):
        await gateway.call("GetListTimeline", asked, timeout=5)
    other = feed.tokens.identity(BOB, scopes=("read:statuses",))
    with pytest.raises(PermissionDenied):
        await gateway.call("GetListTimeline", asked, timeout=5, identity=other)


async def test_a_public_timeline_is_answered_to_anybody_by_hashtags_as_they_are_compared(
    feed: Feed, public: PublicTimelines, entries: Any
) -> None:
    gateway = await feed.as_service("gateway")
    made = [entries.make() for _ in range(3)]
    posts = [PublicEntry(each.entry_id, each.author_id, frozenset({"cats"}), has_media=False) for each in made]
    await public.apply([PublicChange(post, 1, shown=True, is_answer=False, is_known=False) for post in posts])
    request = pb.ListPublicTimelineRequest(limit=2, any_tags=["#Cats"])
    answer = await gateway.call("ListPublicTimeline", request, timeout=5, identity=None)
    assert [entry.entry_id for entry in answer.entries] == [each.entry_id for each in made[:0:-1]]
    assert {entry.reason for entry in answer.entries} == {pb.Reason.REASON_PUBLIC}
    assert answer.more


@pytest.mark.parametrize("field", ["any_tags", "all_tags", "no_tags"])
async def test_too_many_hashtags_are_refused_by_the_name_of_their_list(feed: Feed, field: str) -> None:
    gateway = await feed.as_service("gateway")
    request = pb.ListPublicTimelineRequest(limit=2)
    getattr(request, field).extend("abcdef")
    with pytest.raises(InvalidArgument) as refused:
        await gateway.call("ListPublicTimeline", request, timeout=5, identity=None)
    assert [violation.field for violation in refused.value.fields] == [field]


async def test_only_the_gateway_may_call(feed: Feed) -> None:
    post = await feed.as_service("post")
    with pytest.raises(PermissionDenied):
        await post.call("BatchGetHome", pb.BatchGetHomeRequest(), timeout=5)


async def test_a_stream_tells_of_its_accounts_and_beats(
    feed: Feed, streams: LiveStreams[LiveUpdate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.1)
    gateway = await feed.as_service("gateway")
    said: asyncio.Queue[pb.StreamTimelinesRequest | None] = asyncio.Queue()

    async def requests() -> AsyncIterator[pb.StreamTimelinesRequest]:
        while (request := await said.get()) is not None:
            yield request

    answers = gateway.stream("StreamTimelines", requests(), silence=30)
    async with asyncio.timeout(30):
        assert len((await anext(answers)).updates) == 0
        said.put_nowait(pb.StreamTimelinesRequest(subscribe_account_ids=[BOB]))
        assert len((await anext(answers)).updates) == 0
        await streams.publish([([ALICE, BOB], LiveUpdate(LiveKind.UPDATE, 7, ALICE))])
        (update,) = (await _next_news(answers)).updates
        assert update == pb.TimelineUpdate(
            kind=pb.TimelineUpdate.Kind.KIND_UPDATE, entry_id=7, author_id=ALICE, account_ids=[BOB]
        )
        said.put_nowait(None)
        assert [answer async for answer in answers if answer.updates] == []


async def test_a_stream_of_what_is_the_same_for_everybody_tells_under_the_names_that_were_asked_for(
    feed: Feed, public: PublicTimelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.1)
    gateway = await feed.as_service("gateway")
    post = PublicEntry(7, ALICE, frozenset({"cats", "dogs"}), has_media=True)
    first = PublicChange(post, 1, shown=True, is_answer=False, is_known=False)
    edited = PublicChange(PublicEntry(7, ALICE, frozenset({"dogs"}), False), 2, True, False, is_known=True)
    deleted = PublicChange(PublicEntry(7, ALICE, frozenset(), False), 3, False, False, is_known=True)
    said: asyncio.Queue[pb.StreamPublicTimelinesRequest] = asyncio.Queue()

    async def requests() -> AsyncIterator[pb.StreamPublicTimelinesRequest]:
        while True:
            yield await said.get()

    answers = gateway.stream("StreamPublicTimelines", requests(), silence=30)
    wanted = ["public", "public:media", "tag:cats", "tag:birds"]
    async with asyncio.timeout(30):
        await anext(answers)
        said.put_nowait(pb.StreamPublicTimelinesRequest(subscribe_timelines=wanted))
        await anext(answers)
        for change in (first, edited, deleted):
            await public.apply([change])
        seen: dict[Any, set[str]] = {}
        while sum(map(len, seen.values())) < 7:
            for update in (await anext(answers)).updates:
                assert (update.entry_id, update.author_id) == (7, ALICE)
                seen.setdefault(update.kind, set()).update(update.timelines)
    assert seen == {
        pb.TimelineUpdate.KIND_UPDATE: {"public", "public:media", "tag:cats"},
        pb.TimelineUpdate.KIND_STATUS_UPDATE: {"public"},
        pb.TimelineUpdate.KIND_DELETE: {"public", "public:media", "tag:cats"},
    }


@pytest.mark.parametrize("name", ["", "home", "tag:", "public:remote"])
async def test_a_stream_of_what_is_no_timeline_is_refused(feed: Feed, name: str) -> None:
    gateway = await feed.as_service("gateway")

    async def requests() -> AsyncIterator[pb.StreamPublicTimelinesRequest]:
        yield pb.StreamPublicTimelinesRequest(subscribe_timelines=["public", name])
        await asyncio.sleep(60)

    with pytest.raises(InvalidArgument):
        async for _ in gateway.stream("StreamPublicTimelines", requests(), silence=30):
            pass


async def _next_news(answers: AsyncIterator[pb.StreamTimelinesResponse]) -> pb.StreamTimelinesResponse:
    async for answer in answers:
        if answer.updates:
            return answer
    raise AssertionError("the stream ended")


async def test_a_stream_of_too_many_accounts_is_refused(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ACCOUNTS", 3)
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.1)
    gateway = await feed.as_service("gateway")

    async def requests() -> AsyncIterator[pb.StreamTimelinesRequest]:
        yield pb.StreamTimelinesRequest(subscribe_account_ids=range(1, 10))
        await asyncio.sleep(60)

    answers = gateway.stream("StreamTimelines", requests(), silence=30)
    with pytest.raises(InvalidArgument):
        async for _ in answers:
            pass


async def test_a_ranking_is_for_somebody_who_may_read_and_refuses_what_is_wrong(
    feed: Feed, people: Any, fan_out: FanOut, entries: Any
) -> None:
    gateway = await feed.network.client(feed.port, RankingServiceStub, service="feed", settings=settings_of("gateway"))
    bob, made = feed.tokens.identity(BOB), entries.many(3)
    await people.follows(BOB, ALICE)
    await fan_out.deliver_to(BOB, made)
    weights = RankingWeights(recency=3, affinity=0)
    request = ListForYouRequest(limit=2, weights=weights)
    first = await gateway.call("ListForYou", request, timeout=5, identity=bob)
    assert [each.entry.entry_id for each in first.entries] == [made[2].entry_id, made[1].entry_id]
    used = {part.feature: part.weight for part in first.entries[0].why}
    assert used == {"recency": 3, "affinity": 0, "engagement": 1, "diversity": 0.5, "discovery": 0.1}
    further = ListForYouRequest(limit=2, page_token=first.next_page_token)
    last = await gateway.call("ListForYou", further, timeout=5, identity=bob)
    assert ([each.entry.entry_id for each in last.entries], last.next_page_token) == ([made[0].entry_id], "")
    for wrong, field in (
        (ListForYouRequest(limit=2, page_token="x"), "page_token"),
        (ListForYouRequest(limit=2, weights=RankingWeights(recency=11)), "weights.recency"),
        (ListForYouRequest(limit=2, author_weights={ALICE: -1}), "author_weights"),
        (ListForYouRequest(limit=0), "limit"),
    ):
        with pytest.raises(InvalidArgument) as refused:
            await gateway.call("ListForYou", wrong, timeout=5, identity=bob)
        assert [violation.field for violation in refused.value.fields] == [field]
    for who, refusal in ((None, Unauthenticated), (feed.tokens.identity(BOB, scopes=("follow",)), PermissionDenied)):
        with pytest.raises(refusal):
            await gateway.call("ListForYou", request, timeout=5, identity=who)
