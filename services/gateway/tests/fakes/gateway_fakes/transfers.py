"""User: what accounts take along."""

from __future__ import annotations

from typing import Any

from gateway_fakes.service import FakeService
from rookery.user.v1 import transfer_service_pb2 as pb
from rookery_common.auth import Identity


class FakeTransfers(FakeService):
    """Everybody has the same rows, by their kinds; pages are as long as asked for."""

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self.rows: dict[int, list[pb.TransferRow]] = {}

    def ExportRows(self, request: pb.ExportRowsRequest, who: Identity | None) -> Any:
        assert who is not None
        assert "security" in who.scopes
        start, rows = int(request.page_token or 0), self.rows.get(request.kind, [])
        end = start + request.page_size
        return pb.ExportRowsResponse(rows=rows[start:end], next_page_token=str(end) if end < len(rows) else "")
