"""The CQL client against a real engine: statements, batches, LWTs, failures by kind, limits of time and number."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from cassandra import OperationTimedOut, WriteTimeout
from cassandra.cluster import NoHostAvailable, ResponseFuture
from cassandra.protocol import SyntaxException

from rookery_common.clients.calls import UnknownOutcome
from rookery_common.clients.cassandra import Cql, CqlRejected, CqlUnavailable, _translate
from rookery_common.clients.cql_migrations import (
    MigrationChanged,
    MigrationNameWrong,
    SchemaNotAgreed,
    migrate_cql,
    statements,
)
from rookery_common.config import CqlSettings
from rookery_common.errors import DeadlineExceeded
from rookery_common.rpc.deadline import deadline
from rookery_common.testing.cql import emptied_cql
from rookery_common.testing.waiting import eventually

SCHEMA = """
-- Things; by owner.
CREATE TABLE IF NOT EXISTS things (owner bigint, id bigint, note text, PRIMARY KEY (owner, id));
CREATE TABLE IF NOT EXISTS votes (poll bigint PRIMARY KEY, choice int);
"""
STATEMENTS = {
    "insert": "INSERT INTO things (owner, id, note) VALUES (?, ?, ?)",
    "insert_at": "INSERT INTO things (owner, id, note) VALUES (?, ?, ?) USING TIMESTAMP ?",
    "list": "SELECT id, note FROM things WHERE owner = ? LIMIT 20000",
    "get": "SELECT id, note FROM things WHERE owner = :owner AND id = :id",
    "claim": "INSERT INTO things (owner, id, note) VALUES (?, ?, ?) IF NOT EXISTS",
    "vote": "INSERT INTO votes (poll, choice) VALUES (?, ?) IF NOT EXISTS",
    "choice": "SELECT choice FROM votes WHERE poll = ?",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "20260101T0900_create_things.cql").write_text(SCHEMA)
    return tmp_path


@pytest_asyncio.fixture
async def cql(shared_cql_keyspace: CqlSettings, folder: Path) -> AsyncIterator[Cql]:
    await migrate_cql(shared_cql_keyspace, folder)
    async with emptied_cql(shared_cql_keyspace, "test", STATEMENTS, folder) as client:
        yield client


async def test_a_statement_leaves_nothing_to_the_collector_of_cycles(cql: Cql) -> None:
    gc.collect()
    gc.disable()
    try:
        for number in range(100):
            await cql.execute("insert", (1, number, "note"))
            await cql.execute("list", (1,))
        # The driver keeps a timer until it would have ended the statement.
        await eventually(lambda: sum(isinstance(each, ResponseFuture) for each in gc.get_objects()) < 20)
    finally:
        gc.enable()


async def test_rows_come_back_as_named_tuples_by_position_and_by_name(cql: Cql) -> None:
    await cql.execute("insert", (1, 2, "two"))
    assert [(row.id, row.note) for row in await cql.execute("list", (1,))] == [(2, "two")]
    assert (await cql.execute("get", {"owner": 1, "id": 2}))[0].note == "two"
    assert await cql.execute("get", {"owner": 1, "id": 3}) == []
    await cql.check()


async def test_all_pages_of_a_long_partition_are_read(cql: Cql) -> None:
    for start in range(0, 6000, 500):
        await cql.batch([("insert", (1, i, "")) for i in range(start, start + 500)], logged=False)
    assert [row.id for row in await cql.execute("list", (1,))] == list(range(6000))


async def test_a_logged_batch_writes_to_several_partitions_and_tables(cql: Cql) -> None:
    await cql.batch([("insert", (1, 1, "a")), ("insert", (2, 1, "b"))])
    assert [(await cql.execute("list", (owner,)))[0].note for owner in (1, 2)] == ["a", "b"]
    await cql.batch([])


async def test_many_keeps_the_order_and_bounds_what_is_under_way(cql: Cql) -> None:
    await cql.many("insert", [(1, i, str(i)) for i in range(300)], concurrency=8)
    rows = await cql.many("get", [{"owner": 1, "id": i} for i in range(300)])
    assert [row[0].note for row in rows] == [str(i) for i in range(300)]


async def test_a_timestamp_in_the_statement_decides_which_write_wins(cql: Cql) -> None:
    await cql.execute("insert_at", (1, 1, "newer", 2_000))
    await cql.execute("insert_at", (1, 1, "older", 1_000))
    assert (await cql.execute("list", (1,)))[0].note == "newer"


async def test_the_second_conditional_insert_is_told_what_is_in_its_way(cql: Cql) -> None:
    assert await cql.execute_conditional("vote", (1, 5)) == (True, None)
    applied, row = await cql.execute_conditional("vote", (1, 6))
    assert not applied
    assert row is not None
    assert row.choice == 5
    assert (await cql.execute("choice", (1,), serial=True))[0].choice == 5


async def test_a_conditional_batch_applies_all_or_nothing(cql: Cql) -> None:
    assert await cql.batch_conditional([("claim", (1, 1, "a")), ("insert", (1, 2, "b"))]) == (True, [])
    applied, rows = await cql.batch_conditional([("claim", (1, 1, "c")), ("insert", (1, 3, "d"))])
    assert (applied, rows[0].note) == (False, "a")
    assert [row.id for row in await cql.execute("list", (1,))] == [1, 2]


async def test_wrong_values_and_unknown_names_are_defects(cql: Cql) -> None:
    with pytest.raises(CqlRejected):
        await cql.execute("nothing")
    with pytest.raises(CqlRejected):
        await cql.execute("insert", ("one", 2, "two"))


async def test_nothing_is_sent_after_the_deadline(cql: Cql) -> None:
    with deadline(0), pytest.raises(DeadlineExceeded):
        await cql.execute("insert", (1, 1, "late"))
    assert await cql.execute("list", (1,)) == []


async def test_a_wrong_statement_is_named_at_the_start(cql_keyspace: CqlSettings) -> None:
    client = Cql(cql_keyspace, "test", {"wrong_one": "SELECT nothing FROM nowhere"})
    with pytest.raises(CqlRejected, match="wrong_one"):
        await client.start()
    await client.stop()


async def test_a_client_that_is_not_started_is_unavailable(cql_keyspace: CqlSettings) -> None:
    with pytest.raises(CqlUnavailable):
        await Cql(cql_keyspace, "test", {}).check()


@pytest.mark.parametrize(
    ("error", "is_read", "expected"),
    [
        (OperationTimedOut(), True, CqlUnavailable),
        (OperationTimedOut(), False, UnknownOutcome),
        (WriteTimeout("", write_type=0), False, UnknownOutcome),
        (NoHostAvailable("", {}), False, CqlUnavailable),
        (NoHostAvailable("", {"a": OperationTimedOut()}), False, UnknownOutcome),
        (SyntaxException(0, "", None), False, CqlRejected),
    ],
)
def test_a_failed_write_is_clean_only_when_it_was_not_sent(error: Exception, is_read: bool, expected: type) -> None:
    assert type(_translate(error, is_read)) is expected


async def test_only_new_files_run(cql_keyspace: CqlSettings, folder: Path) -> None:
    assert await migrate_cql(cql_keyspace, folder) == ["20260101T0900"]
    assert await migrate_cql(cql_keyspace, folder) == []
    (folder / "20260102T0900_add_note.cql").write_text("ALTER TABLE votes ADD IF NOT EXISTS note text;\n")
    assert await migrate_cql(cql_keyspace, folder) == ["20260102T0900"]


async def test_a_released_file_that_changed_is_refused(cql_keyspace: CqlSettings, folder: Path) -> None:
    await migrate_cql(cql_keyspace, folder)
    (folder / "20260101T0900_create_things.cql").write_text(SCHEMA + "-- changed\n")
    with pytest.raises(MigrationChanged, match="20260101T0900"):
        await migrate_cql(cql_keyspace, folder)


async def test_a_wrong_file_name_is_told(cql_keyspace: CqlSettings, folder: Path) -> None:
    (folder / "things.cql").write_text("")
    with pytest.raises(MigrationNameWrong, match=r"things\.cql"):
        await migrate_cql(cql_keyspace, folder)


@pytest.fixture
def _short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rookery_common.clients.cql_migrations.WAIT_SECONDS", 0.5)


@pytest.mark.usefixtures("_short_wait")
async def test_a_runner_waits_for_the_one_that_holds_the_lease(cql_keyspace: CqlSettings, folder: Path) -> None:
    await migrate_cql(cql_keyspace, folder)
    other = Cql(
        cql_keyspace, "test", {"take": "INSERT INTO schema_lease (scope, holder) VALUES ('schema', 'x') IF NOT EXISTS"}
    )
    await other.start()
    await other.execute("take")
    (folder / "20260102T0900_add_note.cql").write_text("ALTER TABLE votes ADD IF NOT EXISTS note text;\n")
    with pytest.raises(SchemaNotAgreed):
        await migrate_cql(cql_keyspace, folder)
    await other.stop()


def test_statements_end_with_a_semicolon_at_a_lines_end() -> None:
    text = "-- first; note\nCREATE TABLE a (\n  -- why; here\n  id int\n);\nINSERT INTO a (note) VALUES ('x;y');"
    assert statements(text) == ["CREATE TABLE a (\n\n  id int\n)", "INSERT INTO a (note) VALUES ('x;y')"]
