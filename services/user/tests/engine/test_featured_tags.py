"""Hashtags on profiles over Postgres, through a real stub, with what posts make them count."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from rookery.user.v1 import featured_tag_service_pb2 as pb
from rookery.user.v1.featured_tag_service_pb2_grpc import (
    FeaturedTagServiceStub,
    add_FeaturedTagServiceServicer_to_server,
)
from rookery_common.clients.postgres import Postgres
from rookery_common.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, Unauthenticated
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.rpc import RpcClient
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.rpc import Network, Tokens, settings_of
from user_service.featured_tag_servicer import ALLOWED_CALLERS, SERVICE_NAME, FeaturedTagServicer
from user_service.featured_tags.models import MAX_FEATURED_TAGS
from user_service.featured_tags.repository import FeaturedTagRepository
from user_service.featured_tags.service import FeaturedTags
from user_service.models import PostFact
from user_service.relationships.repository import RelationshipRepository

if TYPE_CHECKING:
    from tests.conftest import World


@dataclass
class Caller:
    """The gateway, and tokens of whom it calls for (nobody's for 0)."""

    client: RpcClient
    tokens: Tokens

    async def __call__(
        self, method: str, who: int, *, scopes: tuple[str, ...] = ("read", "write"), **fields: Any
    ) -> Any:
        request = getattr(pb, f"{method}Request")(**fields)
        identity = self.tokens.identity(who, scopes=scopes) if who else None
        return await self.client.call(method, request, timeout=5, identity=identity)

    async def shown(self, account_id: int, viewer: int = 0) -> list[tuple[str, int]]:
        answer = await self("ListFeaturedTags", viewer, account_id=account_id)
        return [(tag.name, tag.statuses) for tag in answer.tags]


@pytest_asyncio.fixture
async def call(pg: Postgres, outbox: PostgresOutbox, ids: FakeIds) -> AsyncIterator[Caller]:
    tokens = Tokens()
    tags = FeaturedTags(FeaturedTagRepository(pg), RelationshipRepository(pg, outbox), ids)
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        registration = (add_FeaturedTagServiceServicer_to_server, FeaturedTagServicer(tags), SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        settings = settings_of("gateway")
        client = await network.client(server.port, FeaturedTagServiceStub, service="user", settings=settings)
        yield Caller(client, tokens)


@pytest_asyncio.fixture
async def alice(real_world: World) -> int:
    return await real_world.sign_up("alice")


def _post(author: int, post: int, clock: FakeClock, *tags: str) -> PostFact:
    return PostFact(author, post, 1, True, False, clock.now(), tags)


async def test_a_hashtag_is_featured_once_however_it_is_written_until_it_is_not(call: Caller, alice: int) -> None:
    first = await call("FeatureTag", alice, name="#Birds")
    again = await call("FeatureTag", alice, name="BIRDS")
    assert (again.tag.featured_id, again.tag.name, again.username) == (first.tag.featured_id, "birds", "alice")
    await call("FeatureTag", alice, name="crows")
    assert await call.shown(alice) == [("birds", 0), ("crows", 0)]
    for _ in range(2):
        await call("UnfeatureTag", alice, name="Birds")
    assert await call.shown(alice) == [("crows", 0)]
    listed = await call("ListFeaturedTags", 0, account_id=alice)
    assert listed.username == "alice"
    await call("UnfeatureTag", alice, featured_id=listed.tags[0].featured_id)
    assert await call.shown(alice) == []


async def test_an_id_is_its_owners_alone(call: Caller, alice: int, real_world: World) -> None:
    bob = await real_world.sign_up("bob")
    made = (await call("FeatureTag", alice, name="birds")).tag
    for who, featured_id in ((bob, made.featured_id), (alice, made.featured_id + 1)):
        with pytest.raises(NotFound):
            await call("UnfeatureTag", who, featured_id=featured_id)
    assert await call.shown(alice) == [("birds", 0)]


async def test_posts_count_for_their_hashtags_whatever_is_told_in_whichever_order(
    call: Caller, alice: int, real_world: World, clock: FakeClock
) -> None:
    await call("FeatureTag", alice, name="birds")
    old = _post(alice, 1, clock, "birds", "crows")
    clock.advance(timedelta(hours=1).total_seconds())
    new = _post(alice, 2, clock, "birds")
    for news in ([new, old], [old], [new]):
        await real_world.service.count_posts(news)
    (tag,) = (await call("ListFeaturedTags", 0, account_id=alice)).tags
    assert (tag.statuses, tag.last_status_time.ToDatetime(tzinfo=UTC)) == (2, clock.now())
    await real_world.service.count_posts([replace(new, version=2, tags=("rooks",))])
    await real_world.service.count_posts([new])
    assert await call.shown(alice) == [("birds", 1)]
    await real_world.service.count_posts([replace(old, version=3, counted=False, deleted=True, tags=())])
    (tag,) = (await call("ListFeaturedTags", 0, account_id=alice)).tags
    assert (tag.statuses, tag.HasField("last_status_time")) == (0, False)


async def test_what_is_used_most_is_suggested_but_what_is_featured_already(
    call: Caller, alice: int, real_world: World, clock: FakeClock
) -> None:
    posts = [_post(alice, number, clock, *(f"tag{n}" for n in range(number))) for number in range(1, 13)]
    gone = _post(alice, 20, clock, "gone")
    await real_world.service.count_posts([*posts, gone, _post(alice + 1, 21, clock, "others")])
    await real_world.service.count_posts([replace(gone, version=2, tags=())])
    await call("FeatureTag", alice, name="tag1")
    names = list((await call("SuggestFeaturedTags", alice)).names)
    assert names == ["tag0", *(f"tag{n}" for n in range(2, 11))]


async def test_an_account_features_only_so_many_also_when_asked_for_side_by_side(call: Caller, alice: int) -> None:
    names = [f"tag{n}" for n in range(MAX_FEATURED_TAGS + 3)]
    answers = await asyncio.gather(*(call("FeatureTag", alice, name=name) for name in names), return_exceptions=True)
    assert sum(isinstance(answer, FailedPrecondition) for answer in answers) == 3
    kept = await call.shown(alice)
    assert len(kept) == MAX_FEATURED_TAGS
    assert (await call("FeatureTag", alice, name=kept[0][0])).tag.name == kept[0][0]


async def test_whom_the_account_blocks_is_shown_none(call: Caller, alice: int, real_world: World) -> None:
    bob, carol = await real_world.sign_up("bob"), await real_world.sign_up("carol")
    await call("FeatureTag", alice, name="birds")
    await real_world.relationships.block(alice, bob)
    assert await call.shown(alice, bob) == []
    for viewer in (0, alice, carol):
        assert await call.shown(alice, viewer) == [("birds", 0)]


@pytest.mark.parametrize("name", ["", "#", "12345", "two words", "x" * 101, "semi;colon"])
async def test_what_is_no_hashtag_is_refused_by_its_name(call: Caller, alice: int, name: str) -> None:
    for method in ("FeatureTag", "UnfeatureTag"):
        with pytest.raises(InvalidArgument) as refused:
            await call(method, alice, name=name)
        assert refused.value.fields[0].field == "name"
    with pytest.raises(InvalidArgument):
        await call("UnfeatureTag", alice)


async def test_nobodys_hashtags_are_not_found(call: Caller) -> None:
    with pytest.raises(NotFound):
        await call("ListFeaturedTags", 0, account_id=99)
    with pytest.raises(InvalidArgument):
        await call("ListFeaturedTags", 0)
    with pytest.raises(NotFound):
        await call("FeatureTag", 99, name="birds")


async def test_only_a_user_with_the_scope_features(call: Caller, alice: int) -> None:
    for method, fields in (("FeatureTag", {"name": "birds"}), ("UnfeatureTag", {"name": "birds"})):
        with pytest.raises(PermissionDenied):
            await call(method, alice, scopes=("read",), **fields)
    with pytest.raises(PermissionDenied):
        await call("SuggestFeaturedTags", alice, scopes=("write",))
    with pytest.raises(Unauthenticated):
        await call("FeatureTag", 0, name="birds")
