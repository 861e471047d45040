"""Rows of the archive as Parquet, by arro3; the same rows give the same bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from arro3.core import Array, DataType, Table
from arro3.io import read_parquet, write_parquet

TIME: Final = DataType.timestamp("ms", tz="UTC")
COLUMNS: Final[Mapping[str, DataType]] = {
    "topic": DataType.string(),
    "partition": DataType.int32(),
    "offset": DataType.int64(),
    "event_id": DataType.string(),
    "type": DataType.string(),
    "source": DataType.string(),
    "key": DataType.string(),
    "aggregate_id": DataType.string(),
    "version": DataType.int64(),
    "occurred_at": TIME,
    "facts": DataType.string(),
}
COMPRESSION: Final = "zstd(3)"


def encoded(rows: Sequence[Sequence[Any]]) -> bytes:
    """One file; each row has its values in the order of COLUMNS, times as milliseconds since 1970."""
    columns: dict[str, Any] = {
        name: _column([row[index] for row in rows], kind) for index, (name, kind) in enumerate(COLUMNS.items())
    }
    out = io.BytesIO()
    write_parquet(Table.from_pydict(columns), out, compression=COMPRESSION, created_by="rookery analytics")
    return out.getvalue()


def offsets(data: bytes) -> list[int]:
    """The offsets of a file's rows."""
    table = read_parquet(io.BytesIO(data)).read_all()
    return [int(value) for value in table.column("offset").to_pylist()]


def _column(values: Sequence[Any], kind: DataType) -> Array:
    return Array(values, DataType.int64()).cast(TIME) if kind is TIME else Array(values, kind)
