"""Writing many rows: those of a partition together, and of some partitions at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rookery_common.clients.cassandra import Args, Cql
from rookery_common.side_by_side import side_by_side

ROWS_AT_ONCE: Final = 100
PARTITIONS_AT_ONCE: Final = 16


async def put_partitions(
    cql: Cql,
    name: str,
    partitions: Iterable[Sequence[Args]],
    *,
    rows_at_once: int = ROWS_AT_ONCE,
    at_once: int = PARTITIONS_AT_ONCE,
) -> None:
    """The named statement for each row, in no order. The first failure is raised, and ends what is under way."""
    parts = [rows[first : first + rows_at_once] for rows in partitions for first in range(0, len(rows), rows_at_once)]
    todo = iter(parts)

    async def work() -> None:
        for part in todo:
            if len(part) == 1:
                await cql.execute(name, part[0])
            else:
                await cql.batch([(name, row) for row in part], logged=False)

    await side_by_side(work, min(at_once, len(parts)))
