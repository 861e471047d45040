"""The statements of an operator's commands, and of what goes on by itself: roles, apps, signing keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from auth_service.models import AccountRole, App, SigningKey
from auth_service.repository import app_of, record_revocation
from auth_service.repository import operation_statements as sql
from rookery_common.clients.postgres import PgConnection, Postgres

# Long after anything that they have signed.
FORGOTTEN_AFTER = timedelta(days=1)


class OperationsRepository:
    """Roles, apps and keys as operators change them; each method is one transaction or one read."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    async def roles(self, limit: int) -> list[AccountRole]:
        async with self._pg.read(primary=True) as read:
            rows = await read.fetch("roles", sql.ROLES, limit)
        return [AccountRole(row["name"], tuple(row["permissions"]), row["is_builtin"]) for row in rows]

    async def put_role(self, role: AccountRole, at: datetime) -> None:
        """Makes the role, or changes what it permits; gateways ask anew about everyone."""
        async with self._pg.transaction() as tx:
            await tx.execute("role_put", sql.PUT_ROLE, role.name, role.permissions)
            await record_revocation(tx, at, roles_changed=True)

    async def delete_role(self, name: str, at: datetime) -> bool:
        """Takes it from everyone; False for one that is not there, or built in."""
        async with self._pg.transaction() as tx:
            if await tx.execute("role_delete", sql.DELETE_ROLE, name) == 0:
                return False
            await tx.execute("role_take", sql.TAKE_ROLE, name)
            await record_revocation(tx, at, roles_changed=True)
        return True

    async def ask_anew(self, at: datetime) -> None:
        """Makes gateways forget what they remember of everyone's tokens; no session ends."""
        async with self._pg.transaction() as tx:
            await record_revocation(tx, at, roles_changed=True)

    async def apps(self, after: int, limit: int) -> Sequence[tuple[App, int]]:
        """Apps by id, each with how many sessions it has that are not revoked."""
        async with self._pg.read(primary=True) as read:
            rows = await read.fetch("apps", sql.APPS, after, limit)
        return [(app_of({name: row[name] for name in sql.APP_COLUMNS}), row["sessions"]) for row in rows]

    async def revoke_app(self, client_id: str, at: datetime) -> App | None:
        """The app, revoked; None for an unknown client id. Its sessions end with it."""
        async with self._pg.transaction() as tx:
            row = await tx.fetchrow("app_revoke", sql.REVOKE_APP, client_id, at)
            if row is None:
                return None
            app = app_of(row)
            if app.revoked_at == at:
                await record_revocation(tx, at, app_id=app.app_id)
        return app

    async def add_next_key(self, key: SigningKey, active_since_before: datetime) -> bool:
        """Publishes a key that will follow, where the active one is old enough and none is waiting."""
        args = (key.kid, key.private_key, key.public_key, key.created_at, active_since_before)
        async with self._pg.transaction() as tx:
            await _lock_keys(tx)
            return await tx.execute("next_key_add", sql.ADD_NEXT_KEY, *args) == 1

    async def activate_next_key(self, published_before: datetime, at: datetime) -> str | None:
        """The id of the key that signs from now on; None where none has waited long enough."""
        async with self._pg.transaction() as tx:
            await _lock_keys(tx)
            kid: str | None = await tx.fetchval("next_key", sql.NEXT_KEY, published_before)
            if kid is not None:
                await tx.execute("keys_forget", sql.FORGET_RETIRED, at - FORGOTTEN_AFTER)
                await tx.execute("key_retire", sql.RETIRE_ACTIVE, at)
                await tx.execute("key_activate", sql.ACTIVATE, kid)
        return kid

    async def replace_keys(self, key: SigningKey) -> int:
        """Deletes all keys but this new one, which signs at once; how many were deleted."""
        args = (key.kid, key.private_key, key.public_key, key.created_at)
        async with self._pg.transaction() as tx:
            await _lock_keys(tx)
            deleted = await tx.execute("keys_delete", sql.DELETE_KEYS)
            await tx.execute("key_add", sql.ADD_ACTIVE_KEY, *args)
        return deleted


async def _lock_keys(tx: PgConnection) -> None:
    """Replicas that rotate at the same time do it one after the other."""
    await tx.fetch("keys_lock", sql.LOCK_KEYS)
