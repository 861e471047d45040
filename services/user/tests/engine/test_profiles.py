"""Profiles over Postgres and Redis, through a real stub: what is changed holds at once and is told of once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from rookery.user.v1 import account_pb2, events_pb2
from rookery.user.v1 import profile_service_pb2 as pb
from rookery.user.v1.profile_service_pb2_grpc import ProfileServiceStub, add_ProfileServiceServicer_to_server
from rookery_common.clients.postgres import Postgres
from rookery_common.errors import InvalidArgument, NotFound, PermissionDenied, Unauthenticated
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.rpc import RpcClient
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.rpc import Network, Tokens, settings_of
from user_service.events import Events
from user_service.profile_servicer import ALLOWED_CALLERS, SERVICE_NAME, ProfileServicer
from user_service.profiles.repository import ProfileRepository
from user_service.profiles.service import Profiles
from user_service.relationships.models import FollowSettings

if TYPE_CHECKING:
    from tests.conftest import World

FLAGS = ("bot", "locked", "group")


@dataclass
class Caller:
    """The gateway, and tokens of whom it calls for."""

    client: RpcClient
    tokens: Tokens

    async def get(self, who: int, **options: Any) -> Any:
        identity = self.tokens.identity(who, **options)
        return await self.client.call("GetProfile", pb.GetProfileRequest(), timeout=5, identity=identity)

    async def defaults(self, who: int, **options: Any) -> pb.GetPostingDefaultsResponse:
        identity, request = self.tokens.identity(who, **options), pb.GetPostingDefaultsRequest()
        answer = await self.client.call("GetPostingDefaults", request, timeout=5, identity=identity)
        assert isinstance(answer, pb.GetPostingDefaultsResponse)
        return answer

    async def update(self, who: int, *, scopes: tuple[str, ...] = ("write",), **change: Any) -> Any:
        identity = self.tokens.identity(who, scopes=scopes)
        request = pb.UpdateProfileRequest(**change)
        return await self.client.call("UpdateProfile", request, timeout=5, identity=identity)


@pytest_asyncio.fixture
async def caller(
    real_world: World, pg: Postgres, outbox: PostgresOutbox, clock: FakeClock, ids: FakeIds
) -> AsyncIterator[Caller]:
    tokens = Tokens()
    profiles = Profiles(ProfileRepository(pg, outbox), real_world.service._caches, Events(clock), clock, ids)
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        registration = (add_ProfileServiceServicer_to_server, ProfileServicer(profiles), SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        settings = settings_of("gateway")
        client = await network.client(server.port, ProfileServiceStub, service="user", settings=settings)
        yield Caller(client, tokens)


async def _seen(world: World, account_id: int) -> account_pb2.Account:
    """As everybody is shown it, by the cache where that holds."""
    return account_pb2.Account.FromString((await world.service.account_views([account_id]))[account_id].profile)


async def _updates(outbox: PostgresOutbox, producer: FakeProducer) -> list[events_pb2.AccountUpdated]:
    await outbox.drain()
    found = [event.decode() for event in producer.sent]
    return [message for message in found if isinstance(message, events_pb2.AccountUpdated)]


async def test_a_changed_profile_is_seen_at_once_and_told_of_once(
    caller: Caller, real_world: World, outbox: PostgresOutbox, producer: FakeProducer
) -> None:
    alice = await real_world.sign_up("alice")
    for _ in range(2):
        assert (await _seen(real_world, alice)).display_name == ""
    fields = pb.ProfileFields(fields=[account_pb2.ProfileField(name="Site", value="https://alice.example")])
    change: dict[str, Any] = {
        "display_name": "Alice", "note": "Birds <3", "locked": True, "bot": True, "group": True, "discoverable": True,
        "indexable": True, "hide_collections": True, "fields": fields,
        "avatar": pb.ProfilePicture(media_id=7, url="https://media.example/a.png"),
        "header": pb.ProfilePicture(media_id=8, url="https://media.example/h.png"),
    }  # fmt: skip
    for _ in range(2):
        answer = await caller.update(alice, **change)
    seen = await _seen(real_world, alice)
    assert seen == answer.account
    assert (seen.display_name, seen.note, seen.fields[0].value) == ("Alice", "Birds <3", "https://alice.example")
    assert (seen.locked, seen.bot, seen.group, seen.discoverable, seen.indexable, seen.hide_collections) == (True,) * 6
    assert (seen.avatar_media_id, seen.avatar_url, seen.header_media_id, seen.version) == (
        7, "https://media.example/a.png", 8, 2,
    )  # fmt: skip
    assert [message.account for message in await _updates(outbox, producer)] == [seen]


async def test_what_is_not_named_stays_and_what_is_empty_goes(caller: Caller, real_world: World) -> None:
    alice = await real_world.sign_up("alice")
    picture = pb.ProfilePicture(media_id=7, url="https://media.example/a.png")
    await caller.update(alice, display_name="Alice", note="Birds", locked=True, avatar=picture)
    answer = await caller.update(alice, note="", avatar=pb.ProfilePicture(), fields=pb.ProfileFields())
    account = answer.account
    assert (account.display_name, account.note, account.locked, account.avatar_url) == ("Alice", "", True, "")
    assert (await caller.get(alice)).account == account


async def test_what_a_profile_shows_is_chosen_and_told_of(caller: Caller, real_world: World) -> None:
    alice = await real_world.sign_up("alice")
    answer = await caller.update(alice, hides_media=True, hides_media_replies=True, hides_featured=True)
    seen = await _seen(real_world, alice)
    assert seen == answer.account
    assert (seen.hides_media, seen.hides_media_replies, seen.hides_featured) == (True, True, True)
    assert not (await caller.update(alice, hides_media=False)).account.hides_media


async def test_a_description_is_of_the_picture_that_it_came_for(caller: Caller, real_world: World) -> None:
    alice = await real_world.sign_up("alice")
    first, second = (pb.ProfilePicture(media_id=n, url=f"https://media.example/{n}.png") for n in (7, 8))
    for change, told in (
        ({"avatar": first, "avatar_description": " A crow "}, "A crow"),
        ({"note": "Birds"}, "A crow"),
        ({"avatar_description": "Two crows"}, "Two crows"),
        ({"avatar": second}, ""),
    ):
        assert (await caller.update(alice, **change)).account.avatar_description == told


async def test_sites_that_may_name_one_are_the_owners_alone(caller: Caller, real_world: World) -> None:
    alice = await real_world.sign_up("alice")
    sites = pb.AttributionDomains(domains=["Blog.Example", "blog.example ", "", "news.example"])
    assert (await caller.update(alice, attribution_domains=sites)).settings.attribution_domains == [
        "blog.example", "news.example",
    ]  # fmt: skip
    assert list((await caller.get(alice)).settings.attribution_domains) == ["blog.example", "news.example"]
    assert (await _seen(real_world, alice)).version == 1
    assert not (await caller.update(alice, attribution_domains=pb.AttributionDomains())).settings.attribution_domains


async def test_settings_are_the_owners_alone(
    caller: Caller, real_world: World, outbox: PostgresOutbox, producer: FakeProducer
) -> None:
    alice = await real_world.sign_up("alice")
    first = (await caller.get(alice)).settings
    assert (first.privacy, first.sensitive, first.language, first.birthday) == (
        pb.DEFAULT_VISIBILITY_PUBLIC, False, "", "",
    )  # fmt: skip
    private = pb.DEFAULT_VISIBILITY_PRIVATE
    await caller.update(alice, privacy=private, sensitive=True, language="PT-br", birthday="1990-05-17")
    kept = (await caller.get(alice, scopes=("profile",))).settings
    assert (kept.privacy, kept.sensitive, kept.language, kept.birthday) == (private, True, "pt-BR", "1990-05-17")
    assert (await caller.update(alice, birthday="")).settings.birthday == ""
    assert await _updates(outbox, producer) == []
    assert (await _seen(real_world, alice)).version == 1


async def test_nothing_of_a_bad_change_is_kept(caller: Caller, real_world: World) -> None:
    alice = await real_world.sign_up("alice")
    bad: list[tuple[str, dict[str, Any]]] = [
        ("display_name", {"display_name": "a\x07"}),
        ("note", {"note": "x" * 501}),
        ("source.privacy", {"privacy": pb.DEFAULT_VISIBILITY_UNSPECIFIED}),
        ("source.quote_policy", {"quote_policy": account_pb2.DEFAULT_QUOTE_POLICY_UNSPECIFIED}),
        ("source.language", {"language": "klingon"}),
        ("birthday", {"birthday": "tomorrow"}),
        ("avatar", {"avatar": pb.ProfilePicture(url="https://elsewhere.example/x")}),
        ("header", {"header": pb.ProfilePicture(media_id=-1, url="x")}),
        ("fields_attributes", {"fields": pb.ProfileFields(fields=[account_pb2.ProfileField(name="a")])}),
        ("avatar_description", {"avatar_description": "x" * 1_501}),
        ("header_description", {"header_description": "a\x07"}),
        ("attribution_domains", {"attribution_domains": pb.AttributionDomains(domains=["https://a.example"])}),
        ("attribution_domains", {"attribution_domains": pb.AttributionDomains(domains=["localhost"])}),
        (
            "attribution_domains",
            {"attribution_domains": pb.AttributionDomains(domains=[f"{n}.example" for n in range(21)])},
        ),
    ]
    for field, change in bad:
        with pytest.raises(InvalidArgument) as caught:
            await caller.update(alice, **{"bot": True, **change})
        assert [violation.field for violation in caught.value.fields] == [field]
    assert not (await caller.get(alice)).account.bot


async def test_a_profile_needs_its_owners_token(caller: Caller, real_world: World) -> None:
    alice = await real_world.sign_up("alice")
    with pytest.raises(PermissionDenied):
        await caller.update(alice, scopes=("read", "write:statuses"), bot=True)
    with pytest.raises(PermissionDenied):
        await caller.get(alice, scopes=("write",))
    with pytest.raises(Unauthenticated):
        await caller.get(0)
    with pytest.raises(NotFound):
        await caller.update(404, bot=True)


async def test_changes_at_once_are_all_kept(caller: Caller, real_world: World) -> None:
    alice = await real_world.sign_up("alice")
    changes: list[dict[str, Any]] = [
        {"note": "a"},
        {"display_name": "b"},
        {"bot": True},
        {"locked": True},
        {"group": True},
    ]
    await asyncio.gather(*(caller.update(alice, **change) for change in changes))
    account = (await caller.get(alice)).account
    assert (account.note, account.display_name, account.bot, account.locked, account.group) == ("a", "b", *(True,) * 3)
    assert account.version == 1 + len(changes)


async def test_hidden_lists_are_shown_to_their_owner_alone(caller: Caller, real_world: World) -> None:
    alice, bob = await real_world.sign_up("alice"), await real_world.sign_up("bob")
    await real_world.relationships.follow(bob, alice, FollowSettings())
    await real_world.relationships.follow(alice, bob, FollowSettings())
    lists = (real_world.lists.followers, real_world.lists.following)
    assert [await shown(bob, alice, 10, "") for shown in lists] == [([bob], "")] * 2
    await caller.update(alice, hide_collections=True)
    for viewer, expected in ((bob, []), (0, []), (alice, [bob])):
        assert [await shown(viewer, alice, 10, "") for shown in lists] == [(expected, "")] * 2
    await caller.update(alice, hide_collections=False)
    assert await real_world.lists.followers(bob, alice, 10, "") == ([bob], "")


async def test_who_may_quote_new_posts_is_part_of_the_profile(
    caller: Caller, real_world: World, outbox: PostgresOutbox, producer: FakeProducer
) -> None:
    alice = await real_world.sign_up("alice")
    assert (await caller.get(alice)).account.quote_policy == account_pb2.DEFAULT_QUOTE_POLICY_UNSPECIFIED
    nobody, public = account_pb2.DEFAULT_QUOTE_POLICY_NOBODY, account_pb2.DEFAULT_QUOTE_POLICY_PUBLIC
    assert (await caller.update(alice, quote_policy=nobody)).account.quote_policy == nobody
    assert (await _seen(real_world, alice)).quote_policy == nobody
    assert (await caller.update(alice, note="Birds")).account.quote_policy == nobody
    assert (await caller.update(alice, quote_policy=public)).account.quote_policy == 0
    assert [message.account.quote_policy for message in await _updates(outbox, producer)] == [nobody, nobody, 0]


async def test_what_new_posts_are_by_default_is_told_to_whoever_may_post_and_changes_are_told_of_once(
    caller: Caller, real_world: World, outbox: PostgresOutbox, producer: FakeProducer
) -> None:
    alice, bob = await real_world.sign_up("alice"), await real_world.sign_up("bob")
    may_post: dict[str, Any] = {"scopes": ("write:statuses",)}
    platforms = pb.GetPostingDefaultsResponse(privacy=pb.DEFAULT_VISIBILITY_PUBLIC)
    assert await caller.defaults(alice, **may_post) == platforms
    await caller.update(alice, birthday="1990-01-01")
    assert await caller.defaults(alice, **may_post) == platforms
    chosen: dict[str, Any] = {"privacy": pb.DEFAULT_VISIBILITY_PRIVATE, "sensitive": True, "language": "pt"}
    for _ in range(2):
        await caller.update(alice, **chosen)
    assert await caller.defaults(alice, **may_post) == pb.GetPostingDefaultsResponse(**chosen)
    assert await caller.defaults(bob, **may_post) == platforms
    with pytest.raises(PermissionDenied):
        await caller.defaults(alice, scopes=("read", "write:accounts"))
    with pytest.raises(Unauthenticated):
        await caller.defaults(0, **may_post)
    await outbox.drain()
    told = [event.decode() for event in producer.sent]
    assert [each.account_id for each in told if isinstance(each, events_pb2.PostingDefaultsChanged)] == [alice]
