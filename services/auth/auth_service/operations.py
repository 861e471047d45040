"""The operator's commands about administrators, roles, apps and keys: each over a connection of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from argon2 import PasswordHasher

from auth_service.app import OutboxDrain
from auth_service.clients import UserClient
from auth_service.config import Settings
from auth_service.errors import AccountNotFound, AppNotFound
from auth_service.events import Events
from auth_service.models import AccountRole, App, Credentials
from auth_service.repository import AuthRepository
from auth_service.repository.accounts import AccountRepository
from auth_service.repository.operations import OperationsRepository
from auth_service.service.administrators import Administrators
from auth_service.service.emails import Emails
from auth_service.service.key_rotation import PUBLISHED_BEFORE_USE, KeyRotation
from auth_service.service.password_policy import PasswordPolicy
from auth_service.service.passwords import Passwords
from auth_service.service.roles import Roles
from auth_service.service.signing import RELOAD_SECONDS
from rookery.user.v1.user_service_pb2_grpc import UserServiceStub
from rookery_common.app import Command
from rookery_common.clients.postgres import Postgres
from rookery_common.clock import Clock, SystemClock
from rookery_common.crypto import BlindIndex, FieldCipher, LocalKeyProvider, derive_key
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.kafka.producer import Producer
from rookery_common.rpc import RpcClient

APPS_PAGE = 500
URGENCY = ("scheduled", "compromised")


@dataclass(frozen=True, slots=True)
class _Desk:
    """What the commands act through."""

    settings: Settings
    clock: Clock
    operations: OperationsRepository
    accounts: AccountRepository
    roles: Roles

    @property
    def keys(self) -> KeyRotation:
        provider = LocalKeyProvider(self.settings.master_key_bytes())
        return KeyRotation(self.operations, provider, self.clock, every=self.settings.key_lifetime)


@asynccontextmanager
async def _desk() -> AsyncIterator[_Desk]:
    settings, clock = Settings(), SystemClock()
    pg = Postgres.from_settings(settings, name="auth")
    await pg.start()
    try:
        operations = OperationsRepository(pg)
        # Its outbox stays empty: a change of roles is told of by the feed of revocations.
        outbox = PostgresOutbox(pg, Producer(settings, "auth"), "auth")
        roles = Roles(AuthRepository(pg, outbox), operations, clock)
        yield _Desk(settings, clock, operations, AccountRepository(pg, outbox), roles)
    finally:
        await pg.stop()


@asynccontextmanager
async def _administrators() -> AsyncIterator[Administrators]:
    settings, clock = Settings(), SystemClock()
    pg, producer = Postgres.from_settings(settings, name="auth"), Producer(settings, "auth", settings.topic_prefix)
    user = RpcClient(settings, settings.user_target, UserServiceStub, service="user")
    hasher = PasswordHasher(settings.password_passes, settings.password_memory_kib, settings.password_lanes)
    outbox, passwords = PostgresOutbox(pg, producer, "auth"), Passwords(hasher, workers=1)
    master_key = settings.master_key_bytes()
    emails = Emails(FieldCipher(LocalKeyProvider(master_key)), BlindIndex(derive_key(master_key, "auth.index")))
    async with AsyncExitStack() as started:
        for component in (pg, producer, OutboxDrain(outbox), user, passwords):
            await component.start()
            started.push_async_callback(component.stop)
        yield Administrators(
            AuthRepository(pg, outbox),
            AccountRepository(pg, outbox),
            UserClient(user),
            passwords,
            PasswordPolicy(settings.breached_passwords_file),
            emails,
            Events(clock),
            clock,
        )


async def create_administrator(username: str, email: str) -> str:
    """Makes an account with the role admin; what to tell the operator, with its password."""
    async with _administrators() as administrators:
        made = await administrators.create(username, email)
    return f"{_account_line(made.credentials)}\npassword: {made.password} (shown once; change it at /auth/security)"


async def grant_role(username: str, role: str) -> str:
    """Gives an account a role; what to tell the operator."""
    async with _desk() as desk:
        return _account_line(await desk.roles.grant(username, role))


async def revoke_role(username: str, role: str) -> str:
    """Takes a role from an account; what to tell the operator."""
    async with _desk() as desk:
        return _account_line(await desk.roles.revoke(username, role))


async def list_roles() -> str:
    """Each role with what it permits."""
    async with _desk() as desk:
        return "\n".join(map(_role_line, await desk.roles.all()))


async def define_role(name: str, permissions: str) -> str:
    """Makes a role, or changes what one permits; `permissions` are separated by commas."""
    async with _desk() as desk:
        return _role_line(await desk.roles.define(name, [each for each in permissions.split(",") if each]))


async def delete_role(name: str) -> str:
    """Takes a role from everyone, and forgets it."""
    async with _desk() as desk:
        await desk.roles.delete(name)
    return f"{name} is deleted"


async def list_apps() -> str:
    """Each app with its sessions that are not revoked, the oldest first."""
    lines: list[str] = []
    async with _desk() as desk:
        page = await desk.operations.apps(0, APPS_PAGE)
        while page:
            lines += [_app_line(app, sessions) for app, sessions in page]
            page = await desk.operations.apps(page[-1][0].app_id, APPS_PAGE)
    return "\n".join(lines) or "no apps"


async def revoke_app(client_id: str) -> str:
    """Revokes an app; its sessions, and streams, end within a second."""
    async with _desk() as desk:
        app = await desk.operations.revoke_app(client_id, desk.clock.now())
    if app is None:
        raise AppNotFound("no app has this client id")
    return f"{app.name} ({app.client_id}) is revoked with all its sessions"


async def rotate_keys(urgency: str) -> str:
    """Begins a rotation; or, for keys that somebody may have, replaces all of them at once."""
    async with _desk() as desk:
        if urgency == "scheduled":
            begun = await desk.keys.begin()
            when = f"in {PUBLISHED_BEFORE_USE.total_seconds() / 60:.0f} minutes"
            return f"a new key signs {when}" if begun else "a new key waits already"
        deleted = await desk.keys.replace()
        # Until then a process of auth may still sign with an old key, and gateways would keep what it signed.
        await desk.clock.sleep(RELOAD_SECONDS + 1)
        await desk.operations.ask_anew(desk.clock.now())
    return f"{deleted} keys are withdrawn; nobody is signed out"


async def reset_second_factor(username: str) -> str:
    """For someone who lost theirs, and has proved to the operator who they are; they sign in by password alone then."""
    async with _desk() as desk:
        account = await desk.accounts.account_by_username(username.lower())
        if account is None:
            raise AccountNotFound(f"nobody has the username {username}")
        had = await desk.accounts.disable_totp(account.account_id)
    return f"{username} signs in by password alone now" if had else f"{username} has no second factor"


def _account_line(account: Credentials) -> str:
    return f"{account.username} ({account.account_id}): {', '.join(account.roles) or 'no roles'}"


def _role_line(role: AccountRole) -> str:
    return f"{role.name}: {', '.join(role.permissions) or 'nothing'}"


def _app_line(app: App, sessions: int) -> str:
    state = "revoked" if app.revoked_at else f"{sessions} sessions"
    return f"{app.client_id}  {app.created_at:%Y-%m-%d}  {state}  {app.name}"


COMMANDS = {
    "create-administrator": Command(
        create_administrator,
        {"username": None, "email": None},
        "Make an account with the role admin, and tell its password.",
    ),
    "grant-role": Command(grant_role, {"username": None, "role": None}, "Give an account a role."),
    "revoke-role": Command(revoke_role, {"username": None, "role": None}, "Take a role from an account."),
    "list-roles": Command(list_roles, {}, "Tell what each role permits."),
    "define-role": Command(
        define_role, {"name": None, "permissions": None}, "Make a role, or change what one permits (a,b,c)."
    ),
    "delete-role": Command(delete_role, {"name": None}, "Take a role from everyone, and forget it."),
    "reset-second-factor": Command(
        reset_second_factor, {"username": None}, "Take the second factor from someone who has lost it."
    ),
    "list-apps": Command(list_apps, {}, "Tell each app with its sessions."),
    "revoke-app": Command(revoke_app, {"client_id": None}, "Revoke an app with all its sessions."),
    "rotate-keys": Command(rotate_keys, {"urgency": URGENCY}, "Replace the key that signs, in steps or at once."),
}
