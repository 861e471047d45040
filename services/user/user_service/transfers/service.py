"""The rules of exports."""

from __future__ import annotations

from rookery_common.clock import Clock
from rookery_common.paging import CursorCodec
from user_service.errors import FieldInvalid
from user_service.pages import position
from user_service.transfers.exports import ExportRepository
from user_service.transfers.models import MAX_PAGE_SIZE, Kind, Position, Row


class Exports:
    """What accounts take along, page by page."""

    def __init__(self, repository: ExportRepository, cursors: CursorCodec, clock: Clock) -> None:
        self._repository = repository
        self._cursors = cursors
        self._clock = clock

    async def page(self, kind: Kind, account_id: int, page_size: int, token: str) -> tuple[list[Row], str]:
        """What the account has of the kind, and the next page's token (empty on the last). Raises FieldInvalid."""
        if kind is Kind.BOOKMARKS:
            raise FieldInvalid("kind", "must be follows, blocks, mutes or lists", "ERR_INCLUSION")
        if not 0 <= page_size <= MAX_PAGE_SIZE:
            raise FieldInvalid("page_size", f"must be between 1 and {MAX_PAGE_SIZE}")
        route, after = f"export/{kind.name.lower()}", None
        if token:
            after = Position(*(position(self._cursors, route, account_id, token, name) for name in ("list", "id")))
        rows, more = await self._repository.page(kind, account_id, after, page_size or MAX_PAGE_SIZE, self._clock.now())
        if more is None:
            return rows, ""
        return rows, self._cursors.encode(route, account_id, {"list": more.list_id, "id": more.id})
