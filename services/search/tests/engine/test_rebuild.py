"""The indices made again from their owners, over real calls, while their owners go on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from rookery.post.v1 import post_service_pb2 as post_pb
from rookery.post.v1.post_pb2 import Post, PostState, Visibility
from rookery.post.v1.post_service_pb2_grpc import (
    PostServiceServicer,
    PostServiceStub,
    add_PostServiceServicer_to_server,
)
from rookery.user.v1 import user_service_pb2 as user_pb
from rookery.user.v1.account_pb2 import Account
from rookery.user.v1.user_service_pb2_grpc import (
    UserServiceServicer,
    UserServiceStub,
    add_UserServiceServicer_to_server,
)
from rookery_common.clock import SystemClock
from rookery_common.errors import Internal, Unavailable
from rookery_common.kafka.events import Event
from rookery_common.testing.rpc import Network, settings_of
from rookery_common.testing.waiting import eventually
from search_service.clients import PostClient, UserClient
from search_service.consumers import PostEventsHandler, UserEventsHandler
from search_service.documents import account_document, post_document
from search_service.errors import RebuildRunning
from search_service.models import Document, Kind
from search_service.repository.documents import Documents
from search_service.repository.indices import Indices
from search_service.service.indexing import Indexer
from search_service.service.rebuild import Progress, Rebuild

if TYPE_CHECKING:
    from tests.conftest import Make
    from tests.engine.conftest import Dump

VISIBLE, HELD, REMOVED, DELETED = PostState.values()[1:]
Make_ = Callable[[], Rebuild]


class Owners(UserServiceServicer, PostServiceServicer):
    """Accounts and posts as user and post own them; answers arrive late, as they were when they were read."""

    def __init__(self) -> None:
        self.accounts: dict[int, Account] = {}
        self.posts: dict[int, Post] = {}
        self.late = 0.0
        self.failures: list[Exception] = []
        self.rng = random.Random(1)

    async def ListAccounts(self, request: Any, context: Any) -> user_pb.ListAccountsResponse:
        if self.failures:
            raise self.failures.pop()
        above = int(request.page_token or 0)
        ids = sorted(id_ for id_ in self.accounts if id_ > above)
        page = [self.accounts[id_] for id_ in ids[:10]]
        more = str(page[-1].account_id) if len(ids) > 10 else ""
        return user_pb.ListAccountsResponse(accounts=page, next_page_token=more)

    async def ListAccountPosts(self, request: Any, context: Any) -> post_pb.ListAccountPostsResponse:
        ids = sorted((id_ for id_, post in self.posts.items() if post.author_id == request.account_id), reverse=True)
        below = [id_ for id_ in ids if not request.max_id or id_ < request.max_id]
        looked_at = below[:7]
        shown = [self.posts[id_] for id_ in looked_at if self.posts[id_].state == VISIBLE]
        reached = looked_at[-1] if len(below) > len(looked_at) else 0
        answer = post_pb.ListAccountPostsResponse(posts=shown, reached_id=reached)
        await asyncio.sleep(self.late * self.rng.random())
        return answer

    def live(self) -> dict[Kind, list[Document]]:
        """What the index should hold, without tombstones."""
        posts = [document for post in self.posts.values() if (document := post_document(post)) is not None]
        return {
            Kind.ACCOUNTS: [account_document(account) for account in self.accounts.values()],
            Kind.POSTS: [document for document in posts if "deleted" not in document.fields],
        }


@pytest.fixture
def owners(make: Make) -> Owners:
    owners = Owners()  # type: ignore[abstract]  # what nobody calls here is not there
    for account_id in range(1, 31):
        owners.accounts[account_id] = make.account(account_id, f"bird{account_id}")
        for number in range(account_id % 20):
            post_id = account_id * 1_000 + number
            visibility = Visibility.values()[1 + number % 4]
            owners.posts[post_id] = make.post(post_id, "before", author_id=account_id, visibility=visibility)
    return owners


@pytest_asyncio.fixture
async def rebuild(owners: Owners, indices: Indices, documents: Documents) -> AsyncIterator[Make_]:
    async with AsyncExitStack() as stack:
        network = Network(stack, None)
        callers = {"*": frozenset({"search"})}
        server = await network.serve(
            (add_UserServiceServicer_to_server, owners, "rookery.user.v1.UserService"),
            (add_PostServiceServicer_to_server, owners, "rookery.post.v1.PostService"),
            allowed_callers=callers,
        )
        search = settings_of("search")
        user = await network.client(server.port, UserServiceStub, service="user", settings=search)
        post = await network.client(server.port, PostServiceStub, service="post", settings=search)

        def one(report: Callable[[Progress], None] = lambda progress: None) -> Rebuild:
            return Rebuild(indices, documents, UserClient(user), PostClient(post), SystemClock(), report, grace=0.5)

        yield one


async def difference(owners: Owners, dump: Dump) -> dict[Kind, list[int]]:
    """Ids of which the index says something else than their owner."""
    wrong = {}
    for kind, documents in owners.live().items():
        found = {id_: each for id_, each in (await dump(kind)).items() if "deleted" not in each[1]}
        wanted = {document.id: (document.version, dict(document.fields)) for document in documents}
        wrong[kind] = sorted(id_ for id_ in found.keys() | wanted.keys() if found.get(id_) != wanted.get(id_))
    return wrong


NO_DIFFERENCE: dict[Kind, list[int]] = {Kind.ACCOUNTS: [], Kind.POSTS: []}


async def test_empty_index_is_filled(rebuild: Make_, owners: Owners, indices: Indices, dump: Dump, prefix: str) -> None:
    progress = await rebuild().run()
    assert (progress.accounts, progress.posts) == (len(owners.accounts), len(owners.posts))
    assert await difference(owners, dump) == NO_DIFFERENCE
    for kind in Kind:
        assert await indices.write_targets(kind) == {f"{prefix}{kind}-000002"}
        assert await indices.read_target(kind) == f"{prefix}{kind}-000002"


class Life:
    """The owners go on: each change is committed, then told of, sometimes late, twice, or after a newer one."""

    def __init__(self, owners: Owners, indexer: Indexer, make: Make) -> None:
        self._owners, self._make = owners, make
        self._handlers: dict[Kind, PostEventsHandler | UserEventsHandler] = {
            Kind.ACCOUNTS: UserEventsHandler(indexer),
            Kind.POSTS: PostEventsHandler(indexer),
        }
        self._untold: list[tuple[Kind, Event]] = []
        self._rng = random.Random(2)
        self.ends = asyncio.Event()
        self.changes = 0

    async def run(self) -> None:
        """Until it is to end, and all is told."""
        await asyncio.gather(self._change(), self._tell())

    async def _change(self) -> None:
        while not self.ends.is_set():
            account_id = self._rng.randint(1, 40)
            if self._rng.random() < 0.2 or account_id not in self._owners.accounts:
                self._say(Kind.ACCOUNTS, self._change_account(account_id))
            else:
                self._say(Kind.POSTS, self._change_post(account_id))
            self.changes += 1
            await asyncio.sleep(0.005)

    async def _tell(self) -> None:
        while self._untold or not self.ends.is_set():
            self._rng.shuffle(self._untold)
            half = (len(self._untold) + 1) // 2
            told, self._untold = self._untold[:half], self._untold[half:]
            for kind, handle in self._handlers.items():
                await handle([event for about, event in told if about == kind])
            await asyncio.sleep(0.02)

    def _say(self, kind: Kind, event: Event) -> None:
        self._untold += [(kind, event)] * self._rng.choice([1, 1, 2])

    def _change_account(self, account_id: int) -> Event:
        known = self._owners.accounts.get(account_id)
        version = known.version + 1 if known else 1
        account = self._make.account(account_id, f"bird{account_id}", version=version, display_name=f"v{version}")
        self._owners.accounts[account_id] = account
        return self._make.account_event(account)

    def _change_post(self, account_id: int) -> Event:
        post_id = account_id * 1_000 + self._rng.randint(0, 25)
        known = self._owners.posts.get(post_id)
        if known is None or known.state != DELETED:
            version = known.version + 1 if known else 1
            state = self._rng.choice([VISIBLE, VISIBLE, VISIBLE, HELD, REMOVED, DELETED])
            known = self._make.post(post_id, f"v{version}", author_id=account_id, version=version, state=state)
            self._owners.posts[post_id] = known
        return self._make.post_event(known)


async def test_rebuild_while_owners_write_on_equals_the_live_state(
    rebuild: Make_, owners: Owners, indexer: Indexer, dump: Dump, make: Make
) -> None:
    owners.late = 0.15
    life = Life(owners, indexer, make)
    living = asyncio.create_task(life.run())
    await eventually(lambda: life.changes > 50)
    before = life.changes
    for _ in range(2):
        await rebuild().run()
    assert life.changes > before
    life.ends.set()
    await living
    assert await difference(owners, dump) == NO_DIFFERENCE


async def test_searches_go_on_while_the_index_is_made_again(
    rebuild: Make_, owners: Owners, dump: Dump, indices: Indices
) -> None:
    await rebuild().run()
    owners.late = 0.1
    running = asyncio.create_task(rebuild().run())
    while not running.done():
        assert len(await dump(Kind.POSTS)) == len(owners.posts)
        await asyncio.sleep(0.02)
    await running


async def test_outage_of_an_owner_is_waited_for(rebuild: Make_, owners: Owners, dump: Dump) -> None:
    owners.failures = [Unavailable("away for a moment")] * 6
    await rebuild().run()
    assert await difference(owners, dump) == NO_DIFFERENCE


async def test_failed_rebuild_leaves_everything_as_it_was(
    rebuild: Make_, owners: Owners, indices: Indices, elastic: Any, prefix: str
) -> None:
    owners.failures = [Internal("a defect")]
    with pytest.raises(Internal):
        await rebuild().run()
    left = await elastic.request("get", "GET", f"/{prefix}*")
    assert {name.removeprefix(prefix) for name in left} == {"accounts-000001", "posts-000001"}
    await rebuild().run()


async def test_only_one_rebuild_runs_and_a_killed_one_is_begun_anew(
    rebuild: Make_, owners: Owners, indices: Indices, dump: Dump
) -> None:
    killed = await indices.create_next(Kind.POSTS)
    with pytest.raises(RebuildRunning):
        await rebuild().run()
    assert killed in await indices.write_targets(Kind.POSTS), "what another one is filling is left alone"
    await rebuild().run(restart=True)
    assert await difference(owners, dump) == NO_DIFFERENCE


async def test_progress_is_told(rebuild: Callable[..., Rebuild], owners: Owners) -> None:
    told: list[int] = []
    await rebuild(lambda progress: told.append(progress.accounts)).run()
    assert told == [10, 20, 30]
