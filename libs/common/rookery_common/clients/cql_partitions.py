"""Writing many rows: those of a partition together, small partitions with others, and some statements at a time.

A statement costs its client far more than the few partitions of such a batch cost the node that coordinates it: that of
a post with a hundred followers has some fifty partitions of a row or two.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final

from rookery_common.clients.cassandra import Args, Cql
from rookery_common.side_by_side import side_by_side

ROWS_AT_ONCE: Final = 100
STATEMENTS_AT_ONCE: Final = 16
# A small part of what ScyllaDB warns of (128 KiB), or the local engine; whoever has half of the rows goes alone.
PARTITIONS_TOGETHER: Final = 32
ROWS_TOGETHER: Final = 64
# A statement's name, and its values.
Write = tuple[str, Args]


async def put_partitions(
    cql: Cql,
    name: str,
    partitions: Iterable[Sequence[Args]],
    *,
    rows_at_once: int = ROWS_AT_ONCE,
    at_once: int = STATEMENTS_AT_ONCE,
) -> None:
    """The named statement for each row, in no order. The first failure is raised, and ends what is under way."""
    groups = ([(name, row) for row in rows] for rows in partitions)
    await _put(cql, _together(groups, rows_at_once, lambda rows: 1), at_once)


async def put_together(
    cql: Cql,
    writes: Iterable[tuple[Hashable, Write]],
    *,
    rows_at_once: int = ROWS_AT_ONCE,
    at_once: int = STATEMENTS_AT_ONCE,
) -> None:
    """As `put_partitions`, for statements by what they are about: those about one thing go together, whose rows may be
    of as many partitions."""
    parts: dict[Hashable, list[Write]] = {}
    for about, write in writes:
        parts.setdefault(about, []).append(write)
    await _put(cql, _together(parts.values(), rows_at_once, len), at_once)


def _together(
    groups: Iterable[Sequence[Write]], rows_at_once: int, partitions: Callable[[Sequence[Write]], int]
) -> list[list[Write]]:
    """The groups in statements: large ones in some of their own, small ones with others."""
    statements: list[list[Write]] = []
    shared: list[Write] = []
    room = 0
    for rows in groups:
        if len(rows) > ROWS_TOGETHER // 2:
            statements += (list(rows[first : first + rows_at_once]) for first in range(0, len(rows), rows_at_once))
            continue
        if room < partitions(rows) or len(shared) + len(rows) > ROWS_TOGETHER:
            shared, room = [], PARTITIONS_TOGETHER
            statements.append(shared)
        shared += rows
        room -= partitions(rows)
    return statements


async def _put(cql: Cql, statements: list[list[Write]], at_once: int) -> None:
    todo = iter(statements)

    async def work() -> None:
        for rows in todo:
            if len(rows) == 1:
                await cql.execute(*rows[0])
            else:
                await cql.batch(rows, logged=False)

    await side_by_side(work, min(at_once, len(statements)))
