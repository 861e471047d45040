"""What a viewer is shown: the shape of statuses and accounts, and what is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from mastodon import types_base
from mastodon.return_types import Account, MediaAttachment, Status

from rookery.feed.v1.feed_service_pb2 import Reason
from rookery.post.v1 import media_pb2, post_pb2
from rookery.post.v1.events_pb2 import PostUpdated
from rookery.user.v1 import account_pb2
from rookery.user.v1.events_pb2 import AccountDeleted, FollowCreated
from rookery_common.clock import SystemClock
from rookery_common.errors import NotFound, Unavailable
from rookery_common.kafka.events import new_event
from rookery_common.paging import Page

if TYPE_CHECKING:
    from tests.unit.composing.conftest import Gateway, World

entity_of: Any = types_base.try_cast_recurse
ALICE, BOB, CAROL, DAN = 101, 102, 103, 104


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    for account_id, name in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol"), (DAN, "dan")):
        world.account(account_id, name, display_name=name.title())
        for other in (ALICE, BOB, CAROL, DAN):
            world.relate(account_id, other)


def loads(bodies: list[bytes]) -> list[Any]:
    return [orjson.loads(body) for body in bodies]


def ids(bodies: list[bytes]) -> list[int]:
    return [int(status["id"]) for status in loads(bodies)]


async def test_a_status_has_every_field_that_clients_know(world: World, gateway: Gateway) -> None:
    media = media_pb2.Media(
        media_id=9,
        type=media_pb2.MEDIA_TYPE_IMAGE,
        url="https://cdn.test/9.jpg",
        preview_url="https://cdn.test/9s.jpg",
        original=media_pb2.Dimensions(width=640, height=480),
        small=media_pb2.Dimensions(width=320, height=240),
        description="A tree",
        blurhash="LEHV6nWB2yk8",
    )
    world.post(
        1,
        ALICE,
        "Hi @bob, see #Rookery\nat https://example.org/a",
        mentions=[post_pb2.Mention(account_id=BOB, username="bob")],
        tags=["rookery"],
        media=[media],
        application_name="toot",
        language="en",
        spoiler_text="Trees",
        sensitive=True,
        in_reply_to_id=7,
        in_reply_to_account_id=BOB,
    )
    world.post_counts[1] = post_pb2.PostCounts(replies=2, reblogs=3, favourites=4)
    world.marks[BOB, 1] = post_pb2.PostMarks(favourited=True, bookmarked=True)
    body = await gateway.composer.status(world.tokens.identity(BOB), 1)
    status = orjson.loads(body)
    assert status["id"] == "1"
    assert status["created_at"] == "2023-11-14T22:13:20.123Z"
    assert status["url"] == "https://rookery.test/@alice/1"
    assert status["uri"] == "https://rookery.test/users/alice/statuses/1"
    assert (status["replies_count"], status["reblogs_count"], status["favourites_count"]) == (2, 3, 4)
    assert (status["favourited"], status["reblogged"], status["bookmarked"]) == (True, False, True)
    assert status["account"]["acct"] == "alice"
    assert status["application"] == {"name": "toot", "website": None}
    assert status["mentions"] == [
        {"id": str(BOB), "username": "bob", "url": "https://rookery.test/@bob", "acct": "bob"}
    ]
    assert status["tags"] == [{"name": "rookery", "url": "https://rookery.test/tags/rookery"}]
    assert status["media_attachments"][0]["meta"]["original"]["size"] == "640x480"
    parsed: Any = entity_of(Status, status)
    assert isinstance(parsed, Status)
    assert isinstance(parsed.account, Account)
    assert isinstance(parsed.media_attachments[0], MediaAttachment)
    assert parsed.created_at.year == 2023


async def test_a_stranger_sees_a_status_without_marks(world: World, gateway: Gateway) -> None:
    world.post(1, ALICE)
    status = orjson.loads(await gateway.composer.status(None, 1))
    assert "favourited" not in status
    assert status["reblog"] is None
    assert world.called("BatchGetRelationships") == []


async def test_an_account_has_every_field_that_clients_know(world: World, gateway: Gateway) -> None:
    world.counts[ALICE] = account_pb2.AccountCounts(
        followers=5, following=6, statuses=7, last_status_time=Timestamp(seconds=1_700_000_000)
    )
    world.accounts[ALICE].note = "I <3 trees"
    world.accounts[ALICE].fields.add(name="Site", value="https://example.org")
    account = orjson.loads(await gateway.composer.account(world.tokens.identity(BOB), ALICE))
    assert account["note"] == "<p>I &lt;3 trees</p>"
    assert account["last_status_at"] == "2023-11-14"
    assert account["avatar"] == "https://rookery.test/avatars/original/missing.png"
    assert account["fields"][0]["value"].startswith('<a href="https://example.org"')
    assert (account["followers_count"], account["following_count"], account["statuses_count"]) == (5, 6, 7)
    parsed: Any = entity_of(Account, account)
    assert isinstance(parsed, Account)


async def test_what_is_not_there_is_not_found(gateway: Gateway) -> None:
    with pytest.raises(NotFound):
        await gateway.composer.status(None, 404)
    with pytest.raises(NotFound):
        await gateway.composer.account(None, 404)


async def test_statuses_keep_their_order_without_those_that_may_not_be_seen(world: World, gateway: Gateway) -> None:
    for post_id in (1, 2, 3):
        world.post(post_id, ALICE)
    world.hidden.add(2)
    assert ids(await gateway.composer.statuses(world.tokens.identity(BOB), [3, 2, 1, 99])) == [3, 1]


@pytest.mark.parametrize("relation", [{"blocking": True}, {"blocked_by": True}])
async def test_blocks_hide_both_ways_and_at_once(world: World, gateway: Gateway, relation: dict[str, bool]) -> None:
    world.post(1, ALICE)
    assert ids(await gateway.composer.statuses(world.tokens.identity(BOB), [1])) == [1]
    world.relate(BOB, ALICE, **relation)
    assert await gateway.composer.statuses(world.tokens.identity(BOB), [1]) == []


async def test_of_whom_it_is_not_known_what_they_are_nothing_is_shown(world: World, gateway: Gateway) -> None:
    world.post(1, ALICE)
    del world.relationships[BOB, ALICE]
    assert await gateway.composer.statuses(world.tokens.identity(BOB), [1]) == []


async def test_one_s_own_posts_need_no_relationship(world: World, gateway: Gateway) -> None:
    world.post(1, ALICE)
    world.relationships.clear()
    assert ids(await gateway.composer.statuses(world.tokens.identity(ALICE), [1])) == [1]


async def test_a_rendered_post_is_asked_for_by_its_version(world: World, gateway: Gateway) -> None:
    world.post(1, ALICE, "First")
    bob = world.tokens.identity(BOB)
    await gateway.composer.status(bob, 1)
    world.post_counts[1] = post_pb2.PostCounts(favourites=9)
    world.forget_calls()
    again = orjson.loads(await gateway.composer.status(bob, 1))
    assert again["favourites_count"] == 9
    assert world.called("BatchGetPosts") == [[(1, 1)]]
    assert world.called("BatchGetAccounts") == []
    world.post(1, ALICE, "Second", version=2, edit_time=Timestamp(seconds=1_700_000_100))
    edited = orjson.loads(await gateway.composer.status(bob, 1))
    assert edited["content"] == "<p>Second</p>"
    assert edited["edited_at"] == "2023-11-14T22:15:00.000Z"


async def test_own_profile_is_never_shown_from_the_cache(world: World, gateway: Gateway) -> None:
    world.post(1, ALICE)
    alice = world.tokens.identity(ALICE)
    await gateway.composer.status(alice, 1)
    world.accounts[ALICE].display_name = "Alice the Second"
    world.accounts[ALICE].version = 2
    status = orjson.loads(await gateway.composer.status(alice, 1))
    assert status["account"]["display_name"] == "Alice the Second"


async def test_counts_of_an_account_that_is_asked_for_are_never_old(world: World, gateway: Gateway) -> None:
    await gateway.composer.account(None, ALICE)
    world.counts[ALICE] = account_pb2.AccountCounts(followers=1)
    assert orjson.loads(await gateway.composer.account(None, ALICE))["followers_count"] == 1


async def test_events_drop_what_they_make_old(world: World, gateway: Gateway) -> None:
    world.post(1, ALICE)
    bob = world.tokens.identity(BOB)
    await gateway.composer.status(bob, 1)
    clock = SystemClock()
    updated = PostUpdated(post=post_pb2.Post(post_id=1, author_id=ALICE, version=2))
    await gateway.cache.handle(new_event("post.events.v1", "1", updated, version=2, clock=clock, source="post"))
    assert gateway.cache.posts.peek(1) is None
    followed = FollowCreated()
    followed.follow.followee_id = ALICE
    await gateway.cache.handle(new_event("user.events.v1", "k", followed, version=1, clock=clock, source="user"))
    world.forget_calls()
    await gateway.composer.status(bob, 1)
    assert world.called("BatchGetAccounts") == [[ALICE]]


async def test_what_a_deleted_account_has_written_is_left_out_at_once(world: World, gateway: Gateway) -> None:
    world.post(1, ALICE)
    world.post(2, BOB)
    bob = world.tokens.identity(BOB)
    for viewer in (bob, None):
        assert ids(await gateway.composer.statuses(viewer, [2, 1])) == [2, 1]
    del world.accounts[ALICE]
    for other in (ALICE, BOB):
        world.relationships.pop((other, ALICE), None)
    assert ids(await gateway.composer.statuses(bob, [2, 1])) == [2]  # user knows of nobody to be related to
    deleted, clock = AccountDeleted(account_id=ALICE, version=2), SystemClock()
    event = new_event("user.events.v1", str(ALICE), deleted, version=2, clock=clock, source="user")
    await gateway.cache.handle(event)
    assert ids(await gateway.composer.statuses(None, [2, 1])) == [2]
    with pytest.raises(NotFound):
        await gateway.composer.account(bob, ALICE)


async def test_an_author_whose_profile_cannot_be_had_is_shown_as_known_or_left_out(
    world: World, gateway: Gateway
) -> None:
    world.post(1, ALICE)
    world.post(2, CAROL)
    bob = world.tokens.identity(BOB)
    await gateway.composer.status(bob, 1)
    known = gateway.cache.accounts.peek(ALICE)
    assert known is not None
    known.checked_at = 0.0
    world.failures["BatchGetAccounts"] = Unavailable("Away.")
    assert ids(await gateway.composer.statuses(bob, [1, 2])) == [1]


async def test_a_reblog_shows_the_post_in_it(world: World, gateway: Gateway) -> None:
    world.post(1, ALICE, "Original")
    world.post(2, CAROL, "", reblog_of_id=1)
    [status] = loads(await gateway.composer.statuses(world.tokens.identity(BOB), [2]))
    assert status["account"]["acct"] == "carol"
    assert status["reblog"]["content"] == "<p>Original</p>"
    assert status["reblog"]["account"]["acct"] == "alice"
    world.hidden.add(1)
    assert await gateway.composer.statuses(world.tokens.identity(BOB), [2]) == []


class TestHome:
    async def test_a_home_is_newest_first_and_says_whether_there_is_more(self, world: World, gateway: Gateway) -> None:
        world.follow(BOB, ALICE)
        for post_id in range(1, 6):
            world.entry(BOB, world.post(post_id, ALICE))
        page = await gateway.composer.home(world.tokens.identity(BOB), Page(3))
        assert (ids(page.items), page.first_id, page.last_id, page.more) == ([5, 4, 3], 5, 3, True)
        rest = await gateway.composer.home(world.tokens.identity(BOB), Page(3, max_id=page.last_id))
        assert (ids(rest.items), rest.more) == ([2, 1], False)

    async def test_an_empty_home_is_empty(self, world: World, gateway: Gateway) -> None:
        page = await gateway.composer.home(world.tokens.identity(BOB), Page(20))
        assert (page.items, page.first_id, page.last_id, page.more) == ([], 0, 0, False)

    async def test_it_costs_one_call_of_each_kind(self, world: World, gateway: Gateway) -> None:
        world.follow(BOB, ALICE)
        world.follow(BOB, CAROL)
        for post_id in range(1, 21):
            world.entry(BOB, world.post(post_id, ALICE if post_id % 2 else CAROL))
        for _ in range(2):
            world.forget_calls()
            await gateway.composer.home(world.tokens.identity(BOB), Page(20))
        calls = {method: len(entries) for method, entries in world.asked.items()}
        assert calls == {"BatchGetHome": 1, "BatchGetPosts": 1, "BatchGetRelationships": 1}

    @pytest.mark.parametrize("relation", [{"muting": True}, {"blocking": True}, {"blocked_by": True}])
    async def test_mutes_and_blocks_hold_at_once(
        self, world: World, gateway: Gateway, relation: dict[str, bool]
    ) -> None:
        world.follow(BOB, ALICE)
        world.entry(BOB, world.post(1, ALICE))
        assert ids((await gateway.composer.home(world.tokens.identity(BOB), Page(20))).items) == [1]
        world.follow(BOB, ALICE, **relation)
        assert (await gateway.composer.home(world.tokens.identity(BOB), Page(20))).items == []

    async def test_only_the_languages_that_are_wanted_of_an_author_are_shown(
        self, world: World, gateway: Gateway
    ) -> None:
        for post_id, language in enumerate(("en", "pt", "de", ""), 1):
            world.entry(BOB, world.post(post_id, ALICE, language=language))
        world.follow(BOB, ALICE, languages=["en", "pt"])
        assert ids((await gateway.composer.home(world.tokens.identity(BOB), Page(20))).items) == [4, 2, 1]
        world.follow(BOB, ALICE)
        assert ids((await gateway.composer.home(world.tokens.identity(BOB), Page(20))).items) == [4, 3, 2, 1]

    async def test_unfollowing_holds_at_once(self, world: World, gateway: Gateway) -> None:
        world.relate(BOB, ALICE, following=False)
        world.entry(BOB, world.post(1, ALICE))
        assert (await gateway.composer.home(world.tokens.identity(BOB), Page(20))).items == []

    async def test_own_posts_are_there_whomever_they_answer(self, world: World, gateway: Gateway) -> None:
        world.entry(BOB, world.post(1, BOB, in_reply_to_id=9, in_reply_to_account_id=DAN), Reason.REASON_OWN_POST)
        assert ids((await gateway.composer.home(world.tokens.identity(BOB), Page(20))).items) == [1]

    @pytest.mark.parametrize("cached", [False, True])
    async def test_a_reply_is_there_if_the_viewer_follows_or_is_the_one_replied_to(
        self, world: World, gateway: Gateway, cached: bool
    ) -> None:
        world.follow(BOB, ALICE)
        world.follow(BOB, CAROL)
        for post_id, answered in ((1, CAROL), (2, BOB), (3, ALICE), (4, DAN)):
            world.entry(BOB, world.post(post_id, ALICE, in_reply_to_id=50, in_reply_to_account_id=answered))
        bob = world.tokens.identity(BOB)
        if cached:
            await gateway.composer.home(bob, Page(20))
        assert ids((await gateway.composer.home(bob, Page(20))).items) == [3, 2, 1]

    async def test_what_is_left_out_is_made_up_for(self, world: World, gateway: Gateway) -> None:
        world.follow(BOB, ALICE)
        for post_id in range(1, 31):
            world.entry(BOB, world.post(post_id, ALICE))
        world.hidden.update(range(22, 31))
        page = await gateway.composer.home(world.tokens.identity(BOB), Page(10))
        assert ids(page.items) == list(range(21, 11, -1))
        assert (page.first_id, page.last_id, page.more) == (30, 12, True)

    async def test_it_gives_up_after_three_rounds_without_ending_the_list(self, world: World, gateway: Gateway) -> None:
        world.follow(BOB, ALICE)
        for post_id in range(1, 31):
            world.entry(BOB, world.post(post_id, ALICE))
        world.hidden.update(range(5, 31))
        bob = world.tokens.identity(BOB)
        page = await gateway.composer.home(bob, Page(5))
        assert (page.items, page.more) == ([], True)
        assert len(world.called("BatchGetHome")) == 3
        seen: list[int] = []
        while page.more:
            page = await gateway.composer.home(bob, Page(5, max_id=page.last_id))
            seen += ids(page.items)
        assert seen == [4, 3, 2, 1]

    async def test_pages_upwards_leave_no_gap(self, world: World, gateway: Gateway) -> None:
        world.follow(BOB, ALICE)
        for post_id in range(1, 11):
            world.entry(BOB, world.post(post_id, ALICE))
        world.hidden.update((3, 4))
        page = await gateway.composer.home(world.tokens.identity(BOB), Page(3, min_id=2))
        assert ids(page.items) == [7, 6, 5]
        assert (page.first_id, page.last_id) == (7, 3)

    async def test_a_home_of_which_relationships_cannot_be_had_is_not_shown(
        self, world: World, gateway: Gateway
    ) -> None:
        world.follow(BOB, ALICE)
        world.entry(BOB, world.post(1, ALICE))
        world.failures["BatchGetRelationships"] = Unavailable("Away.")
        with pytest.raises(Unavailable):
            await gateway.composer.home(world.tokens.identity(BOB), Page(20))
