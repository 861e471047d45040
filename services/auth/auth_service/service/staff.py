"""Whom roles make members of the staff, for services that tell them something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from auth_service.errors import ValidationFailed
from auth_service.models import PERMISSIONS
from auth_service.repository import AuthRepository
from rookery_common.errors import FieldViolation

MAX_PAGE: Final = 1_000


class Staff:
    """Accounts by what their own roles permit: `user`, which everyone has, makes nobody one of them."""

    def __init__(self, repository: AuthRepository) -> None:
        self._repository = repository

    async def permitted(self, permission: str, limit: int, after: int) -> tuple[Sequence[int], int]:
        """A page of accounts by their ids, and after whom to go on (0 at the end). Raises ValidationFailed."""
        if permission not in PERMISSIONS:
            raise ValidationFailed(FieldViolation("permission", "ERR_INCLUSION", "must be a permission's name"))
        if not 1 <= limit <= MAX_PAGE:
            raise ValidationFailed(FieldViolation("page_size", "ERR_INVALID", f"must be from 1 to {MAX_PAGE}"))
        found = await self._repository.permitted(permission, after, limit)
        return found, found[-1] if len(found) == limit else 0
