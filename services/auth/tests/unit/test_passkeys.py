"""Passkeys: made once, good for signing in and for what is dangerous, and of no use to anybody else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from passkey_fakes import PRESENT, Authenticator

from auth_service.account_models import MAX_PASSKEYS, SECURITY_SCOPE, Client, SignUpMode, StartedPasskey
from auth_service.config import Settings
from auth_service.errors import (
    AccountPending,
    ChallengeExpired,
    LastWayIn,
    PasskeyNotAdded,
    PasskeyNotFound,
    PasskeysNotPossible,
    ValidationFailed,
    WrongCredentials,
    WrongPasskey,
)
from auth_service.service.passkeys import Passkeys
from rookery_common.auth import Identity

PASSWORD = "correct horse of alice"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"public_url": "https://rookery.example"})


@pytest.fixture
def key(settings: Any) -> Authenticator:
    return Authenticator(settings.public_url)


async def caller(world: Any, token: str) -> Identity:
    session = (await world.auth.sessions.exchange(token)).view.session
    return Identity(session.account_id, session.session_id, session.app_id, frozenset(session.scopes))


async def added(world: Any, key: Authenticator, name: str = "alice") -> Any:
    """The account, with the passkey."""
    if await world.accounts.account_by_username(name) is None:
        await world.sign_up(name)
    account = await world.accounts.account_by_username(name)
    begun = await world.auth.passkeys.begin(account)
    await world.auth.passkeys.add(account, begun.token, key.make(begun.options), " My phone ")
    return await world.accounts.account(account.account_id)


async def enter(world: Any, key: Authenticator, **wrong: Any) -> Any:
    started = await world.auth.passkeys.start()
    return await world.auth.browsers.enter(started.token, key.sign(started.options, **wrong), Client())


async def test_one_signs_in_by_a_passkey_alone(world: Any, key: Authenticator) -> None:
    account = await added(world, key)
    assert account.passkeys == 1
    for _ in range(2):
        known = await caller(world, (await enter(world, key)).token)
        assert (known.account_id, set(known.scopes)) == (account.account_id, {SECURITY_SCOPE})
    [(passkey, name)] = await world.auth.passkeys.names(account)
    assert (name, passkey.used_at) == ("My phone", world.clock.now())
    assert name.encode() not in passkey.name


async def test_what_is_dangerous_is_opened_by_ones_own_passkey_alone(world: Any, key: Authenticator) -> None:
    await added(world, key)
    stranger = Authenticator(key.origin)
    await added(world, stranger, "bob")
    known = await caller(world, (await enter(world, key)).token)
    world.clock.advance(601)
    assert await world.auth.browsers.elevated_until(known) is None
    started = await world.auth.passkeys.start()
    with pytest.raises(WrongPasskey):
        await world.auth.browsers.elevate_by_passkey(known, started.token, stranger.sign(started.options))
    started = await world.auth.passkeys.start()
    await world.auth.browsers.elevate_by_passkey(known, started.token, key.sign(started.options))
    assert await world.auth.browsers.elevated_until(known) is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"rp_id": "evil.example"},
        {"challenge": "AAAA"},
        {"type": "webauthn.create"},
        {"flags": PRESENT},
        {"flags": 0},
    ],
)
async def test_an_answer_to_something_else_opens_nothing(world: Any, key: Authenticator, wrong: dict[str, Any]) -> None:
    await added(world, key)
    with pytest.raises(WrongPasskey):
        await enter(world, key, **wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"origin": "https://evil.example"}, {"rp_id": "evil.example"}, {"challenge": "AAAA"}, {"flags": PRESENT | 0x40}],
)
async def test_what_was_made_for_something_else_is_not_added(
    world: Any, key: Authenticator, wrong: dict[str, Any]
) -> None:
    await world.sign_up()
    account = await world.accounts.account_by_username("alice")
    begun = await world.auth.passkeys.begin(account)
    with pytest.raises(WrongPasskey):
        await world.auth.passkeys.add(account, begun.token, key.make(begun.options, **wrong), "Phone")


@pytest.mark.parametrize(
    "answer",
    ["", "{", "[]", "null", "{}", '{"rawId": 5}', '{"rawId": "AAAA"}', "[" * 10_000, '{"rawId": "A"}', "x" * 20_000],
)
async def test_malformed_answers_are_refused(world: Any, answer: str) -> None:
    started: StartedPasskey = await world.auth.passkeys.start()
    with pytest.raises(WrongPasskey):
        await world.auth.browsers.enter(started.token, answer, Client())


async def test_a_signature_of_another_key_is_refused(world: Any, key: Authenticator) -> None:
    await added(world, key)
    forged = Authenticator(key.origin, credential_id=key.credential_id)
    with pytest.raises(WrongPasskey):
        await enter(world, forged)
    with pytest.raises(WrongPasskey):
        await enter(world, Authenticator(key.origin))


async def test_an_answer_works_once_and_for_a_quarter_of_an_hour(world: Any, key: Authenticator) -> None:
    await added(world, key)
    started = await world.auth.passkeys.start()
    answer = key.sign(started.options)
    await world.auth.browsers.enter(started.token, answer, Client())
    with pytest.raises(ChallengeExpired):
        await world.auth.browsers.enter(started.token, answer, Client())
    started = await world.auth.passkeys.start()
    world.clock.advance(901)
    with pytest.raises(ChallengeExpired):
        await world.auth.browsers.enter(started.token, key.sign(started.options), Client())


async def test_a_copied_key_shows_by_its_count(world: Any, key: Authenticator) -> None:
    await added(world, key)
    for _ in range(3):
        await enter(world, key)
    with pytest.raises(WrongPasskey):
        await enter(world, key, count=2)


async def test_a_challenge_to_sign_in_adds_no_passkey_and_nobody_adds_one_to_another(
    world: Any, key: Authenticator
) -> None:
    await world.sign_up()
    await world.sign_up("bob")
    alice, bob = [await world.accounts.account_by_username(name) for name in ("alice", "bob")]
    begun, started = await world.auth.passkeys.begin(alice), await world.auth.passkeys.start()
    for account, token in ((bob, begun.token), (alice, started.token)):
        with pytest.raises(ChallengeExpired):
            await world.auth.passkeys.add(account, token, key.make(begun.options), "Phone")


async def test_a_passkey_is_one_accounts_and_an_account_has_twenty(world: Any, key: Authenticator) -> None:
    alice = await added(world, key)
    for name in ("alice", "bob"):
        with pytest.raises(PasskeyNotAdded):
            await added(world, key, name)
    for _ in range(MAX_PASSKEYS - 1):
        await added(world, Authenticator(key.origin))
    with pytest.raises(PasskeyNotAdded):
        await added(world, Authenticator(key.origin))
    excluded = json.loads((await world.auth.passkeys.begin(alice)).options)["excludeCredentials"]
    assert len(excluded) == MAX_PASSKEYS


@pytest.mark.parametrize("name", ["", "  ", "x" * 61])
async def test_a_passkey_has_a_name(world: Any, key: Authenticator, name: str) -> None:
    await world.sign_up()
    account = await world.accounts.account_by_username("alice")
    begun = await world.auth.passkeys.begin(account)
    with pytest.raises(ValidationFailed):
        await world.auth.passkeys.add(account, begun.token, key.make(begun.options), name)


async def test_without_a_password_passkeys_are_the_only_way_in_and_one_stays(world: Any, key: Authenticator) -> None:
    await world.sign_up()
    with pytest.raises(LastWayIn):
        await world.auth.passkeys.remove_password(await world.accounts.account_by_username("alice"))
    account = await added(world, key)
    await world.auth.passkeys.remove_password(account)
    for password in (PASSWORD, ""):
        with pytest.raises(WrongCredentials):
            await world.auth.browsers.start("alice", password, Client())
    assert (await enter(world, key)).account_id == account.account_id
    with pytest.raises(LastWayIn):
        await world.auth.passkeys.remove(account, key.credential_id)
    second = Authenticator(key.origin)
    await added(world, second)
    await world.auth.passkeys.remove(account, key.credential_id)
    with pytest.raises(PasskeyNotFound):
        await world.auth.passkeys.remove(account, key.credential_id)
    with pytest.raises(WrongPasskey):
        await enter(world, key)


async def test_who_waits_for_approval_does_not_come_in_by_a_passkey(world: Any, key: Authenticator) -> None:
    world.auth.admission.mode = SignUpMode.APPROVAL
    await world.sign_up(reason="I keep bees")
    await added(world, key)
    with pytest.raises(AccountPending):
        await enter(world, key)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "[::1]"])
async def test_a_platform_without_a_name_has_no_passkeys(world: Any, settings: Any, host: str) -> None:
    auth = world.auth
    passkeys = Passkeys(
        world.passkeys,
        auth.challenges,
        auth.security._emails._cipher,
        world.clock,
        public_url=f"http://{host}",
        title="",
    )
    with pytest.raises(PasskeysNotPossible):
        await passkeys.start()
