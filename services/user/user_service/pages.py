"""Tokens of pages: where the next one of a list begins."""

from __future__ import annotations

from rookery_common.paging import CursorCodec, InvalidCursor
from user_service.errors import FieldInvalid


def position(cursors: CursorCodec, route: str, viewer: int, token: str, name: str) -> int:
    """What a token says. Raises FieldInvalid for one that is not of this list and viewer."""
    try:
        return int(cursors.decode(route, viewer, token)[name])
    except InvalidCursor:
        raise FieldInvalid("page_token", "is not a token of this list") from None
