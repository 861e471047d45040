"""Lists of accounts by a cursor of their own service, which travels as `max_id`: clients hand it back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway_service.errors import invalid
from gateway_service.params import Params
from rookery_common.errors import InvalidArgument

PAGE_ACCOUNTS, MOST_ACCOUNTS = 40, 80
MAX_CURSOR_CHARS = 1024


def list_page(params: Params) -> tuple[int, str]:
    """How many are asked for, and from where on."""
    size = min(params.integer("limit", 1, 1_000_000) or PAGE_ACCOUNTS, MOST_ACCOUNTS)
    return size, params.text("max_id", MAX_CURSOR_CHARS) or ""


@contextmanager
def cursor_refused() -> Iterator[None]:
    """A cursor that is not of the list is named as clients know it."""
    try:
        yield
    except InvalidArgument as error:
        if any(violation.field == "page_token" for violation in error.fields):
            raise invalid("max_id", "is not of this list") from None
        raise
