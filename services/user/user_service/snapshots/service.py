"""The rules of snapshots."""

from __future__ import annotations

from typing import Final

from rookery_common.paging import CursorCodec, InvalidCursor
from user_service.errors import FieldInvalid
from user_service.relationships.models import Follow, Pair
from user_service.snapshots.repository import SnapshotRepository

MAX_PAGE: Final = 2_000
_FOLLOWS: Final = "snapshot_follows"
_START: Final = (0, 0)


class Snapshots:
    """Pages of all that there is, each with the next one's token (empty on the last)."""

    def __init__(self, repository: SnapshotRepository, cursors: CursorCodec) -> None:
        self._repository = repository
        self._cursors = cursors

    async def follows(self, page_size: int, token: str) -> tuple[list[Follow], str]:
        """Every follow by its two ends, with its state and version. Raises FieldInvalid."""
        if not 0 <= page_size <= MAX_PAGE:
            raise FieldInvalid("page_size", f"must be between 1 and {MAX_PAGE}")
        limit = page_size or MAX_PAGE
        found = await self._repository.follows(self._position(token) if token else _START, limit)
        if len(found) < limit:
            return found, ""
        last = found[-1]
        return found, self._cursors.encode(_FOLLOWS, 0, {"follower": last.follower_id, "followee": last.followee_id})

    def _position(self, token: str) -> Pair:
        try:
            values = self._cursors.decode(_FOLLOWS, 0, token)
        except InvalidCursor:
            raise FieldInvalid("page_token", "is not a token of this list") from None
        return int(values["follower"]), int(values["followee"])
