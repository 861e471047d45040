"""What a real engine finds, for whom, and how long it takes at worst."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
import pytest_asyncio

from rookery.post.v1.media_pb2 import Media, MediaType
from rookery.post.v1.post_pb2 import PostState, Visibility
from rookery_common.auth import Identity
from rookery_common.clients.elasticsearch import Elastic, ElasticUnavailable
from rookery_common.testing import FakeClock
from search_service.app import MIGRATIONS
from search_service.documents import account_document, post_document
from search_service.errors import IndexMissing
from search_service.models import MAX_QUERY_CHARS, Document, Found, Search, Sought
from search_service.repository.indices import Indices
from search_service.repository.searches import Searches
from search_service.service.indexing import Indexer
from search_service.service.search import Finder

if TYPE_CHECKING:
    from tests.conftest import Make

DOMAIN = "rookery.test"
VISIBILITIES = Visibility.values()[1:]
WORST_SECONDS = 0.2
MOST_TRIES = 25
MANY = 20_000
Find = Callable[..., Awaitable[Found]]
Put = Callable[..., Awaitable[None]]


def viewer(account_id: int) -> Identity:
    return Identity(account_id=account_id, session_id=1, app_id=1, scopes=frozenset({"read"}))


@pytest.fixture
def find(elastic: Elastic, unmigrated: Indices, clock: FakeClock) -> Find:
    class Users:
        async def followed_by(self, viewer: Identity, most: int) -> list[int]:
            return [2, 4]

    finder = Finder(Searches(elastic, unmigrated), cast(Any, Users()), clock, DOMAIN)

    async def found(query: str, sought: Sought, *, by: int = 1, limit: int = 40, **options: Any) -> Found:
        search = Search(query, frozenset({sought}), limit, **options)
        return await finder.find(viewer(by) if by else None, search)

    return found


@pytest_asyncio.fixture
async def put(indices: Indices, indexer: Indexer, elastic: Elastic, prefix: str) -> Put:
    """Documents that are found once this returns."""

    async def written(*documents: Document | None) -> None:
        await indexer.write([document for document in documents if document is not None])
        await elastic.request("refresh", "POST", f"/{prefix}*/_refresh")

    return written


async def test_posts_are_found_by_whom_they_are_meant_for(find: Find, put: Put, make: Make) -> None:
    posts = [make.post(id_, "rook", author_id=1, visibility=kind) for id_, kind in enumerate(VISIBILITIES, 1)]
    hidden = [make.post(9, "rook", author_id=1, state=state) for state in PostState.values()[2:]]
    await put(*map(post_document, posts))
    assert (await find("rook", Sought.STATUSES, by=1)).post_ids == [4, 3, 2, 1]
    assert (await find("rook", Sought.STATUSES, by=2)).post_ids == [1]
    assert (await find("rook in:public", Sought.STATUSES, by=1)).post_ids == [1]
    assert (await find("rook in:library", Sought.STATUSES, by=2)).post_ids == []
    assert (await find("rook", Sought.STATUSES, by=0)).post_ids == []
    for post in hidden:
        await put(post_document(post))
        assert (await find("rook", Sought.STATUSES, by=1)).post_ids == [4, 3, 2, 1]


async def test_words_phrases_and_operators_narrow_the_search(find: Find, put: Put, make: Make) -> None:
    picture = Media(type=MediaType.MEDIA_TYPE_IMAGE, description="An owl at night")
    day = datetime(2026, 3, 1, tzinfo=UTC)
    first = make.post(1, "The cat is not to be fed", author_id=1, language="en-GB", tags=["cats"])
    second = make.post(2, "Rooks, and the cât", author_id=2, media=[picture], spoiler_text="Warning", sensitive=True)
    third = make.post(3, "rooks fed https://a.example", author_id=3, in_reply_to_id=1, tags=["cats", "rook_nests"])
    for post, moment in ((first, day - timedelta(seconds=1)), (second, day), (third, day + timedelta(days=1))):
        post.create_time.FromDatetime(moment)
    await put(*map(post_document, (first, second, third)))
    await put(account_document(make.account(3, "Carol")))
    expected = {
        "CAT": [2, 1],
        "rooks the": [3, 2],
        "the": [],
        "rooks cat": [2],
        '"not to be"': [1],
        '"be to not"': [],
        "fed -rooks": [1],
        'fed -"rooks fed"': [1],
        "owl": [2],
        "warning": [2],
        "#cats": [3, 1],
        "#Rook_Nests": [3],
        "#rook": [],
        "fed from:carol": [3],
        "fed -from:carol": [1],
        "from:nobody": [],
        f"from:@carol@{DOMAIN}": [3],
        "from:carol@elsewhere.example": [],
        "from:me": [1],
        "has:media": [2],
        "has:image": [2],
        "has:video": [],
        "has:link": [3],
        "is:reply": [3],
        "is:sensitive": [2],
        "language:en": [1],
        "language:en-gb": [1],
        "before:2026-03-01": [1],
        "during:2026-03-01": [2],
        "after:2026-03-01": [3],
        "-during:2026-03-01": [3, 1],
        "after:0001-01-01 before:9999-12-31": [3, 2, 1],
        "roo*": [],
        "c?t": [],
    }
    found = {query: (await find(query, Sought.STATUSES)).post_ids for query in expected}
    assert found == expected


async def test_pages_go_down_from_the_newest(find: Find, put: Put, make: Make) -> None:
    await put(*(post_document(make.post(id_, "rook", author_id=id_ % 2)) for id_ in range(1, 101)))
    pages = [(await find("rook", Sought.STATUSES, limit=40, offset=offset)).post_ids for offset in (0, 40, 80, 120)]
    assert [post_id for page in pages for post_id in page] == list(range(100, 0, -1))
    assert (await find("rook", Sought.STATUSES, max_id=50, min_id=46)).post_ids == [49, 48, 47]
    assert (await find("rook", Sought.STATUSES, max_id=7, author_id=1)).post_ids == [5, 3, 1]


async def test_accounts_are_found_by_beginnings_the_exact_one_first(find: Find, put: Put, make: Make) -> None:
    await put(
        account_document(
            make.account(1, "rookery_fan", display_name="Zoë Smith", discoverable=True, note="I like owls")
        ),
        account_document(make.account(2, "Rook", display_name="A. Nonymous", note="owls, too")),
        account_document(make.account(3, "rook_two", display_name="Rook the Second")),
        account_document(make.account(4, "carol", display_name="Carol of Rookery-upon-Sea")),
        account_document(make.account(5, "a" * 30, display_name="")),
    )
    expected = {
        "rook": [2, 1, 3, 4],
        "@ROOK": [2, 1, 3, 4],
        f"rook@{DOMAIN}": [2, 1, 3, 4],
        "rook@elsewhere.example": [],
        "rook_t": [3],
        "zoe": [1],
        "Zoë Sm": [1],
        "second rook": [3],
        "owls": [1],
        "a" * 29: [5],
        "a" * 31: [],
        "nobody": [],
        "*": [],
    }
    found = {query: (await find(query, Sought.ACCOUNTS, by=0)).account_ids for query in expected}
    assert found == expected
    assert (await find("rook", Sought.ACCOUNTS, limit=2, offset=1)).account_ids == [1, 3]
    assert (await find("rook", Sought.ACCOUNTS, following=True)).account_ids == [2, 4]


async def test_hashtags_have_a_week_of_public_history(find: Find, put: Put, make: Make, clock: FakeClock) -> None:
    now = clock.now()
    moments = [(0, 1), (0, 1), (0, 2), (1, 3), (6, 1), (7, 1)]
    posts = []
    for id_, (days, author_id) in enumerate(moments, 1):
        posts.append(make.post(id_, "", author_id=author_id, tags=["rook", "rookery"] if id_ == 1 else ["rook"]))
        posts[-1].create_time.FromDatetime(now - timedelta(days=days))
    posts.append(make.post(20, "", tags=["rookie"], visibility=VISIBILITIES[2]))
    posts.append(make.post(21, "", tags=["röok"]))
    await put(*map(post_document, posts))
    rook, rookery = (await find("#ROOK", Sought.HASHTAGS, by=0)).hashtags
    assert (rook.name, rookery.name) == ("rook", "rookery")
    midnight = int(now.replace(hour=0).timestamp())
    assert [(day.start, day.uses, day.accounts) for day in rook.history] == [
        (midnight, 3, 2),
        (midnight - 86_400, 1, 1),
        *((midnight - days * 86_400, 0, 0) for days in range(2, 6)),
        (midnight - 6 * 86_400, 1, 1),
    ]
    assert [tag.name for tag in (await find("rö", Sought.HASHTAGS)).hashtags] == ["röok"]
    for query in ("ro.*", ".", "rook|rookery", "[r]ook", '"', "\\", "~", "@&<>#"):
        assert (await find(query, Sought.HASHTAGS)).hashtags == [], query


async def test_an_exact_hashtag_is_found_however_rare(find: Find, put: Put, make: Make) -> None:
    rare = post_document(make.post(1, "", tags=["rook"]))
    common = [post_document(make.post(10 + n, "", tags=[f"rook{n % 50}"])) for n in range(500)]
    await put(rare, *common)
    tags = (await find("rook", Sought.HASHTAGS, limit=5)).hashtags
    assert (tags[0].name, len(tags)) == ("rook", 5)


async def test_without_indices_or_engine_search_is_away(find: Find, clock: FakeClock) -> None:
    with pytest.raises(IndexMissing):
        await find("rook", Sought.STATUSES)
    elastic = Elastic("http://127.0.0.1:1", "search-test")
    finder = Finder(Searches(elastic, Indices(elastic, "x-", MIGRATIONS)), cast(Any, None), clock, DOMAIN)
    with pytest.raises(ElasticUnavailable):
        await finder.find(None, Search("rook", frozenset(Sought), 10))
    await elastic.stop()


WORST = [
    ("a b c d e f g h i j " * 10, Sought.STATUSES),
    ("-a -b -c -d -e -f -g " * 9, Sought.STATUSES),
    ('"a b c d e f g h i j a b c d e f g h" ' * 5, Sought.STATUSES),
    ("#t1 #t2 #t3 #t4 -from:bird1 from:bird2 " * 5, Sought.STATUSES),
    ("after:2000-01-01 has:link language:en " * 5, Sought.STATUSES),
    ("nowhere_to_be_found", Sought.STATUSES),
    ("t", Sought.HASHTAGS),
    ("b", Sought.ACCOUNTS),
    ("b i r d " * 25, Sought.ACCOUNTS),
    ("*?" * 100, Sought.ACCOUNTS),
]


async def test_worst_query_of_a_user_takes_at_most_a_fifth_of_a_second(
    find: Find, indexer: Indexer, elastic: Elastic, indices: Indices, prefix: str, make: Make
) -> None:
    letters = "a b c d e f g h i j "
    for start in range(0, MANY, 2_000):
        ids = range(start + 1, start + 2_001)
        posts = [
            make.post(id_, letters * 12 + f"w{id_}", author_id=id_, tags=[f"t{id_ % 5_000}"], language="en")
            for id_ in ids
        ]
        await indexer.write([document for post in posts if (document := post_document(post)) is not None])
        await indexer.write([account_document(make.account(id_, f"bird{id_}", discoverable=True)) for id_ in ids])
    await elastic.request("refresh", "POST", f"/{prefix}*/_refresh", timeout=30)
    slow = {}
    for query, sought in WORST:
        best = math.inf
        for _ in range(MOST_TRIES):
            begun = time.perf_counter()
            await find(query[:MAX_QUERY_CHARS], sought, offset=360)
            best = min(best, time.perf_counter() - begun)
            if best <= WORST_SECONDS:
                break
        # The best of some is what the query costs: other tests run beside this one.
        slow[f"{sought} {query[:20]}"] = best
    assert max(slow.values()) <= WORST_SECONDS, slow
