"""Who may moderate: an operator grants and revokes roles; both hold within a second, and end no session."""

from __future__ import annotations

from auth_service.errors import AccountNotFound, ValidationFailed
from auth_service.models import ROLES, Credentials
from auth_service.repository import AuthRepository
from rookery_common.clock import Clock
from rookery_common.errors import FieldViolation
from rookery_common.logs import get_logger

log = get_logger()


class Roles:
    """Changes of accounts' roles; repeating one changes nothing."""

    def __init__(self, repository: AuthRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def grant(self, username: str, role: str) -> Credentials:
        """The account with this role. Raises AccountNotFound, ValidationFailed."""
        return await self._change(username, frozenset({_known(role)}), frozenset())

    async def revoke(self, username: str, role: str) -> Credentials:
        """The account without this role. Raises AccountNotFound, ValidationFailed."""
        return await self._change(username, frozenset(), frozenset({_known(role)}))

    async def _change(self, username: str, more: frozenset[str], fewer: frozenset[str]) -> Credentials:
        changed = await self._repository.change_roles(
            username.lower(), lambda roles: (roles | more) - fewer, self._clock.now()
        )
        if changed is None:
            raise AccountNotFound(f"nobody has the username {username}")
        log.info("auth.roles_changed", account_id=changed.account_id, roles=changed.roles)
        return changed


def _known(role: str) -> str:
    if role not in ROLES:
        raise ValidationFailed(FieldViolation("role", "ERR_INCLUSION", f"must be one of {', '.join(ROLES)}"))
    return role
