"""Whom accounts may want to follow, over Postgres and through a real stub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from rookery.user.v1 import suggestion_service_pb2 as pb
from rookery.user.v1.suggestion_service_pb2_grpc import SuggestionServiceStub, add_SuggestionServiceServicer_to_server
from rookery_common.clients.postgres import Postgres
from rookery_common.errors import InvalidArgument, NotFound, PermissionDenied, Unauthenticated
from rookery_common.rpc import RpcClient
from rookery_common.testing import FakeClock
from rookery_common.testing.rpc import Network, Tokens, settings_of
from user_service.relationships.models import FollowSettings
from user_service.suggestion_servicer import ALLOWED_CALLERS, SERVICE_NAME, SuggestionServicer
from user_service.suggestions.repository import SuggestionRepository
from user_service.suggestions.service import Suggestions

if TYPE_CHECKING:
    from tests.conftest import World

NAMES = ("alice", "bob", "carol", "friend", "star", "hidden")
FOAF, POPULAR = pb.SUGGESTION_SOURCE_FRIENDS_OF_FRIENDS, pb.SUGGESTION_SOURCE_MOST_FOLLOWED


@dataclass
class People:
    """Alice, whom somebody may be suggested to: her friends bob and carol follow others, and the star most do."""

    world: World
    pg: Postgres
    client: RpcClient
    tokens: Tokens
    ids: dict[str, int]

    async def follow(self, follower: str, followee: str) -> None:
        await self.world.relationships.follow(self.ids[follower], self.ids[followee], FollowSettings())

    async def show(self, column: str, *, on: bool, name: str) -> None:
        async with self.pg.transaction() as tx:
            await tx.execute("flag", f"UPDATE accounts SET {column} = $1 WHERE account_id = $2", on, self.ids[name])  # noqa: S608

    async def suggested(self, **fields: Any) -> dict[str, list[int]]:
        answer = await self("ListSuggestions", **fields)
        names = {account_id: name for name, account_id in self.ids.items()}
        return {names[each.account_id]: list(each.sources) for each in answer.suggestions}

    async def __call__(self, method: str, *, scopes: tuple[str, ...] = ("read", "write"), **fields: Any) -> Any:
        identity = self.tokens.identity(self.ids["alice"], scopes=scopes)
        request = getattr(pb, f"{method}Request")(**fields)
        return await self.client.call(method, request, timeout=5, identity=identity)


@pytest_asyncio.fixture
async def people(real_world: World, pg: Postgres, clock: FakeClock) -> AsyncIterator[People]:
    tokens = Tokens()
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        servicer = SuggestionServicer(Suggestions(SuggestionRepository(pg), clock))
        registration = (add_SuggestionServiceServicer_to_server, servicer, SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        client = await network.client(
            server.port, SuggestionServiceStub, service="user", settings=settings_of("gateway")
        )
        ids = {name: await real_world.sign_up(name) for name in NAMES}
        people = People(real_world, pg, client, tokens, ids)
        for name in NAMES:
            await people.show("discoverable", on=name != "hidden", name=name)
        for follower, followee in (
            ("alice", "bob"), ("alice", "carol"), ("bob", "friend"), ("carol", "friend"), ("bob", "hidden"),
            ("bob", "alice"), ("friend", "star"), ("hidden", "star"),
        ):  # fmt: skip
            await people.follow(follower, followee)
        yield people


async def test_friends_of_friends_come_before_whom_most_follow(people: People) -> None:
    assert await people.suggested() == {"friend": [FOAF, POPULAR], "star": [POPULAR]}
    assert list(await people.suggested(page_size=1)) == ["friend"]
    for name in ("bob", "carol"):
        await people.show("hide_collections", on=True, name=name)
    assert await people.suggested() == {"star": [POPULAR], "friend": [POPULAR]}


async def test_nobody_is_suggested_who_is_not_to_be(people: People, clock: FakeClock) -> None:
    relationships, alice, star = people.world.relationships, people.ids["alice"], people.ids["star"]
    await people.follow("alice", "friend")
    assert list(await people.suggested()) == ["star"]
    for act, undo in (
        (relationships.block(alice, star), relationships.unblock(alice, star)),
        (relationships.block(star, alice), relationships.unblock(star, alice)),
        (relationships.mute(alice, star), relationships.unmute(alice, star)),
    ):
        await act
        assert await people.suggested() == {}
        await undo
    await relationships.mute(alice, star, duration=timedelta(minutes=1))
    assert await people.suggested() == {}
    clock.advance(61)
    assert list(await people.suggested()) == ["star"]
    await people.show("locked", on=True, name="star")
    await people.follow("alice", "star")
    assert await people.suggested() == {}


async def test_who_was_dismissed_is_suggested_no_more(people: People) -> None:
    for _ in range(2):
        await people("DismissSuggestion", account_id=people.ids["friend"])
    assert list(await people.suggested()) == ["star"]
    with pytest.raises(NotFound):
        await people("DismissSuggestion", account_id=404)


async def test_suggestions_need_their_scopes_and_a_size_that_can_be(people: People) -> None:
    for method, scope in (("ListSuggestions", "read:follows"), ("DismissSuggestion", "read")):
        with pytest.raises(PermissionDenied):
            await people(method, scopes=(scope,))
    with pytest.raises(Unauthenticated):
        await people.client.call("ListSuggestions", pb.ListSuggestionsRequest(), timeout=5)
    with pytest.raises(InvalidArgument):
        await people.suggested(page_size=81)
