"""User: what accounts take along and bring."""

from __future__ import annotations

from typing import Any

from gateway_fakes.service import FakeService
from rookery.user.v1 import transfer_service_pb2 as pb
from rookery_common.auth import Identity
from rookery_common.errors import NotFound

IMPORT_BASE = 90_000


class FakeTransfers(FakeService):
    """Everybody has the same rows, by their kinds; pages are as long as asked for."""

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self.rows: dict[int, list[pb.TransferRow]] = {}
        self.imports: dict[int, pb.Import] = {}
        self.failures: list[pb.FailedRow] = []

    def ExportRows(self, request: pb.ExportRowsRequest, who: Identity | None) -> Any:
        assert who is not None
        assert "security" in who.scopes
        start, rows = int(request.page_token or 0), self.rows.get(request.kind, [])
        end = start + request.page_size
        return pb.ExportRowsResponse(rows=rows[start:end], next_page_token=str(end) if end < len(rows) else "")

    def CreateImport(self, request: pb.CreateImportRequest, who: Identity | None) -> Any:
        assert who is not None
        made = pb.Import(
            import_id=IMPORT_BASE + len(self.imports), kind=request.kind, mode=request.mode, total=len(request.rows)
        )
        made.create_time.FromSeconds(1_700_000_000)
        self.imports[made.import_id] = made
        return pb.CreateImportResponse(progress=made)

    def ListImports(self, _request: Any, _who: Any) -> Any:
        return pb.ListImportsResponse(imports=reversed(self.imports.values()))

    def GetImport(self, request: pb.GetImportRequest, _who: Any) -> Any:
        if request.import_id not in self.imports:
            raise NotFound("No such import")
        return pb.GetImportResponse(progress=self.imports[request.import_id])

    def ListFailedRows(self, request: pb.ListFailedRowsRequest, _who: Any) -> Any:
        left = [row for row in self.failures if row.row.line > request.after_line]
        return pb.ListFailedRowsResponse(rows=left[: request.page_size], more=len(left) > request.page_size)
