"""How Postgres finds what is asked for all the time, in tables that are large: by an index, and no more than a page."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from rookery_common.clients.postgres import Postgres
from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.ids import MAX_ID
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.testing.engines import postgres_database
from rookery_common.testing.events import FakeProducer
from user_service.app import MIGRATIONS
from user_service.deletions import own
from user_service.directory.models import MAX_LISTED, Order
from user_service.directory.repository import LISTS as DIRECTORY
from user_service.featured_tags.repository import FEATURED_TAGS, SUGGESTED_TAGS
from user_service.lists import repository as lists
from user_service.lists.models import MAX_LISTS
from user_service.relationships import statements as sql
from user_service.relationships.models import FAMILIAR_AMONG, MAX_FAMILIAR
from user_service.relationships.repository import RelationshipRepository
from user_service.repository import ACCOUNTS_WITH_COUNTS, LIST_ACCOUNTS, LOOKUP
from user_service.snapshots.repository import FOLLOWS as SNAPSHOT_FOLLOWS
from user_service.suggestions import repository as suggestions
from user_service.suggestions.models import CANDIDATES, FRIENDS, FRIENDS_OF_EACH
from user_service.tags.repository import FOLLOWED_TAGS
from user_service.transfers import exports, imports
from user_service.transfers.models import MAX_PAGE_SIZE, Kind

# Enough that reading any of the tables from end to end costs the planner far more than an index.
# `make plans` has a million.
FOLLOWS = int(os.environ.get("ROOKERY_PLANS_FOLLOWS", "50000"))
STAR, NEIGHBOUR, NEIGHBOURS, VIEWER = 1, 2, 100, 50
PAGE = 80
CLIENT = "plans"
FILL_SECONDS = 600.0
_FILL = f"""
INSERT INTO accounts (account_id, username, display_name, note, locked, bot, discoverable, indexable, avatar_url,
                      header_url, fields, created_at, version)
SELECT n, 'user' || n, '', '', false, false, false, false, '', '', '[]', now(), 1 FROM generate_series(1, {FOLLOWS}) n;
INSERT INTO usernames (username_key, account_id) SELECT 'user' || n, n FROM generate_series(1, {FOLLOWS}) n;
INSERT INTO follows_by_followee SELECT {STAR}, n, n FROM generate_series(10, {FOLLOWS}) n;
INSERT INTO follows_by_followee SELECT {NEIGHBOUR}, n, n FROM generate_series(10, 9 + {NEIGHBOURS}) n;
INSERT INTO follows_by_follower (follower_id, followee_id, follow_id, followed_at, reblogs, notify, languages, active,
                                 version)
SELECT n, {STAR}, n, now(), true, false, '{{}}', true, 1 FROM generate_series(10, {FOLLOWS}) n;
INSERT INTO blocks_by_blocker SELECT n, {STAR}, n, now(), true, 1 FROM generate_series(10, {FOLLOWS} / 4) n;
INSERT INTO blocks_by_blocked SELECT {STAR}, n FROM generate_series(10, {FOLLOWS} / 4) n;
INSERT INTO mutes SELECT n, {STAR}, n, now(), true, NULL, true, 1 FROM generate_series(10, {FOLLOWS} / 4) n;
INSERT INTO follow_requests SELECT {STAR}, n, n FROM generate_series(10, {FOLLOWS} / 4) n;
INSERT INTO lists (account_id, list_id, title, replies_policy, exclusive)
SELECT n, n, 'Birds', 2, true FROM generate_series(10, {FOLLOWS} / 4) n;
INSERT INTO list_members SELECT n, n, {STAR}, true FROM generate_series(10, {FOLLOWS} / 4) n;
UPDATE accounts SET discoverable = true, last_status_on = current_date - (account_id % 400)::int
WHERE account_id % 2 = 0;
INSERT INTO remarks SELECT n, {STAR}, 'Met in the woods', n FROM generate_series(10, {FOLLOWS} / 4) n;
INSERT INTO account_counts (account_id, slot, followers)
SELECT n, 0, {FOLLOWS} - n FROM generate_series(1, {FOLLOWS} - 1) n;
INSERT INTO dismissed_suggestions SELECT n, {STAR} FROM generate_series(10, {FOLLOWS} / 4) n;
INSERT INTO mutes SELECT n, 2, n, now(), true, now() + n * interval '1 minute', true, 1
FROM generate_series(10, {FOLLOWS} / 4) n;
INSERT INTO featured_tags SELECT n / 10, 'tag' || n, n FROM generate_series(10, {FOLLOWS} / 4) n;
INSERT INTO tag_counts SELECT n / 50, 'tag' || n, n % 7, now() FROM generate_series(10, {FOLLOWS} / 4) n;
INSERT INTO tag_counts SELECT {VIEWER}, 'own' || n, n, now() FROM generate_series(1, {FOLLOWS} / 4) n;
INSERT INTO followed_tags SELECT n / 50, 'tag' || n, n FROM generate_series(10, {FOLLOWS} / 4) n;
INSERT INTO imports (account_id, import_id, kind, mode, total, created_at, finished_at, due_at)
SELECT n, n, 1, 1, 1, now(), CASE WHEN n % 100 > 0 THEN now() END, now() FROM generate_series(10, {FOLLOWS} / 4) n;
INSERT INTO import_rows (account_id, import_id, line, username, list_title, settings, state)
SELECT n, n, 1, 'x', '', '{{}}', 2 FROM generate_series(10, {FOLLOWS} / 4) n;
ANALYZE;
"""  # noqa: S608 - our own numbers
HOT: dict[str, tuple[str, tuple[object, ...]]] = {
    "relationships": (sql.RELATIONSHIPS, ([VIEWER] * 40, list(range(1, 41)))),
    "ties": (sql.TIES, ([VIEWER], [STAR])),
    "followers": (sql.FOLLOWERS, (STAR, MAX_ID, PAGE + 1)),
    "following": (sql.FOLLOWING, (VIEWER, MAX_ID, PAGE + 1)),
    "requests": (sql.REQUESTS, (STAR, MAX_ID, PAGE + 1)),
    "blocks": (sql.BLOCKS, (VIEWER, MAX_ID, PAGE + 1)),
    "lists_with": (lists.LISTS_WITH, (VIEWER, MAX_LISTS, STAR)),
    "list_members": (lists.MEMBERS, (VIEWER, VIEWER, MAX_ID, PAGE + 1)),
    "export_follows": (exports.FOLLOWS, (VIEWER, MAX_ID, MAX_PAGE_SIZE + 1)),
    "export_blocks": (exports.BLOCKS, (VIEWER, MAX_ID, MAX_PAGE_SIZE + 1)),
    "export_mutes": (exports.MUTES, (VIEWER, MAX_ID, MAX_PAGE_SIZE + 1, datetime.now(UTC))),
    "export_lists": (exports.LISTS, (VIEWER, 0, MAX_PAGE_SIZE + 1, 0)),
    "import_claim": (imports.CLAIM, (datetime.now(UTC), datetime.now(UTC))),
    "import_waiting_rows": (imports.WAITING_ROWS, (VIEWER, VIEWER, 25)),
    "import_unnamed": (imports.UNNAMED[Kind.FOLLOWS], (VIEWER, MAX_ID, 25)),
    "followed_tags": (FOLLOWED_TAGS, (VIEWER, MAX_ID, PAGE + 1)),
    "featured_tags": (FEATURED_TAGS, (VIEWER,)),
    "suggested_tags": (SUGGESTED_TAGS, (VIEWER,)),
    "directory, active": (DIRECTORY[Order.ACTIVE], (MAX_LISTED,)),
    "directory, new": (DIRECTORY[Order.NEW], (MAX_LISTED,)),
    "end_with_follow": (sql.END_WITH_FOLLOW, (VIEWER, STAR)),
    "friends_of_friends": (suggestions.FRIENDS_OF_FRIENDS, (VIEWER, FRIENDS, FRIENDS_OF_EACH, CANDIDATES)),
    "most_followed": (suggestions.MOST_FOLLOWED, (CANDIDATES,)),
    "suitable": (suggestions.SUITABLE, (VIEWER, list(range(1, 2 * CANDIDATES)), PAGE, datetime.now(UTC))),
    "endorsements": (sql.ENDORSEMENTS, (VIEWER, MAX_ID, PAGE + 1)),
    "familiar_followers": (sql.FAMILIAR_FOLLOWERS, (VIEWER, list(range(1, 41)), FAMILIAR_AMONG, MAX_FAMILIAR)),
    "expired_mutes": (sql.EXPIRED_MUTES, (datetime.now(UTC), 200)),
    "erase_follow_pairs": (own.FOLLOWS, (VIEWER, own.PAIRS)),
    "erase_block_pairs": (own.BLOCKS, (VIEWER, own.PAIRS)),
    "erase_mutes_of": (own.DELETE_ROWS.format(table="mutes", column="muted_id"), (VIEWER, own.ROWS)),
    "erase_remarks_of": (own.DELETE_ROWS.format(table="remarks", column="target_id"), (VIEWER, own.ROWS)),
    "blocked_by": (sql.BLOCKED_BY, (STAR, VIEWER)),
    "accounts_with_counts": (ACCOUNTS_WITH_COUNTS, (list(range(1, 41)), 40)),
    "accounts_lookup": (LOOKUP, ([f"user{number}" for number in range(1, 41)], 40)),
    "accounts_list": (LIST_ACCOUNTS, (FOLLOWS // 2, 200)),
    "snapshot_follows": (SNAPSHOT_FOLLOWS, (FOLLOWS // 2, STAR, 2_000)),
}


@pytest.fixture(scope="module")
def filled() -> Iterator[str]:
    """A database with one account that everybody follows, and many others, for all tests of this file."""
    database = postgres_database()
    with asyncio.Runner() as runner:
        dsn = runner.run(database.__aenter__())
        try:
            runner.run(_fill(dsn))
            yield dsn
        finally:
            runner.run(database.__aexit__(None, None, None))


async def _fill(dsn: str) -> None:
    await migrate_postgres(dsn, MIGRATIONS)
    connection = await asyncpg.connect(dsn, timeout=10, command_timeout=FILL_SECONDS)
    try:
        await connection.execute(_FILL)
    finally:
        await connection.close()


@pytest_asyncio.fixture
async def raw(filled: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(filled, timeout=10, command_timeout=FILL_SECONDS)
    yield connection
    await connection.close()


async def _explain(raw: asyncpg.Connection, options: str, name: str, args: tuple[object, ...]) -> dict[str, Any]:
    text = await raw.fetchval(f"EXPLAIN ({options}, FORMAT JSON) {HOT[name][0]}", *args)
    plan: dict[str, Any] = json.loads(text)[0]["Plan"]
    return plan


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


@pytest.mark.parametrize("name", HOT)
async def test_nothing_hot_reads_a_table_from_end_to_end(raw: asyncpg.Connection, name: str) -> None:
    nodes = list(_nodes(await _explain(raw, "COSTS", name, HOT[name][1])))
    assert [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"] == []
    assert any("Index" in node["Node Type"] for node in nodes)


@pytest.mark.parametrize("name", ["relationships", "ties"])
async def test_one_plan_serves_however_many_pairs_are_asked_for(raw: asyncpg.Connection, name: str) -> None:
    statement = await raw.prepare(HOT[name][0])
    for count in (1, 3, 1, 20, 2, 7, 1, 40, 5, 1):
        await statement.fetch([VIEWER] * count, list(range(1, count + 1)))
    query = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1"
    # The server tries five plans of their own before it keeps one.
    assert [tuple(row) for row in await raw.fetch(query, HOT[name][0])] == [(5, 5)]


async def test_a_page_of_followers_costs_a_star_what_it_costs_anybody(raw: asyncpg.Connection) -> None:
    costs = []
    for account in (STAR, NEIGHBOUR):
        plan = await _explain(raw, "ANALYZE, BUFFERS", "followers", (account, MAX_ID, PAGE + 1))
        assert plan["Actual Rows"] == PAGE + 1
        assert all(node["Actual Rows"] <= PAGE + 1 for node in _nodes(plan))
        costs.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
    # The rows lie side by side either way; the index of a large table is a level or two deeper.
    assert costs[0] <= costs[1] + 3


def _statements() -> float:
    samples = (sample for metric in REGISTRY.collect() for sample in metric.samples)
    return sum(
        sample.value
        for sample in samples
        if sample.name == "rookery_postgres_calls_total"
        and sample.labels["client"] == CLIENT
        and sample.labels["statement"] != "acquire"
    )


@pytest_asyncio.fixture
async def repository(filled: str) -> AsyncIterator[RelationshipRepository]:
    pg = Postgres(filled, pool_size=1, name=CLIENT)
    await pg.start()
    yield RelationshipRepository(pg, PostgresOutbox(pg, FakeProducer(), "user"))
    await pg.stop()


async def test_what_one_is_to_forty_accounts_is_one_statement(repository: RelationshipRepository) -> None:
    before = _statements()
    found = await repository.relationships([(VIEWER, account) for account in range(1, 41)])
    assert len(found) == 40
    assert found[VIEWER, STAR].following
    assert _statements() - before == 1


@pytest.mark.parametrize("account", [STAR, NEIGHBOUR])
async def test_a_page_of_followers_is_one_statement(repository: RelationshipRepository, account: int) -> None:
    before = _statements()
    page = await repository.followers(account, MAX_ID, PAGE, primary=True)
    assert (len(page.items), _statements() - before) == (PAGE, 1)
