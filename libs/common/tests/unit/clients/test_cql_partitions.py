from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import pytest

from rookery_common.clients.cassandra import Args, Cql
from rookery_common.clients.cql_partitions import (
    PARTITIONS_TOGETHER,
    ROWS_TOGETHER,
    put_partitions,
    put_together,
)

Row = tuple[int, int]


class Statements:
    """Notes what would be sent: each statement by the rows that it has."""

    def __init__(self) -> None:
        self.sent: list[list[Row]] = []

    async def execute(self, name: str, args: Args) -> None:
        self.sent.append([cast(Row, args)])

    async def batch(self, entries: Iterable[tuple[str, Args]], *, logged: bool = True) -> None:
        assert not logged
        self.sent.append([cast(Row, args) for _, args in entries])


async def _put(*sizes: int, rows_at_once: int = 100) -> list[list[Row]]:
    statements = Statements()
    partitions = [[(place, row) for row in range(size)] for place, size in enumerate(sizes)]
    await put_partitions(cast(Cql, statements), "put", partitions, rows_at_once=rows_at_once)
    sent = sorted(row for statement in statements.sent for row in statement)
    assert sent == sorted(row for rows in partitions for row in rows), "each row once"
    return statements.sent


async def test_a_row_alone_is_no_batch() -> None:
    assert await _put(1) == [[(0, 0)]]
    assert await _put() == []


async def test_small_partitions_go_together_as_far_as_no_engine_warns() -> None:
    sent = await _put(*[1] * (2 * PARTITIONS_TOGETHER + 5))
    assert [len(statement) for statement in sent] == [PARTITIONS_TOGETHER, PARTITIONS_TOGETHER, 5]
    sent = await _put(*[ROWS_TOGETHER // 5] * 12)
    assert max(len(statement) for statement in sent) <= ROWS_TOGETHER
    assert len(sent) == 3


async def test_a_large_partition_has_statements_of_its_own() -> None:
    sent = await _put(1, 250, 1)
    assert sorted(len({row[0] for row in statement}) for statement in sent) == [1, 1, 1, 2]
    assert sorted(len(statement) for statement in sent) == [2, 50, 100, 100]


async def test_what_is_about_one_thing_is_never_parted() -> None:
    statements = Statements()
    writes = [(about, ("put", (about, row))) for row in range(4) for about in range(9)]
    await put_together(cast(Cql, statements), writes)
    abouts = [{row[0] for row in statement} for statement in statements.sent]
    assert sum(len(about) for about in abouts) == 9
    assert all(len(statement) <= PARTITIONS_TOGETHER for statement in statements.sent)


async def test_the_first_failure_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ConnectionError("gone")

    monkeypatch.setattr(Statements, "batch", fail)
    with pytest.raises(ConnectionError):
        await _put(*[1] * 3 * PARTITIONS_TOGETHER)
