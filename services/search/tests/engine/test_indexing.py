"""Events into a real engine: in any order, any number of times, with poison among them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from rookery.post.v1.post_pb2 import Post, PostState, Visibility
from rookery_common.clients.elasticsearch import Elastic
from rookery_common.kafka.events import Event
from search_service.app import MIGRATIONS
from search_service.consumers import PostEventsHandler, UserEventsHandler
from search_service.documents import account_document, post_document
from search_service.errors import DocumentRejected, IndexMissing
from search_service.models import FOR_GOOD, Document, Kind
from search_service.repository.documents import Documents
from search_service.repository.indices import Indices
from search_service.service.indexing import Indexer

if TYPE_CHECKING:
    from tests.conftest import Make
    from tests.engine.conftest import Dump

VISIBLE, HELD, REMOVED, DELETED = PostState.values()[1:]


@pytest.fixture
def posts(indexer: Indexer) -> PostEventsHandler:
    return PostEventsHandler(indexer)


def a_life(make: Make, post_id: int, rng: random.Random) -> list[Post]:
    """A post's states, one version after another; some end with a deletion."""
    states = [rng.choice([VISIBLE, HELD, REMOVED]) for _ in range(rng.randint(1, 5))]
    states += [DELETED] if rng.random() < 0.3 else []
    visibility = rng.choice(Visibility.values()[1:])
    return [
        make.post(post_id, f"text {version}", version=version, state=state, visibility=visibility)
        for version, state in enumerate(states, 1)
    ]


@pytest.mark.usefixtures("indices")
@pytest.mark.parametrize("seed", range(3))
async def test_replay_and_reordering_change_nothing(
    posts: PostEventsHandler, dump: Dump, make: Make, seed: int
) -> None:
    rng = random.Random(seed)
    lives = [a_life(make, post_id, rng) for post_id in range(1, 60)]
    events = [make.post_event(post) for life in lives for post in life]
    for _ in range(3):
        shuffled = [*events, *rng.choices(events, k=len(events) // 2)]
        rng.shuffle(shuffled)
        while shuffled:
            batch = rng.randint(1, 40)
            await posts(shuffled[:batch])
            del shuffled[:batch]
    found = await dump(Kind.POSTS)
    last = [document for life in lives if (document := post_document(life[-1])) is not None]
    assert found == {document.id: (document.version, dict(document.fields)) for document in last}


@pytest.mark.usefixtures("indices")
async def test_deletion_is_for_good(posts: PostEventsHandler, dump: Dump, make: Make) -> None:
    await posts([make.post_event(make.post(5, "there")), make.post_event(make.post(5, version=2, state=DELETED))])
    await posts([make.post_event(make.post(5, "back", version=3)), make.post_event(make.post(5, "there"))])
    assert await dump(Kind.POSTS) == {5: (FOR_GOOD, {"post_id": 5, "deleted": True})}


@pytest.mark.usefixtures("indices")
async def test_profile_is_the_newest_there_was(indexer: Indexer, dump: Dump, make: Make) -> None:
    users = UserEventsHandler(indexer)
    first, second = make.account(7, "alice"), make.account(7, "alice", version=2, display_name="Alice A.")
    for accounts in ([second], [first], [first, second, first]):
        await users([make.account_event(account) for account in accounts])
    newest = account_document(second)
    assert await dump(Kind.ACCOUNTS) == {7: (2, dict(newest.fields))}


@pytest.mark.usefixtures("indices")
async def test_what_the_engine_refuses_is_told_and_the_rest_is_written(
    posts: PostEventsHandler, dump: Dump, make: Make
) -> None:
    poison = make.post(2, "poison", tags=["x" * 40_000])
    with pytest.raises(DocumentRejected):
        await posts([make.post_event(post) for post in (make.post(1), poison, make.post(3))])
    assert set(await dump(Kind.POSTS)) == {1, 3}


async def test_without_indices_events_wait(
    posts: PostEventsHandler, unmigrated: Indices, dump: Dump, make: Make
) -> None:
    event = make.post_event(make.post(1))
    with pytest.raises(IndexMissing):
        await posts([event])
    await unmigrated.migrate()
    await posts([event])
    assert set(await dump(Kind.POSTS)) == {1}


async def test_migrating_again_changes_nothing(elastic: Elastic, indices: Indices, prefix: str) -> None:
    before = await elastic.request("get", "GET", f"/{prefix}*")
    await indices.migrate()
    assert await elastic.request("get", "GET", f"/{prefix}*") == before
    assert {name.removeprefix(prefix) for name in before} == {"accounts-000001", "posts-000001"}


async def test_no_write_makes_an_index(documents: Documents, indices: Indices, prefix: str, elastic: Elastic) -> None:
    await documents.write([Document.tombstone(Kind.POSTS, 1, 1)], [f"{prefix}posts-000007"])
    assert f"{prefix}posts-000007" not in await elastic.request("get", "GET", f"/{prefix}*")


@pytest.mark.usefixtures("indices")
async def test_index_that_comes_while_events_are_written_gets_them_too(
    indices: Indices, elastic: Elastic, dump: Dump, make: Make
) -> None:
    class Late(Documents):
        """Somebody begins a rebuild between a batch's targets and its writing."""

        fresh = ""

        async def write(self, documents: object, targets: object) -> None:
            if not self.fresh:
                self.fresh = await indices.create_next(Kind.POSTS)
            await super().write(documents, targets)  # type: ignore[arg-type]  # handed on as it is

    late = Late(elastic)
    await PostEventsHandler(Indexer(indices, late))([make.post_event(make.post(1))])
    await indices.swap({Kind.POSTS: late.fresh})
    assert set(await dump(Kind.POSTS)) == {1}


def test_templates_are_there_for_each_kind() -> None:
    assert {path.stem for path in MIGRATIONS.glob("*.json")} == set(Kind)


@pytest.mark.usefixtures("indices")
async def test_follows_and_reblogs_are_nothing_to_write(posts: PostEventsHandler, dump: Dump, make: Make) -> None:
    events: list[Event] = [make.post_event(make.post(1, reblog_of_id=9))]
    await posts(events)
    await posts([])
    assert await dump(Kind.POSTS) == {}
