"""What a page of a list may be asked for by."""

from __future__ import annotations

from post_service.errors import InvalidField
from post_service.models import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, AccountPostsQuery, ListBounds


def checked_size(page_size: int) -> int:
    """The size, or the usual one for 0. Raises InvalidField."""
    if not 0 <= page_size <= MAX_PAGE_SIZE:
        raise InvalidField("page_size", "ERR_INVALID", f"must be between 1 and {MAX_PAGE_SIZE}")
    return page_size or DEFAULT_PAGE_SIZE


def check_id(field: str, number: int) -> None:
    """Raises InvalidField for what can be no id; 0 stands for none."""
    if number < 0:
        raise InvalidField(field, "ERR_INVALID", "is not an id")


def check_bounds(query: ListBounds | AccountPostsQuery) -> int:
    """The page's size. Raises InvalidField."""
    size = checked_size(query.page_size)
    for field, bound in (("max_id", query.max_id), ("min_id", query.min_id), ("since_id", query.since_id)):
        check_id(field, bound)
    return size
