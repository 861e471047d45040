"""What every store of auth must do, whichever it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from auth_service.account_models import AccountState, NewAccount
from auth_service.events import Events
from auth_service.models import AuthorizationCode, Credentials, Session
from auth_service.service.signing import make_key
from rookery_common.clients.postgres import UniqueViolated


def credentials_of(world: Any, account_id: int = 7, **changes: Any) -> Credentials:
    made = Credentials(
        account_id=account_id,
        username=f"user{account_id}",
        password_hash="$argon2id$x",
        data_key=b"key",
        email=b"sealed",
        email_digest=b"digest%d" % account_id,
        reservation_id=f"reservation{account_id}",
        app_id=world.app.app_id,
        created_at=world.clock.now(),
        roles=("admin",),
    )
    return replace(made, **changes)


def session_of(world: Any, account_id: int = 7, **changes: Any) -> Session:
    session: Session = world.auth.sessions.new(world.app, account_id, ("read", "write")).session
    return replace(session, **changes)


async def add(world: Any, credentials: Credentials) -> Session:
    session = session_of(world, credentials.account_id)
    event = Events(world.clock).credentials_created(credentials)
    await world.accounts.add_account(credentials, session, event, NewAccount(AccountState()))
    return session


async def test_credentials_are_found_by_each_of_their_keys(world: Any) -> None:
    credentials = credentials_of(world)
    await add(world, credentials)
    repository = world.repository
    assert await repository.credentials_by_username("user7") == credentials
    assert await repository.credentials_by_email(b"digest7") == credentials
    assert await repository.credentials_by_reservation("reservation7") == credentials
    assert await repository.credentials_by_username("user8") is None
    assert await repository.credentials_by_email(b"digest8") is None
    assert await repository.credentials_by_reservation("reservation8") is None


@pytest.mark.parametrize(
    ("field", "constraint"),
    [
        ("account_id", "credentials_pkey"),
        ("username", "credentials_username_key"),
        ("email_digest", "credentials_email_key"),
        ("reservation_id", "credentials_reservation_id_key"),
    ],
)
async def test_a_second_account_with_the_same_key_is_refused_whole(world: Any, field: str, constraint: str) -> None:
    first = credentials_of(world)
    await add(world, first)
    second = replace(credentials_of(world, 8), **{field: getattr(first, field)})
    session = session_of(world, second.account_id)
    event = Events(world.clock).credentials_created(second)
    with pytest.raises(UniqueViolated) as caught:
        await world.accounts.add_account(second, session, event, NewAccount(AccountState()))
    assert caught.value.constraint == constraint
    assert await world.repository.session_by_token(session.token_hash) is None
    assert await world.recorded() == ["CredentialsCreated"]


async def test_a_session_is_found_by_its_token_with_its_app_and_roles(world: Any) -> None:
    session = await add(world, credentials_of(world))
    view = await world.repository.session_by_token(session.token_hash)
    assert view.session == session
    assert (view.app_name, view.app_website, view.roles) == ("Client", "https://client.example", ("admin",))
    assert await world.repository.session_by_token(b"x" * 32) is None


async def test_a_session_is_extended_but_never_shortened_nor_revived(world: Any) -> None:
    session = await add(world, credentials_of(world))
    later = session.expires_at + timedelta(days=1)
    await world.repository.extend_session(session.session_id, later)
    await world.repository.extend_session(session.session_id, session.expires_at)
    assert (await world.repository.session_by_token(session.token_hash)).session.expires_at == later
    await world.repository.revoke_session(session, world.clock.now(), None)
    await world.repository.extend_session(session.session_id, later + timedelta(days=1))
    assert (await world.repository.session_by_token(session.token_hash)).session.expires_at == later


async def test_a_session_is_revoked_once(world: Any) -> None:
    session = await add(world, credentials_of(world))
    event = Events(world.clock).session_revoked(session, world.clock.now())
    assert await world.repository.revoke_session(session, world.clock.now(), event) is True
    assert await world.repository.revoke_session(session, world.clock.now(), event) is False
    assert (await world.repository.session_by_token(session.token_hash)).session.revoked_at == world.clock.now()
    (revocation,) = await world.repository.revocations_after(0, 10)
    assert (revocation.sequence, revocation.session_id, revocation.account_id) == (1, session.session_id, 7)
    assert await world.recorded() == ["CredentialsCreated", "SessionRevoked"]


async def test_a_code_is_used_once_and_leads_to_its_session(world: Any) -> None:
    await add(world, credentials_of(world))
    code = AuthorizationCode(b"c" * 32, world.app.app_id, 7, "https://x", ("read",), "challenge", world.clock.now())
    await world.repository.add_code(code)
    assert await world.repository.code(code.code_hash) == code
    first, second = (session_of(world, code_hash=code.code_hash) for _ in range(2))
    assert await world.repository.redeem_code(code.code_hash, first) is True
    assert await world.repository.redeem_code(code.code_hash, second) is False
    assert await world.repository.sessions_of_code(code.code_hash) == [first]
    assert (await world.repository.code(code.code_hash)).used_at == world.clock.now()
    assert await world.repository.redeem_code(b"d" * 32, second) is False
    await world.repository.revoke_session(first, world.clock.now(), None)
    assert await world.repository.sessions_of_code(code.code_hash) == []


async def test_tries_are_counted_within_a_window(world: Any) -> None:
    window = timedelta(minutes=5)
    counts = [(await world.repository.count_try(b"k", world.clock.now(), window)).count for _ in range(3)]
    assert counts == [1, 2, 3]
    world.clock.advance(299)
    assert (await world.repository.count_try(b"k", world.clock.now(), window)).count == 4
    world.clock.advance(1)
    tries = await world.repository.count_try(b"k", world.clock.now(), window)
    assert (tries.count, tries.started_at) == (1, world.clock.now())
    await world.repository.count_try(b"k", world.clock.now(), window)
    await world.repository.count_try(b"n", world.clock.now(), window)
    await world.accounts.uncount_tries(b"k", b"n")
    assert (await world.repository.count_try(b"k", world.clock.now(), window)).count == 2
    assert (await world.repository.count_try(b"n", world.clock.now(), window)).count == 1


async def test_a_password_hash_is_replaced_only_if_it_is_still_the_old_one(world: Any) -> None:
    await add(world, credentials_of(world))
    await world.repository.replace_password_hash(7, "$argon2id$other", "$argon2id$new")
    assert (await world.repository.credentials_by_username("user7")).password_hash == "$argon2id$x"
    await world.repository.replace_password_hash(7, "$argon2id$x", "$argon2id$new")
    assert (await world.repository.credentials_by_username("user7")).password_hash == "$argon2id$new"


async def test_a_second_active_signing_key_is_not_added(world: Any) -> None:
    first, second = (make_key(world.auth.keys._provider, world.clock, active=True) for _ in range(2))
    await world.repository.add_signing_key(first)
    await world.repository.add_signing_key(second)
    assert await world.repository.signing_keys(world.clock.now()) == [first]


async def test_purging_deletes_what_is_old_and_leaves_the_rest(world: Any) -> None:
    session = await add(world, credentials_of(world))
    code = AuthorizationCode(b"c" * 32, world.app.app_id, 7, "https://x", ("read",), "", world.clock.now())
    await world.repository.add_code(code)
    await world.repository.count_try(b"k", world.clock.now(), timedelta(minutes=5))
    await world.repository.revoke_session(session, world.clock.now(), None)
    for kind in ("codes", "sessions", "tries", "revocations"):
        assert await world.repository.purge(kind, world.clock.now()) == 0
    later = world.clock.now() + timedelta(days=400)
    assert [await world.repository.purge(kind, later) for kind in ("codes", "tries", "revocations")] == [1, 1, 1]
    assert await world.repository.purge("sessions", later) == 1
    assert await world.repository.code(code.code_hash) is None
    assert await world.repository.session_by_token(session.token_hash) is None
    assert await world.repository.known_revocations(later) == (2, 2, 1)
