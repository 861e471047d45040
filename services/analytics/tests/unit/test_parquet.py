from __future__ import annotations

import io
from dataclasses import astuple
from typing import Any

from arro3.io import read_parquet

from analytics_service import parquet


def test_a_file_holds_its_rows_and_the_same_rows_give_the_same_bytes(row: Any) -> None:
    rows = [list(astuple(row(offset))) for offset in (7, 9)]
    data = parquet.encoded(rows)
    assert parquet.encoded(rows) == data
    assert parquet.offsets(data) == [7, 9]
    table = read_parquet(io.BytesIO(data)).read_all()
    assert table.column_names == list(parquet.COLUMNS)
    assert table.column("occurred_at").to_pylist()[0].isoformat() == "2026-03-01T12:00:00+00:00"
    assert table.column("facts").to_pylist() == ['{"post":{"post_id":1}}'] * 2
