"""Roles: granted by an operator, in the next internal token, told of without ending a session."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from auth_service.errors import AccountNotFound, ValidationFailed
from auth_service.models import IssuedToken
from auth_service.service.roles import Roles
from auth_service.service.staff import Staff
from rookery_common.auth import Identity, TokenVerifier

ADMINISTRATION = {"admin:read", "admin:write:reports"}


@pytest.fixture
def roles(world: Any, operations: Any) -> Roles:
    return Roles(world.repository, operations, world.clock)


@pytest.fixture
async def alice(world: Any) -> IssuedToken:
    """Her token's app asks for administration, too."""
    app, _ = await world.auth.apps.create("Desk", ["https://desk.example"], ["read", *sorted(ADMINISTRATION)], "")
    caller = Identity(0, 1, app.app_id, frozenset(app.scopes))
    token: IssuedToken = await world.auth.sign_up.sign_up(caller, world.form("alice"))
    return token


async def exchanged(world: Any, token: IssuedToken) -> Identity:
    internal = await world.auth.sessions.exchange(token.access_token)
    identity = await TokenVerifier(world.auth.keys.jwks, world.clock).verify(internal.token)
    assert frozenset(internal.view.session.scopes) == identity.scopes
    assert frozenset(internal.view.roles) == identity.roles
    assert frozenset(internal.view.permissions) == identity.permissions
    return identity


async def test_scopes_of_administration_need_a_role(world: Any, alice: IssuedToken) -> None:
    assert (await exchanged(world, alice)).scopes == {"read"}


async def test_a_granted_role_is_in_the_next_internal_token_with_its_scopes(
    world: Any, alice: IssuedToken, roles: Roles
) -> None:
    changed = await roles.grant("Alice", "moderator")
    identity = await exchanged(world, alice)
    assert changed.roles == ("moderator",)
    assert identity.roles == {"moderator"}
    assert identity.scopes == {"read", *ADMINISTRATION}
    assert identity.has_scope("admin:read:reports")


async def test_a_revoked_role_takes_its_scopes_with_it_and_leaves_the_session(
    world: Any, alice: IssuedToken, roles: Roles
) -> None:
    await roles.grant("alice", "moderator")
    await roles.grant("alice", "admin")
    assert (await exchanged(world, alice)).roles == {"moderator", "admin"}
    await roles.revoke("alice", "admin")
    assert (await exchanged(world, alice)).scopes == {"read", *ADMINISTRATION}
    await roles.revoke("alice", "moderator")
    identity = await exchanged(world, alice)
    assert not identity.roles
    assert identity.scopes == {"read"}


async def test_each_change_is_told_of_once_as_one_that_ends_no_session(
    world: Any, alice: IssuedToken, roles: Roles
) -> None:
    for _ in range(2):
        await roles.grant("alice", "moderator")
    await roles.revoke("alice", "moderator")
    heard = await world.repository.revocations_after(0, 10)
    account_id = alice.session.account_id
    assert [(r.sequence, r.session_id, r.account_id, r.roles_changed) for r in heard] == [
        (1, 0, account_id, True),
        (2, 0, account_id, True),
    ]


async def test_an_ended_session_is_told_of_as_such(world: Any, alice: IssuedToken) -> None:
    await world.auth.sessions.revoke(alice.session, cause="test")
    assert [r.roles_changed for r in await world.repository.revocations_after(0, 10)] == [False]


async def test_two_grants_at_once_are_both_kept(world: Any, alice: IssuedToken, roles: Roles) -> None:
    await asyncio.gather(roles.grant("alice", "moderator"), roles.grant("alice", "admin"))
    assert (await exchanged(world, alice)).roles == {"moderator", "admin"}


async def test_an_app_by_itself_never_administers(world: Any) -> None:
    app, _ = await world.auth.apps.create("Desk", ["https://desk.example"], ["read", "admin:read"], "")
    issued = await world.auth.sessions.open(app, 0, app.scopes, grant="test")
    assert (await exchanged(world, issued)).scopes == {"read"}


async def test_unknown_names_are_refused(roles: Roles, world: Any, alice: IssuedToken) -> None:
    with pytest.raises(AccountNotFound, match="nobody has the username bob"):
        await roles.grant("bob", "moderator")
    with pytest.raises(ValidationFailed, match="role must be one of admin, moderator"):
        await roles.revoke("alice", "owner")


async def test_what_a_role_permits_is_in_the_next_internal_token(world: Any, alice: IssuedToken, roles: Roles) -> None:
    assert (await exchanged(world, alice)).permissions == {"invite_users"}
    await roles.grant("alice", "admin")
    identity = await exchanged(world, alice)
    assert identity.permissions == {"invite_users", "administrator"}
    assert identity.permits("manage_reports")


async def test_an_operator_makes_roles_of_their_own(world: Any, alice: IssuedToken, roles: Roles) -> None:
    await roles.define("gardener", ["manage_taxonomies", "manage_rules", "manage_rules"])
    await roles.grant("alice", "gardener")
    identity = await exchanged(world, alice)
    assert identity.permits("manage_rules")
    assert not identity.permits("manage_reports")
    assert identity.scopes == {"read", *ADMINISTRATION}
    await roles.define("gardener", [])
    assert (await exchanged(world, alice)).scopes == {"read"}


async def test_a_changed_or_deleted_role_is_told_of_for_everyone(world: Any, alice: IssuedToken, roles: Roles) -> None:
    await roles.define("gardener", ["manage_rules"])
    await roles.grant("alice", "gardener")
    await roles.delete("gardener")
    identity = await exchanged(world, alice)
    assert not identity.roles
    assert identity.permissions == {"invite_users"}
    heard = await world.repository.revocations_after(0, 10)
    assert [(r.account_id != 0, r.roles_changed) for r in heard] == [(False, True), (True, True), (False, True)]


async def test_a_role_that_permits_nothing_special_opens_no_administration(
    world: Any, alice: IssuedToken, roles: Roles
) -> None:
    await roles.define("early_bird", ["invite_users"])
    await roles.grant("alice", "early_bird")
    assert (await exchanged(world, alice)).scopes == {"read"}


@pytest.mark.parametrize(
    ("name", "permissions"),
    [("Gardener", []), ("", []), ("x" * 31, []), ("a b", []), ("gardener", ["fly"]), ("gardener", ["Administrator"])],
)
async def test_a_wrong_role_is_refused(roles: Roles, name: str, permissions: list[str]) -> None:
    with pytest.raises(ValidationFailed):
        await roles.define(name, permissions)


async def test_built_in_roles_can_be_changed_and_not_deleted(roles: Roles) -> None:
    await roles.define("moderator", ["manage_reports"])
    for name in ("moderator", "user", "unknown"):
        with pytest.raises(ValidationFailed):
            await roles.delete(name)
    assert {role.name: role.permissions for role in await roles.all()}["moderator"] == ("manage_reports",)
    await roles.define("moderator", ["manage_reports", "view_dashboard"])


async def test_the_staff_is_whom_a_role_of_their_own_permits_something(world: Any, roles: Roles) -> None:
    names = ("ada", "gil", "pat")
    ada, gil, pat = [(await world.sign_up(name)).session.account_id for name in names]
    await roles.define("gardener", ["manage_users"])
    await roles.define("porter", ["manage_reports"])
    for name, role in zip(names, ("admin", "gardener", "porter"), strict=True):
        await roles.grant(name, role)
    staff = Staff(world.repository)
    first, last = sorted((ada, gil))
    assert await staff.permitted("manage_users", 1_000, 0) == ([first, last], 0)
    assert await staff.permitted("manage_users", 1, 0) == ([first], first)
    assert await staff.permitted("manage_users", 2, first) == ([last], 0)
    assert await staff.permitted("manage_reports", 1_000, 0) == (sorted((ada, pat)), 0)
    assert await staff.permitted("invite_users", 1_000, 0) == ([ada], 0)  # as everyone is
    await roles.revoke("ada", "admin")
    assert await staff.permitted("manage_users", 1_000, 0) == ([gil], 0)


@pytest.mark.parametrize(("permission", "limit"), [("fly", 1), ("", 1), ("manage_users", 0), ("manage_users", 1_001)])
async def test_only_what_there_is_to_permit_is_asked_for(world: Any, permission: str, limit: int) -> None:
    with pytest.raises(ValidationFailed):
        await Staff(world.repository).permitted(permission, limit, 0)
