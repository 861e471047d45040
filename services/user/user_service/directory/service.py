"""The rules of the directory."""

from __future__ import annotations

from user_service.directory.models import MAX_LISTED, MAX_PAGE, CommunityCounts, Order
from user_service.directory.repository import DirectoryRepository
from user_service.errors import FieldInvalid


class Directory:
    """Lists who wishes to be found."""

    def __init__(self, repository: DirectoryRepository) -> None:
        self._repository = repository

    async def page(self, order: Order, offset: int, size: int) -> list[int]:
        """Accounts from the offset on; none beyond the first 1,000. Raises FieldInvalid."""
        if offset < 0:
            raise FieldInvalid("offset", "must not be negative")
        if not 0 <= size <= MAX_PAGE:
            raise FieldInvalid("page_size", f"must be between 1 and {MAX_PAGE}")
        end = min(offset + (size or MAX_PAGE), MAX_LISTED)
        return (await self._repository.first(order, end))[offset:] if offset < end else []

    async def counts(self) -> CommunityCounts:
        """How large the community is."""
        return await self._repository.counts()
