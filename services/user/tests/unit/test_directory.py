"""Pages of the directory."""

from __future__ import annotations

from typing import cast

import pytest

from user_service.directory.models import MAX_LISTED, Order
from user_service.directory.repository import DirectoryRepository
from user_service.directory.service import Directory
from user_service.errors import FieldInvalid


class Crowd:
    """More accounts than are ever listed."""

    def __init__(self) -> None:
        self.read = 0

    async def first(self, _order: Order, limit: int) -> list[int]:
        self.read += limit
        return list(range(limit))


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


@pytest.fixture
def directory(crowd: Crowd) -> Directory:
    return Directory(cast(DirectoryRepository, crowd))


@pytest.mark.parametrize(
    ("offset", "size", "page"),
    [(0, 2, [0, 1]), (3, 2, [3, 4]), (MAX_LISTED - 1, 80, [MAX_LISTED - 1]), (5, 0, list(range(5, 85)))],
)
async def test_a_page_begins_at_its_offset(directory: Directory, offset: int, size: int, page: list[int]) -> None:
    assert await directory.page(Order.NEW, offset, size) == page


async def test_nothing_is_read_beyond_the_end(directory: Directory, crowd: Crowd) -> None:
    assert (await directory.page(Order.ACTIVE, MAX_LISTED, 80), crowd.read) == ([], 0)


@pytest.mark.parametrize(("offset", "size", "field"), [(-1, 10, "offset"), (0, 81, "page_size"), (0, -1, "page_size")])
async def test_a_page_that_is_none_is_refused(directory: Directory, offset: int, size: int, field: str) -> None:
    with pytest.raises(FieldInvalid) as refused:
        await directory.page(Order.NEW, offset, size)
    assert refused.value.fields[0].field == field
