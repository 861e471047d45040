"""Signing in: by name or address, throttled, and without telling what exists."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from argon2 import PasswordHasher

from auth_service.account_models import Client
from auth_service.errors import PasswordsBusy, TooManyTries, WrongCredentials
from auth_service.service.passwords import Passwords

PASSWORD = "correct horse of alice"


@pytest.mark.parametrize("login", ["alice", "ALICE", " alice ", "alice@example.org", "Alice@EXAMPLE.org"])
async def test_name_and_address_are_both_logins(world: Any, login: str) -> None:
    issued = await world.sign_up()
    assert (await world.auth.sign_in.check(login, PASSWORD)).account_id == issued.session.account_id


async def test_a_password_is_the_same_in_any_unicode_form(world: Any) -> None:
    await world.sign_up(password="pässwörter")
    assert await world.auth.sign_in.check("alice", "pässwörter")


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + " ", PASSWORD.upper(), "x" * 100_000, "\ud800" * 9])
async def test_a_wrong_password_is_refused(world: Any, password: str) -> None:
    await world.sign_up()
    with pytest.raises(WrongCredentials):
        await world.auth.sign_in.check("alice", password)


@pytest.mark.parametrize("login", ["", "nobody", "nobody@example.org", "no@address", "@", "x" * 10_000])
async def test_an_unknown_login_is_refused_in_the_same_words(world: Any, login: str) -> None:
    await world.sign_up()
    with pytest.raises(WrongCredentials, match="the login or the password is wrong"):
        await world.auth.sign_in.check(login, PASSWORD)


async def test_five_failures_close_an_account_by_all_its_logins_for_a_quarter_of_an_hour(world: Any) -> None:
    await world.sign_up()
    for attempt in range(5):
        with pytest.raises(WrongCredentials):
            await world.auth.sign_in.check(["alice", "alice@example.org"][attempt % 2], "wrong")
    with pytest.raises(TooManyTries) as caught:
        await world.auth.sign_in.check("alice@example.org", PASSWORD)
    assert caught.value.retry_after == 900
    world.clock.advance(900)
    assert await world.auth.sign_in.check("alice", PASSWORD)


async def test_many_tries_at_once_pass_the_limit_no_more_than_one_by_one(world: Any) -> None:
    await world.sign_up()
    tries = [world.auth.sign_in.check("alice", f"wrong {number}") for number in range(30)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, WrongCredentials) for result in results) == 5
    assert sum(isinstance(result, TooManyTries) for result in results) == 25


async def test_a_success_takes_back_no_failure_but_does_not_count_itself(world: Any) -> None:
    await world.sign_up()
    for _ in range(4):
        with pytest.raises(WrongCredentials):
            await world.auth.sign_in.check("alice", "wrong")
    for _ in range(20):
        await world.auth.sign_in.check("alice", PASSWORD)
    with pytest.raises(WrongCredentials):
        await world.auth.sign_in.check("alice", "wrong")
    with pytest.raises(TooManyTries):
        await world.auth.sign_in.check("alice", PASSWORD)


async def test_nobody_locks_an_owner_out_of_a_device_that_is_known(world: Any) -> None:
    await world.sign_up()
    device = (await world.auth.browsers.start("alice", PASSWORD, Client())).session.device_token
    for number in range(30):
        with pytest.raises((WrongCredentials, TooManyTries)):
            await world.auth.sign_in.identify("alice", "wrong", Client(f"192.0.2.{number}"))
    assert await world.auth.sign_in.identify("alice", PASSWORD, Client("198.51.100.1", device_token=device))
    for _ in range(10):
        with pytest.raises(WrongCredentials):
            await world.auth.sign_in.identify("alice", "wrong", Client(device_token=device))
    with pytest.raises(TooManyTries):
        await world.auth.sign_in.identify("alice", PASSWORD, Client(device_token=device))


async def test_a_device_is_known_to_its_own_account_alone_and_for_a_year(world: Any) -> None:
    await world.sign_up()
    await world.sign_up("bob")
    started = (await world.auth.browsers.start("alice", PASSWORD, Client())).session
    devices = world.auth.sign_in._throttle._devices
    assert devices.known(started.device_token, started.account_id)
    again = devices.token(started.account_id, started.device_token)
    assert devices.known(again, started.account_id) == devices.known(started.device_token, started.account_id)
    middle = "B" if started.device_token[40] == "A" else "A"
    changed = started.device_token[:40] + middle + started.device_token[41:]
    forged = ["", "x", changed, started.device_token[:-4], "A" * 600, "é"]
    for token, account in [
        (started.device_token, started.account_id + 1),
        *((one, started.account_id) for one in forged),
    ]:
        assert devices.known(token, account) == ""
    world.clock.advance(366 * 86_400)
    assert devices.known(started.device_token, started.account_id) == ""


async def test_unknown_logins_are_throttled_like_known_ones(world: Any) -> None:
    for _ in range(5):
        with pytest.raises(WrongCredentials):
            await world.auth.sign_in.check("nobody", "wrong")
    with pytest.raises(TooManyTries):
        await world.auth.sign_in.check("nobody", "wrong")


@pytest.mark.parametrize(
    ("addresses", "closed"),
    [
        (["192.0.2.7"], "192.0.2.7"),
        (["2001:db8:1:2::1", "2001:db8:1:2:ffff::2"], "2001:db8:1:2::3"),
        (["::ffff:192.0.2.7"], "192.0.2.7"),
    ],
)
async def test_a_network_is_closed_after_a_hundred_failures(world: Any, addresses: list[str], closed: str) -> None:
    await world.sign_up()
    for number in range(100):
        with pytest.raises(WrongCredentials):
            await world.auth.sign_in.check(f"nobody{number}", "wrong", addresses[number % len(addresses)])
    with pytest.raises(TooManyTries):
        await world.auth.sign_in.check("alice", PASSWORD, closed)
    assert await world.auth.sign_in.check("alice", PASSWORD, "198.51.100.1")


async def test_successes_do_not_count_against_a_network(world: Any) -> None:
    await world.sign_up()
    for _ in range(110):
        await world.auth.sign_in.check("alice", PASSWORD, "192.0.2.7")


async def test_an_unreadable_network_address_is_no_reason_to_refuse(world: Any) -> None:
    await world.sign_up()
    assert await world.auth.sign_in.check("alice", PASSWORD, "not an address")


async def test_an_outdated_hash_is_replaced_on_sign_in(world: Any) -> None:
    await world.sign_up()
    before = (await world.repository.credentials_by_username("alice")).password_hash
    world.auth.passwords._hasher = PasswordHasher(2, 8, 1)
    await world.auth.sign_in.check("alice", PASSWORD)
    after = (await world.repository.credentials_by_username("alice")).password_hash
    assert before != after
    assert "t=2" in after
    await world.auth.sign_in.check("alice", PASSWORD)


async def test_an_unknown_login_takes_the_time_of_a_known_one() -> None:
    passwords = Passwords(PasswordHasher(2, 16_384, 1), 1)
    stored = await passwords.hash(PASSWORD)

    async def took(known: str | None) -> float:
        best = 10.0
        for _ in range(5):
            started = time.process_time()  # on a busy machine only CPU time says how much was done
            await passwords.verify("wrong password", known)
            best = min(best, time.process_time() - started)
        return best

    known, unknown = await took(stored), await took(None)
    assert not await passwords.verify("what an unknown login is checked against", None)
    await passwords.stop()
    assert 0.5 < unknown / known < 2


async def test_more_sign_ins_than_can_be_checked_in_time_are_turned_away() -> None:
    passwords = Passwords(PasswordHasher(1, 64, 1), 1)
    tries = [passwords.verify("wrong", None) for _ in range(80)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, PasswordsBusy) for result in results) == 80 - 65
    assert not await passwords.verify("wrong", None)
    await passwords.stop()
