"""Uploads in parts, in CQL; each row goes by itself after a day."""

from __future__ import annotations

from datetime import UTC

from post_service.models import Focus
from post_service.part_upload_models import MAX_OPEN_UPLOADS, OPEN_SECONDS, PartUpload
from rookery_common.clients.cassandra import Cql, Row


class PartUploadRepository:
    """Reads and writes those that are open."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def of(self, account_id: int) -> list[PartUpload]:
        """All of an account's; there are few."""
        rows = await self._cql.execute("part_uploads_of", (account_id, MAX_OPEN_UPLOADS * 4))
        return [_upload(account_id, row) for row in rows]

    async def find(self, account_id: int, upload_id: int) -> PartUpload | None:
        rows = await self._cql.execute("part_upload_get", (account_id, upload_id))
        return _upload(account_id, rows[0]) if rows else None

    async def put(self, upload: PartUpload) -> None:
        values = (
            upload.account_id,
            upload.upload_id,
            upload.store_id,
            upload.folder,
            upload.size,
            upload.expires_at,
            upload.filename,
            upload.content_type,
            upload.description,
            upload.focus.x,
            upload.focus.y,
        )
        await self._cql.execute("part_upload_put", (*values, OPEN_SECONDS))

    async def remove(self, upload: PartUpload) -> None:
        await self._cql.execute("part_upload_delete", (upload.account_id, upload.upload_id))


def _upload(account_id: int, row: Row) -> PartUpload:
    return PartUpload(
        upload_id=row.upload_id,
        account_id=account_id,
        store_id=row.store_id,
        folder=row.folder,
        size=row.size,
        expires_at=row.expires_at.replace(tzinfo=UTC),
        filename=row.filename or "",
        content_type=row.content_type or "",
        description=row.description or "",
        focus=Focus(row.focus_x or 0.0, row.focus_y or 0.0),
    )
