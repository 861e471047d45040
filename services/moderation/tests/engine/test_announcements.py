"""Announcements over Postgres, through a real stub: who sees which, reactions and their limit, what the staff does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from moderation_service.announcement_servicer import SERVICE_NAME, AnnouncementServicer
from moderation_service.announcements.repository import AnnouncementRepository
from moderation_service.announcements.service import Announcements
from moderation_service.servicer import ALLOWED_CALLERS
from rookery.moderation.v1 import announcement_service_pb2 as pb
from rookery.moderation.v1.announcement_service_pb2_grpc import (
    AnnouncementServiceStub,
    add_AnnouncementServiceServicer_to_server,
)
from rookery_common.auth import Identity
from rookery_common.clients.postgres import Postgres
from rookery_common.errors import (
    Aborted,
    AppError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
)
from rookery_common.ids import IdSource
from rookery_common.rpc import RpcClient
from rookery_common.testing import FakeClock
from rookery_common.testing.rpc import Network, Tokens

ALICE, BOB, STAFF = 1001, 1002, 1009
EMOJIS = [chr(0x1F600 + number) for number in range(9)]


class Board:
    """Calls moderation as the gateway does."""

    def __init__(self, rpc: RpcClient, tokens: Tokens, repository: AnnouncementRepository, clock: FakeClock) -> None:
        self.rpc, self.repository, self.clock = rpc, repository, clock
        self.alice, self.bob = tokens.identity(ALICE), tokens.identity(BOB)
        may: dict[str, Any] = {
            "scopes": ("read", "write", "admin:read", "admin:write"),
            "permissions": ("manage_announcements",),
        }
        self.staff = tokens.identity(STAFF, **may)
        self.reporter = tokens.identity(BOB, scopes=may["scopes"], permissions=("manage_reports",))
        self.app = tokens.identity(0, **may)

    async def call(self, request: Any, identity: Identity | None) -> Any:
        method = type(request).__name__.removesuffix("Request")
        return await self.rpc.call(method, request, timeout=5, identity=identity)

    async def refused(self, kind: type[AppError], request: Any, identity: Identity | None) -> AppError:
        with pytest.raises(kind) as caught:
            await self.call(request, identity)
        return caught.value

    def content(self, text: str = "News", **changes: Any) -> pb.AnnouncementContent:
        """Published; times are in hours from now."""
        start, end = changes.pop("start", None), changes.pop("end", None)
        content = pb.AnnouncementContent(text=text, **{"published": True, **changes})
        if start is not None:
            content.start_time.FromDatetime(self.clock.now() + timedelta(hours=start))
        if end is not None:
            content.end_time.FromDatetime(self.clock.now() + timedelta(hours=end))
        return content

    async def announce(self, text: str = "News", **changes: Any) -> int:
        call = pb.CreateAnnouncementRequest(content=self.content(text, **changes))
        return int((await self.call(call, self.staff)).announcement.announcement_id)

    async def listed(self, identity: Identity, *, with_dismissed: bool = False) -> list[pb.Announcement]:
        call = pb.ListAnnouncementsRequest(with_dismissed=with_dismissed)
        return [*(await self.call(call, identity)).announcements]

    async def texts(self, identity: Identity, **options: Any) -> list[str]:
        return [each.content.text for each in await self.listed(identity, **options)]

    async def react(self, identity: Identity, number: int, name: str) -> None:
        await self.call(pb.AddAnnouncementReactionRequest(announcement_id=number, name=name), identity)

    async def unreact(self, identity: Identity, number: int, name: str) -> None:
        await self.call(pb.RemoveAnnouncementReactionRequest(announcement_id=number, name=name), identity)

    async def reactions(self, identity: Identity) -> list[tuple[str, int, bool]]:
        """Of the first that is listed."""
        return [(each.name, each.count, each.me) for each in (await self.listed(identity))[0].reactions]


@pytest.fixture
async def board(pg: Postgres, ids: IdSource, clock: FakeClock) -> AsyncIterator[Board]:
    repository = AnnouncementRepository(pg)
    async with AsyncExitStack() as stack:
        tokens = Tokens()
        network = Network(stack, tokens.verifier)
        servicer = AnnouncementServicer(Announcements(repository, ids, clock))
        registration = (add_AnnouncementServiceServicer_to_server, servicer, SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        client = await network.client(server.port, AnnouncementServiceStub, service="moderation")
        yield Board(client, tokens, repository, clock)


async def test_everybody_sees_what_is_published_and_has_not_ended(board: Board) -> None:
    wanted: dict[str, dict[str, Any]] = {
        "soon": {"start": 2},
        "draft": {"published": False},
        "over": {"start": -3, "end": -1},
        "lasting": {"start": -1},
        "ending": {"start": 1, "end": 3},
    }
    for text, changes in wanted.items():
        await board.announce(text, **changes)
    assert await board.texts(board.bob) == ["lasting", "ending", "soon"]
    board.clock.advance(4 * 3600)
    assert await board.texts(board.alice) == ["lasting", "soon"]


async def test_the_last_of_whole_days_counts_to_its_end(board: Board) -> None:
    await board.announce("today", end=0, all_day=True)
    await board.announce("just now", end=0)
    assert await board.texts(board.bob) == ["today"]
    board.clock.advance(86_400)
    assert await board.texts(board.bob) == []


async def test_a_dismissed_one_is_read_and_shown_only_if_asked_for(board: Board) -> None:
    first, _ = [await board.announce(text) for text in ("one", "two")]
    for _ in range(2):
        await board.call(pb.DismissAnnouncementRequest(announcement_id=first), board.bob)
    assert await board.texts(board.bob) == ["two"]
    assert [each.read for each in await board.listed(board.bob, with_dismissed=True)] == [True, False]
    assert [each.read for each in await board.listed(board.alice)] == [False, False]


async def test_reactions_are_counted_in_the_order_in_which_they_came(board: Board) -> None:
    number = await board.announce()
    other = await board.announce("other")
    await board.react(board.alice, other, EMOJIS[0])
    for identity, name in ((board.bob, EMOJIS[1]), (board.bob, EMOJIS[1]), (board.alice, EMOJIS[1])):
        await board.react(identity, number, name)
        board.clock.advance(1)
    await board.react(board.alice, number, EMOJIS[0])
    assert await board.reactions(board.bob) == [(EMOJIS[1], 2, True), (EMOJIS[0], 1, False)]
    for _ in range(2):
        await board.unreact(board.bob, number, EMOJIS[1])
    assert await board.reactions(board.bob) == [(EMOJIS[1], 1, False), (EMOJIS[0], 1, False)]
    await board.unreact(board.alice, number, EMOJIS[1])
    assert await board.reactions(board.alice) == [(EMOJIS[0], 1, True)]


async def test_eight_different_reactions_are_the_most_also_at_once(board: Board) -> None:
    number = await board.announce()
    tried = await asyncio.gather(*(board.react(board.bob, number, name) for name in EMOJIS), return_exceptions=True)
    (refused,) = [each for each in tried if each is not None]
    assert isinstance(refused, InvalidArgument)
    assert [(violation.field, violation.code) for violation in refused.fields] == [("name", "ERR_TOO_MANY")]
    reactions = await board.reactions(board.bob)
    assert len(reactions) == 8
    # One that is there is everybody's to join, and one that nobody has any more makes room.
    await board.react(board.alice, number, reactions[0][0])
    await board.unreact(board.bob, number, reactions[1][0])
    (missing,) = {*EMOJIS} - {name for name, _, _ in reactions}
    await board.react(board.alice, number, missing)
    assert len(await board.reactions(board.bob)) == 8


async def test_nothing_is_made_of_what_is_not_listed(board: Board) -> None:
    draft, over = await board.announce(published=False), await board.announce(end=-1)
    for number in (draft, over, 5):
        for request in (
            pb.DismissAnnouncementRequest(announcement_id=number),
            pb.AddAnnouncementReactionRequest(announcement_id=number, name=EMOJIS[0]),
            pb.RemoveAnnouncementReactionRequest(announcement_id=number, name=EMOJIS[0]),
        ):
            assert (await board.refused(NotFound, request, board.bob)).reason == "ANNOUNCEMENT_NOT_FOUND"


async def test_the_staff_writes_changes_and_withdraws_with_a_line_in_the_log(board: Board, audited: Any) -> None:
    number = await board.announce("Draft", published=False)
    board.clock.advance(60)
    change = pb.UpdateAnnouncementRequest(announcement_id=number, content=board.content("News"))
    changed = (await board.call(change, board.staff)).announcement
    assert changed.publish_time.seconds - changed.create_time.seconds == 60
    board.clock.advance(60)
    assert (await board.call(change, board.staff)).announcement == changed
    assert await board.listed(board.bob) == [changed]
    await board.react(board.staff, number, EMOJIS[0])
    await board.call(pb.DismissAnnouncementRequest(announcement_id=number), board.bob)
    every = (await board.call(pb.ListAllAnnouncementsRequest(), board.staff)).announcements
    assert [(each.content.text, each.reactions[0].me) for each in every] == [("News", True)]
    for _ in range(2):
        await board.call(pb.DeleteAnnouncementRequest(announcement_id=number), board.staff)
    assert await board.listed(board.bob, with_dismissed=True) == []
    await board.refused(NotFound, change, board.staff)
    log = await audited()
    assert [(line["action"], line["actor_id"], line["announcement_id"], line["published"]) for line in log] == [
        (action, STAFF, str(number), published)
        for action, published in (
            ("announcement", False), ("announcement_change", True), ("announcement_withdrawal", True),
        )
    ]  # fmt: skip
    assert "News" not in str(log)


async def test_a_withdrawn_one_is_forgotten_some_rows_at_a_time(board: Board, pg: Postgres) -> None:
    gone, kept = await board.announce(), await board.announce("kept")
    for identity in (board.alice, board.bob):
        for number in (gone, kept):
            await board.react(identity, number, EMOJIS[0])
            await board.call(pb.DismissAnnouncementRequest(announcement_id=number), identity)
    await board.call(pb.DeleteAnnouncementRequest(announcement_id=gone), board.staff)
    assert [await board.repository.purge(1) for _ in range(3)] == [3, 3, 0]
    async with pg.read(primary=True) as read:
        for table in ("s", "_dismissals", "_reactions", "_reaction_counts"):
            rows = await read.fetch("left", f"SELECT DISTINCT announcement_id FROM announcement{table}")  # noqa: S608
            assert [row["announcement_id"] for row in rows] == [kept], table


async def test_the_same_request_again_is_the_same_announcement(board: Board) -> None:
    call = pb.CreateAnnouncementRequest(content=board.content(start=1), request_id="once")
    made = await asyncio.gather(*(board.call(call, board.staff) for _ in range(3)))
    assert len({each.announcement.announcement_id for each in made}) == 1
    other = pb.CreateAnnouncementRequest(content=board.content("Else"), request_id="once")
    assert (await board.refused(Aborted, other, board.staff)).reason == "IDEMPOTENCY_CONFLICT"


async def test_twenty_are_listed_at_once_and_no_more_can_be_published(board: Board) -> None:
    draft = await board.announce("draft", published=False)
    for number in range(20):
        await board.announce(str(number))
    publish = pb.UpdateAnnouncementRequest(announcement_id=draft, content=board.content("draft"))
    for request in (pb.CreateAnnouncementRequest(content=board.content()), publish):
        assert (await board.refused(FailedPrecondition, request, board.staff)).reason == "TOO_MANY_ANNOUNCEMENTS"
    await board.announce("over", end=-1)
    first = (await board.listed(board.bob))[0].announcement_id
    await board.call(
        pb.UpdateAnnouncementRequest(announcement_id=first, content=board.content("0, better")), board.staff
    )
    await board.call(pb.DeleteAnnouncementRequest(announcement_id=first), board.staff)
    await board.call(publish, board.staff)
    assert len(await board.listed(board.bob)) == 20


async def test_the_staff_turns_pages(board: Board) -> None:
    numbers = [await board.announce(str(number), published=False) for number in range(5)]
    call = pb.ListAllAnnouncementsRequest(page_size=2, max_id=numbers[4])
    page = (await board.call(call, board.staff)).announcements
    assert [each.announcement_id for each in page] == [numbers[3], numbers[2]]
    wrong = await board.refused(InvalidArgument, pb.ListAllAnnouncementsRequest(page_size=101), board.staff)
    assert wrong.fields[0].field == "limit"


STAFF_ONLY = (
    pb.ListAllAnnouncementsRequest(),
    pb.CreateAnnouncementRequest(content=pb.AnnouncementContent(text="News")),
    pb.UpdateAnnouncementRequest(announcement_id=1, content=pb.AnnouncementContent(text="News")),
    pb.DeleteAnnouncementRequest(announcement_id=1),
)


@pytest.mark.parametrize("request_", STAFF_ONLY, ids=lambda request: type(request).__name__)
async def test_only_whom_a_role_permits_it_may_call(board: Board, request_: Any) -> None:
    assert (await board.refused(PermissionDenied, request_, board.bob)).reason == "SCOPE_MISSING"
    assert (await board.refused(PermissionDenied, request_, board.reporter)).reason == "PERMISSION_MISSING"
    assert (await board.refused(Unauthenticated, request_, board.app)).reason == "USER_REQUIRED"
    await board.refused(Unauthenticated, request_, None)


async def test_a_wrong_time_is_named(board: Board) -> None:
    content = board.content()
    content.start_time.seconds = 1 << 60
    wrong = await board.refused(InvalidArgument, pb.CreateAnnouncementRequest(content=content), board.staff)
    assert wrong.fields[0].field == "starts_at"
