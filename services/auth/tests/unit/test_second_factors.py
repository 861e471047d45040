"""Signing in with a browser: sessions, second factors, and what is asked for once more."""

from __future__ import annotations

import asyncio
from typing import Any

import pyotp
import pytest

from auth_service.account_models import SECURITY_SCOPE, Client, Factor
from auth_service.errors import (
    ChallengeExpired,
    ElevationRequired,
    SecondFactorRequired,
    TooManyTries,
    TotpEnabled,
    TotpNotBegun,
    TotpNotEnabled,
    WrongCredentials,
    WrongFactor,
)
from rookery_common.auth import Identity, InvalidToken

PASSWORD = "correct horse of alice"


async def signed_in(world: Any) -> Identity:
    """Alice at a browser of hers, as the gateway names her."""
    session = (await world.auth.browsers.start("alice", PASSWORD, Client())).session
    return await caller(world, session.token)


async def caller(world: Any, token: str) -> Identity:
    session = (await world.auth.sessions.exchange(token)).view.session
    return Identity(session.account_id, session.session_id, session.app_id, frozenset(session.scopes))


async def with_totp(world: Any) -> tuple[pyotp.TOTP, list[str]]:
    """Alice's authenticator app and recovery codes; the code that was used for it is used up."""
    await world.sign_up()
    account = await world.auth.browsers.elevated(await signed_in(world))
    secret, uri = await world.auth.factors.begin_totp(account)
    assert secret in uri
    totp = pyotp.TOTP(secret)
    account = await world.accounts.account(account.account_id)
    codes = await world.auth.factors.enable_totp(account, totp.at(world.clock.now()))
    world.clock.advance(60)
    return totp, list(codes)


async def test_a_browser_session_is_for_security_alone(world: Any) -> None:
    issued = await world.sign_up()
    known = await signed_in(world)
    assert known.account_id == issued.session.account_id
    assert known.scopes == {SECURITY_SCOPE}
    await world.auth.sessions.sign_out(known)
    with pytest.raises(InvalidToken):
        await world.auth.sessions.exchange(known.token or "gone")


async def test_a_second_factor_is_asked_for_after_the_password_and_by_every_way_in(world: Any) -> None:
    totp, codes = await with_totp(world)
    step = await world.auth.browsers.start("alice", PASSWORD, Client())
    assert step.session is None
    assert step.factors == (Factor.TOTP, Factor.RECOVERY_CODE)
    with pytest.raises(WrongFactor):
        await world.auth.browsers.finish(step.challenge, Factor.TOTP, "000000", Client())
    session = await world.auth.browsers.finish(step.challenge, Factor.TOTP, totp.at(world.clock.now()), Client())
    assert (await caller(world, session.token)).account_id == session.account_id
    with pytest.raises(SecondFactorRequired):
        await world.auth.sign_in.check("alice", PASSWORD)
    assert len(codes) == len(set(codes)) == 10


@pytest.mark.parametrize("again", ["same sign-in", "another sign-in"])
async def test_a_code_is_taken_once(world: Any, again: str) -> None:
    totp, _ = await with_totp(world)
    code = totp.at(world.clock.now())
    first = await world.auth.browsers.start("alice", PASSWORD, Client())
    await world.auth.browsers.finish(first.challenge, Factor.TOTP, code, Client())
    second = first if again == "same sign-in" else await world.auth.browsers.start("alice", PASSWORD, Client())
    with pytest.raises((ChallengeExpired, WrongFactor)):
        await world.auth.browsers.finish(second.challenge, Factor.TOTP, code, Client())


async def test_a_code_sent_twice_at_once_opens_one_session(world: Any) -> None:
    totp, _ = await with_totp(world)
    step = await world.auth.browsers.start("alice", PASSWORD, Client())
    code = totp.at(world.clock.now())
    tries = [world.auth.browsers.finish(step.challenge, Factor.TOTP, code, Client()) for _ in range(4)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == 1


@pytest.mark.parametrize(("seconds", "holds"), [(-30, True), (30, True), (-90, False), (90, False)])
async def test_clocks_may_differ_by_half_a_minute(world: Any, seconds: int, holds: bool) -> None:
    totp, _ = await with_totp(world)
    account = await world.accounts.account_by_username("alice")
    code = totp.at(int(world.clock.now().timestamp()) + seconds)
    assert (world.auth.factors._step_of(account, code) is not None) is holds


async def test_a_recovery_code_works_once_however_it_is_typed(world: Any) -> None:
    _, codes = await with_totp(world)
    typed = f" {codes[0].upper().replace('-', ' ')} "
    for expected in (True, False):
        step = await world.auth.browsers.start("alice", PASSWORD, Client())
        finish = world.auth.browsers.finish(step.challenge, Factor.RECOVERY_CODE, typed, Client())
        if expected:
            assert await finish
        else:
            with pytest.raises(WrongFactor):
                await finish
    assert (await world.accounts.account_by_username("alice")).recovery_codes == 9


async def test_new_recovery_codes_void_the_old_ones(world: Any) -> None:
    _, old = await with_totp(world)
    account = await world.accounts.account_by_username("alice")
    new = await world.auth.factors.new_recovery_codes(account)
    with pytest.raises(WrongFactor):
        await world.auth.factors.check(account, Factor.RECOVERY_CODE, old[1], Client())
    await world.auth.factors.check(account, Factor.RECOVERY_CODE, new[1], Client())


@pytest.mark.parametrize("factor", [Factor.TOTP, Factor.RECOVERY_CODE])
async def test_guessing_codes_is_throttled_over_all_sign_ins(world: Any, factor: Factor) -> None:
    totp, _ = await with_totp(world)
    for number in range(5):
        step = await world.auth.browsers.start("alice", PASSWORD, Client())
        with pytest.raises(WrongFactor):
            await world.auth.browsers.finish(step.challenge, factor, f"{number:06}x", Client())
    step = await world.auth.browsers.start("alice", PASSWORD, Client())
    with pytest.raises(TooManyTries):
        await world.auth.browsers.finish(step.challenge, Factor.TOTP, totp.at(world.clock.now()), Client())


async def test_a_sign_in_that_was_begun_is_finished_within_a_quarter_of_an_hour(world: Any) -> None:
    totp, _ = await with_totp(world)
    step = await world.auth.browsers.start("alice", PASSWORD, Client())
    world.clock.advance(900)
    for token in (step.challenge, "unknown", "", "x" * 600):
        with pytest.raises(ChallengeExpired):
            await world.auth.browsers.finish(token, Factor.TOTP, totp.at(world.clock.now()), Client())


async def test_a_secret_counts_only_after_a_code_of_it(world: Any) -> None:
    await world.sign_up()
    account = await world.auth.browsers.elevated(await signed_in(world))
    with pytest.raises(TotpNotBegun):
        await world.auth.factors.enable_totp(account, "000000")
    with pytest.raises(TotpNotEnabled):
        await world.auth.factors.new_recovery_codes(account)
    await world.auth.factors.begin_totp(account)
    account = await world.accounts.account(account.account_id)
    with pytest.raises(WrongFactor):
        await world.auth.factors.enable_totp(account, "000000x")
    assert (await world.auth.browsers.start("alice", PASSWORD, Client())).session


async def test_a_second_factor_is_not_replaced_but_turned_off_first(world: Any) -> None:
    await with_totp(world)
    account = await world.accounts.account_by_username("alice")
    with pytest.raises(TotpEnabled):
        await world.auth.factors.begin_totp(account)
    assert await world.auth.factors.disable_totp(account)
    assert not await world.auth.factors.disable_totp(account)
    assert (await world.auth.browsers.start("alice", PASSWORD, Client())).session
    assert (await world.accounts.account_by_username("alice")).recovery_codes == 0


async def test_what_is_dangerous_closes_after_ten_minutes_and_opens_by_all_factors(world: Any) -> None:
    totp, _ = await with_totp(world)
    step = await world.auth.browsers.start("alice", PASSWORD, Client())
    session = await world.auth.browsers.finish(step.challenge, Factor.TOTP, totp.at(world.clock.now()), Client())
    known = await caller(world, session.token)
    assert await world.auth.browsers.elevated(known)
    world.clock.advance(600)
    with pytest.raises(ElevationRequired):
        await world.auth.browsers.elevated(known)
    code = totp.at(world.clock.now())
    with pytest.raises(WrongCredentials):
        await world.auth.browsers.elevate(known, "wrong", Factor.TOTP, code, Client())
    with pytest.raises(WrongFactor):
        await world.auth.browsers.elevate(known, PASSWORD, Factor.NONE, "", Client())
    await world.auth.browsers.elevate(known, PASSWORD, Factor.TOTP, code, Client())
    assert await world.auth.browsers.elevated(known)
