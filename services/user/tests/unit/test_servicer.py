"""Through a real stub and server: shapes of answers, errors as statuses, who may call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from rookery.common.v1.entry_context_pb2 import EntryContext
from rookery.user.v1 import user_service_pb2 as pb
from rookery.user.v1.account_pb2 import Relationship
from rookery.user.v1.user_service_pb2_grpc import UserServiceStub, add_UserServiceServicer_to_server
from rookery_common.auth import Identity
from rookery_common.errors import (
    AlreadyExists,
    AppError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Status,
    Unauthenticated,
    Unavailable,
    from_status,
)
from rookery_common.rpc import RpcClient
from rookery_common.testing.rpc import Network, Tokens, settings_of
from user_service.models import PostFact
from user_service.servicer import ALLOWED_CALLERS, SERVICE_NAME, UserServicer

if TYPE_CHECKING:
    from tests.conftest import FakeRepository, World


@dataclass
class Caller:
    """The service as others call it."""

    clients: dict[str, RpcClient]
    tokens: Tokens

    async def __call__(self, method: str, request: Any, *, by: str = "gateway", who: int = 0, **scopes: Any) -> Any:
        identity: Identity | None = self.tokens.identity(who, **scopes) if who else None
        return await self.clients[by].call(method, request, timeout=5, identity=identity)

    def context(self, who: int) -> EntryContext:
        return EntryContext(token=self.tokens.identity(who).token if who else "", timeout_ms=5000)


@pytest_asyncio.fixture
async def call(world: World) -> AsyncIterator[Caller]:
    tokens = Tokens()
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        servicer = UserServicer(world.service, world.relationships, world.lists, tokens.verifier)
        registration = (add_UserServiceServicer_to_server, servicer, SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        clients = {
            name: await network.client(server.port, UserServiceStub, service="user", settings=settings_of(name))
            for name in ("gateway", "auth", "post", "feed", "search")
        }
        yield Caller(clients, tokens)


async def test_auth_signs_an_account_up(call: Caller) -> None:
    request = pb.ReserveAccountRequest(request_id="r", username="Alice")
    reserved = await call("ReserveAccount", request, by="auth")
    assert reserved.expire_time.ToDatetime().isoformat() == "2026-03-01T12:15:00"
    confirm = pb.ConfirmAccountRequest(account_id=reserved.account_id, request_id="r")
    confirmed = (await call("ConfirmAccount", confirm, by="auth")).account
    assert (confirmed.account_id, confirmed.username, confirmed.version) == (reserved.account_id, "Alice", 1)
    assert confirmed.create_time.ToDatetime().isoformat() == "2026-03-01T12:00:00"
    found = await call("LookupAccounts", pb.LookupAccountsRequest(usernames=["alice"]), by="post")
    assert found.accounts == [confirmed]


async def test_errors_keep_their_reason_and_their_fields(call: Caller) -> None:
    with pytest.raises(InvalidArgument) as invalid:
        await call("ReserveAccount", pb.ReserveAccountRequest(request_id="r", username="a b"), by="auth")
    assert invalid.value.reason == "USERNAME_INVALID"
    assert [(v.field, v.code) for v in invalid.value.fields] == [("username", "ERR_INVALID")]
    await call("ReserveAccount", pb.ReserveAccountRequest(request_id="r", username="a"), by="auth")
    with pytest.raises(AlreadyExists) as taken:
        await call("ReserveAccount", pb.ReserveAccountRequest(request_id="s", username="A"), by="auth")
    assert taken.value.reason == "USERNAME_TAKEN"
    with pytest.raises(NotFound) as missing:
        await call("ConfirmAccount", pb.ConfirmAccountRequest(account_id=1, request_id="x"), by="auth")
    assert missing.value.reason == "RESERVATION_NOT_FOUND"


async def test_search_reads_all_accounts(call: Caller, world: World) -> None:
    accounts = [await world.sign_up(name) for name in ("alice", "bob", "carol")]
    first = await call("ListAccounts", pb.ListAccountsRequest(page_size=2), by="search")
    rest = pb.ListAccountsRequest(page_size=2, page_token=first.next_page_token)
    second = await call("ListAccounts", rest, by="search")
    assert [account.account_id for account in [*first.accounts, *second.accounts]] == accounts
    assert second.next_page_token == ""
    with pytest.raises(InvalidArgument, match="page_size"):
        await call("ListAccounts", pb.ListAccountsRequest(page_size=201), by="search")
    with pytest.raises(InvalidArgument, match="page_token"):
        await call("ListAccounts", pb.ListAccountsRequest(page_token="x"), by="search")


@pytest.mark.parametrize("method", sorted(ALLOWED_CALLERS))
async def test_each_method_has_its_callers_and_no_others(call: Caller, method: str) -> None:
    request = getattr(pb, f"{method}Request")()
    for service in {"gateway", "auth", "post", "feed", "search"} - ALLOWED_CALLERS[method]:
        with pytest.raises(PermissionDenied) as caught:
            await call(method, request, by=service)
        assert caught.value.reason == "CALLER_NOT_ALLOWED"


async def test_following_needs_a_caller_with_the_scope(call: Caller, world: World) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    request = pb.FollowAccountRequest(account_id=bob, reblogs=False, languages=["pt", "en", "pt"])
    with pytest.raises(Unauthenticated):
        await call("FollowAccount", request)
    app = call.tokens.identity(0)  # an application that acts for itself
    with pytest.raises(Unauthenticated):
        await call.clients["gateway"].call("FollowAccount", request, timeout=5, identity=app)
    with pytest.raises(PermissionDenied) as caught:
        await call("FollowAccount", request, who=alice, scopes=("read", "write:statuses"))
    assert caught.value.reason == "SCOPE_MISSING"
    answer = (await call("FollowAccount", request, who=alice, scopes=("follow",))).relationship
    assert (answer.account_id, answer.following, answer.showing_reblogs) == (bob, True, False)
    assert list(answer.languages) == ["pt", "en"]
    kept = (await call("FollowAccount", pb.FollowAccountRequest(account_id=bob, notify=True), who=alice)).relationship
    assert (kept.showing_reblogs, kept.notifying, list(kept.languages)) == (False, True, ["pt", "en"])
    cleared = pb.FollowAccountRequest(account_id=bob, all_languages=True)
    for _ in range(2):
        assert list((await call("FollowAccount", cleared, who=alice)).relationship.languages) == []
    both = pb.FollowAccountRequest(account_id=bob, all_languages=True, languages=["en"])
    with pytest.raises(InvalidArgument, match="languages"):
        await call("FollowAccount", both, who=alice)
    ended = await call("UnfollowAccount", pb.UnfollowAccountRequest(account_id=bob), who=alice)
    assert not ended.relationship.following


async def test_a_profile_that_the_caller_has_is_not_sent_again(call: Caller, world: World) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    await world.service.count_posts([PostFact(alice, 1, 1, True, False, world.clock.now())])
    queries = [
        pb.AccountQuery(account_id=alice),
        pb.AccountQuery(account_id=bob, known_version=1),
        pb.AccountQuery(account_id=404),
    ]
    entry = pb.BatchGetAccountsEntry(context=call.context(0), accounts=queries)
    for _ in range(3):  # from the database, then from the cache
        result = (await call("BatchGetAccounts", pb.BatchGetAccountsRequest(entries=[entry]))).results[0]
        assert not result.HasField("status")
        assert [(view.account_id, view.version) for view in result.accounts] == [(alice, 1), (bob, 1)]
        first, second = result.accounts
        assert first.account.username == "alice"
        assert not second.HasField("account")
        assert (first.counts.statuses, first.counts.HasField("last_status_time")) == (1, True)
        assert second.HasField("counts")
        assert not second.counts.HasField("last_status_time")


async def test_while_the_database_is_away_entries_of_cached_profiles_are_answered(
    call: Caller, world: World, fake_repository: FakeRepository
) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    for _ in range(2):
        await world.service.account_views([alice, 404])
    fake_repository.failure = Unavailable("away")
    entries = [
        pb.BatchGetAccountsEntry(
            context=call.context(0), accounts=[pb.AccountQuery(account_id=account_id) for account_id in ids]
        )
        for ids in ((alice, 404), (bob,), (alice, bob))
    ]
    first, *others = (await call("BatchGetAccounts", pb.BatchGetAccountsRequest(entries=entries))).results
    assert [view.account_id for view in first.accounts] == [alice]
    assert [from_status(result.status).status for result in others] == [Status.UNAVAILABLE] * 2


async def test_each_entry_of_a_batch_has_its_own_caller_and_outcome(call: Caller, world: World) -> None:
    alice, bob, carol = [await world.sign_up(name) for name in ("alice", "bob", "carol")]
    request = pb.FollowAccountRequest(account_id=bob)
    await call("FollowAccount", request, who=alice)
    entries = [
        pb.BatchGetRelationshipsEntry(context=call.context(alice), account_ids=[bob, carol, 404, bob, alice]),
        pb.BatchGetRelationshipsEntry(context=call.context(bob), account_ids=[alice]),
        pb.BatchGetRelationshipsEntry(context=call.context(0), account_ids=[alice]),
        pb.BatchGetRelationshipsEntry(context=call.context(alice), account_ids=range(201)),
        pb.BatchGetRelationshipsEntry(context=EntryContext(token="forged", timeout_ms=5000), account_ids=[bob]),
        pb.BatchGetRelationshipsEntry(context=EntryContext(), account_ids=[bob]),
    ]
    answer = await call("BatchGetRelationships", pb.BatchGetRelationshipsRequest(entries=entries), by="post")
    of_alice, of_bob, *refused = answer.results
    assert [(r.account_id, r.following) for r in of_alice.relationships] == [
        (bob, True),
        (carol, False),
        (alice, False),
    ]
    assert [(r.account_id, r.followed_by) for r in of_bob.relationships] == [(alice, True)]
    assert [from_status(result.status).status for result in refused] == [
        Status.UNAUTHENTICATED,
        Status.INVALID_ARGUMENT,
        Status.UNAUTHENTICATED,
        Status.DEADLINE_EXCEEDED,
    ]


async def test_relationships_in_columns_say_what_messages_say(call: Caller, world: World) -> None:
    alice, bob, carol, dan = [await world.sign_up(name) for name in ("alice", "bob", "carol", "dan")]
    await call("FollowAccount", pb.FollowAccountRequest(account_id=bob, notify=True), who=alice)
    await call("FollowAccount", pb.FollowAccountRequest(account_id=alice), who=bob)
    await call("FollowAccount", pb.FollowAccountRequest(account_id=dan, languages=["de"]), who=alice)
    ids = [bob, carol, dan, 404]
    entries = [
        pb.BatchGetRelationshipsEntry(context=call.context(alice), account_ids=ids, in_columns=in_columns)
        for in_columns in (True, False)
    ]
    answer = await call("BatchGetRelationships", pb.BatchGetRelationshipsRequest(entries=entries), by="gateway")
    in_columns, in_messages = answer.results
    messages = {each.account_id: each for each in in_messages.relationships}
    assert [*in_columns.relationships] == [messages[dan]]
    flags = dict(zip(in_columns.columns.account_ids, in_columns.columns.flags, strict=True))
    fields = [field for field in Relationship.DESCRIPTOR.fields if field.type == field.TYPE_BOOL]
    assert flags == {
        account_id: sum(1 << field.number for field in fields if getattr(messages[account_id], field.name))
        for account_id in (bob, carol)
    }
    assert (flags[bob] > 0, flags[carol]) == (True, 0)


async def test_relationships_of_an_account_are_told_to_post_alone(call: Caller, world: World) -> None:
    alice, bob, carol = [await world.sign_up(name) for name in ("alice", "bob", "carol")]
    await call("FollowAccount", pb.FollowAccountRequest(account_id=bob), who=alice)
    request = pb.ListRelationshipsOfRequest(account_id=alice, account_ids=[bob, carol, 404])
    answer = await call("ListRelationshipsOf", request, by="post")
    assert {each.account_id: each.following for each in answer.relationships} == {bob: True, carol: False}
    wrong = [pb.ListRelationshipsOfRequest(account_ids=[bob]), pb.ListRelationshipsOfRequest(account_id=alice)]
    wrong[1].account_ids.extend(range(1, 300))
    refused = [(wrong[0], "post", Status.INVALID_ARGUMENT), (wrong[1], "post", Status.INVALID_ARGUMENT)]
    for asked, caller, status in [*refused, (request, "gateway", Status.PERMISSION_DENIED)]:
        with pytest.raises(AppError) as caught:
            await call("ListRelationshipsOf", asked, by=caller)
        assert caught.value.status == status


async def test_lists_are_paged_by_tokens_bound_to_their_viewer(call: Caller, world: World) -> None:
    alice, bob, carol = [await world.sign_up(name) for name in ("alice", "bob", "carol")]
    for follower in (bob, carol):
        await call("FollowAccount", pb.FollowAccountRequest(account_id=alice), who=follower)
    first = await call("ListFollowers", pb.ListFollowersRequest(account_id=alice, page_size=1), who=bob)
    assert list(first.account_ids) == [carol]
    request = pb.ListFollowersRequest(account_id=alice, page_size=1, page_token=first.next_page_token)
    second = await call("ListFollowers", request, who=bob)
    assert (list(second.account_ids), second.next_page_token) == ([bob], "")
    with pytest.raises(InvalidArgument) as caught:
        await call("ListFollowers", request, who=carol)
    assert caught.value.fields[0].field == "page_token"
    following = await call("ListFollowing", pb.ListFollowingRequest(account_id=bob))
    assert list(following.account_ids) == [alice]
