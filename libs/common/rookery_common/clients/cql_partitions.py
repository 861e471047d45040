"""Writing many rows: those of a partition together, and of some partitions at a time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Final

from rookery_common.clients.cassandra import Args, Cql
from rookery_common.side_by_side import side_by_side

ROWS_AT_ONCE: Final = 100
PARTITIONS_AT_ONCE: Final = 16
# A statement's name, and its values.
Write = tuple[str, Args]


async def put_partitions(
    cql: Cql,
    name: str,
    partitions: Iterable[Sequence[Args]],
    *,
    rows_at_once: int = ROWS_AT_ONCE,
    at_once: int = PARTITIONS_AT_ONCE,
) -> None:
    """The named statement for each row, in no order. The first failure is raised, and ends what is under way."""
    await _put(cql, ([(name, row) for row in rows] for rows in partitions), rows_at_once, at_once)


async def put_together(
    cql: Cql,
    writes: Iterable[tuple[Hashable, Write]],
    *,
    rows_at_once: int = ROWS_AT_ONCE,
    at_once: int = PARTITIONS_AT_ONCE,
) -> None:
    """As `put_partitions`, for statements by what they are about, of which there are a few partitions in some tables.

    Those about one thing go together: a statement costs its client far more than the two or three partitions of such a
    batch cost the node that coordinates it.
    """
    parts: dict[Hashable, list[Write]] = {}
    for about, write in writes:
        parts.setdefault(about, []).append(write)
    await _put(cql, parts.values(), rows_at_once, at_once)


async def _put(cql: Cql, groups: Iterable[Sequence[Write]], rows_at_once: int, at_once: int) -> None:
    parts = [rows[first : first + rows_at_once] for rows in groups for first in range(0, len(rows), rows_at_once)]
    todo = iter(parts)

    async def work() -> None:
        for part in todo:
            if len(part) == 1:
                await cql.execute(*part[0])
            else:
                await cql.batch(part, logged=False)

    await side_by_side(work, min(at_once, len(parts)))
