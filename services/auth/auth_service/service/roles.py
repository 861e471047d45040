"""Roles: what they permit, and who has them. What an operator changes holds within a second, and ends no session."""

from __future__ import annotations

import re
from collections.abc import Sequence

from auth_service.errors import AccountNotFound, ValidationFailed
from auth_service.models import EVERYONE, MAX_ROLES, PERMISSIONS, AccountRole, Credentials
from auth_service.repository import AuthRepository
from auth_service.repository.operations import OperationsRepository
from rookery_common.clock import Clock
from rookery_common.errors import FieldViolation
from rookery_common.logs import get_logger

_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
log = get_logger()


class Roles:
    """Changes of roles, and of accounts' roles; repeating one changes nothing."""

    def __init__(self, repository: AuthRepository, operations: OperationsRepository, clock: Clock) -> None:
        self._repository = repository
        self._operations = operations
        self._clock = clock

    async def grant(self, username: str, role: str) -> Credentials:
        """The account with this role. Raises AccountNotFound, ValidationFailed."""
        return await self._change(username, frozenset({await self._known(role)}), frozenset())

    async def revoke(self, username: str, role: str) -> Credentials:
        """The account without this role. Raises AccountNotFound, ValidationFailed."""
        return await self._change(username, frozenset(), frozenset({await self._known(role)}))

    async def all(self) -> Sequence[AccountRole]:
        """Each role with what it permits, the built-in ones first."""
        return await self._operations.roles(MAX_ROLES)

    async def define(self, name: str, permissions: Sequence[str]) -> AccountRole:
        """Makes a role, or changes what one permits, a built-in one too. Raises ValidationFailed."""
        if not _NAME.fullmatch(name):
            raise _wrong("name", "must be lower-case letters, digits and underscores, at most 30")
        unknown = [permission for permission in permissions if permission not in PERMISSIONS]
        if unknown:
            raise _wrong("permissions", f"must be among {', '.join(PERMISSIONS)}, not {unknown[0]}")
        known = {role.name for role in await self.all()}
        if name not in known and len(known) >= MAX_ROLES:
            raise _wrong("name", f"would be one more than {MAX_ROLES} roles")
        role = AccountRole(name, tuple(sorted(set(permissions))))
        await self._operations.put_role(role, self._clock.now())
        log.info("auth.role_defined", role=name, permissions=role.permissions)
        return role

    async def delete(self, name: str) -> None:
        """Takes a role from everyone, and forgets it. Raises ValidationFailed for one that is built in, or unknown."""
        if not await self._operations.delete_role(name, self._clock.now()):
            raise _wrong("name", "must be a role that was made here")
        log.info("auth.role_deleted", role=name)

    async def _change(self, username: str, more: frozenset[str], fewer: frozenset[str]) -> Credentials:
        changed = await self._repository.change_roles(
            username.lower(), lambda roles: (roles | more) - fewer, self._clock.now()
        )
        if changed is None:
            raise AccountNotFound(f"nobody has the username {username}")
        log.info("auth.roles_changed", account_id=changed.account_id, roles=changed.roles)
        return changed

    async def _known(self, role: str) -> str:
        names = [known.name for known in await self.all() if known.name != EVERYONE]
        if role not in names:
            raise _wrong("role", f"must be one of {', '.join(names)}", "ERR_INCLUSION")
        return role


def _wrong(field: str, problem: str, code: str = "ERR_INVALID") -> ValidationFailed:
    return ValidationFailed(FieldViolation(field, code, problem))
