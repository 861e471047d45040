"""Nobody is told by how long an answer takes who has an account.

What is compared is the CPU time of the whole process, threads included, in turns: other work on the machine does not
count, and what grows meanwhile grows for both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from auth_service.account_models import Client
from auth_service.config import Settings
from auth_service.errors import WrongCredentials
from auth_service.service.passwords import Passwords

PAIRS = 15
# An argon2id more or less is a factor of ten at least; what is left besides differs by less than this.
FACTOR = 2.5
Try = Callable[[int], Awaitable[None]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Passwords cost some milliseconds, as little as shows beside the rest."""
    return settings.model_copy(update={"password_memory_kib": 8192})


async def ratio(known: Try, unknown: Try) -> float:
    """What a known account costs, in what an unknown one does: of the medians."""
    costs: dict[Try, list[float]] = {known: [], unknown: []}
    for number in range(PAIRS):
        for attempt in (known, unknown) if number % 2 else (unknown, known):
            begun = time.process_time()
            await attempt(number)
            costs[attempt].append(time.process_time() - begun)
    return statistics.median(costs[known]) / statistics.median(costs[unknown])


def signing_in(world: Any, login: str) -> Try:
    async def attempt(_number: int) -> None:
        world.clock.advance(901)
        with pytest.raises(WrongCredentials):
            await world.auth.browsers.start(login, "a wrong password", Client("192.0.2.1"))

    return attempt


@pytest.mark.parametrize("login", ["{}", "{}@example.org"])
async def test_signing_in_costs_the_same_whether_there_is_such_an_account(world: Any, login: str) -> None:
    await world.sign_up()
    found = await ratio(signing_in(world, login.format("alice")), signing_in(world, login.format("nobody")))
    assert 1 / FACTOR < found < FACTOR


async def test_this_measure_tells_where_an_unknown_account_costs_no_argon2id(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = Passwords.verify

    async def careless(passwords: Passwords, password: str, stored: str | None) -> bool:
        return stored is not None and await verify(passwords, password, stored)

    monkeypatch.setattr(Passwords, "verify", careless)
    await world.sign_up()
    assert await ratio(signing_in(world, "alice"), signing_in(world, "nobody")) > FACTOR


async def test_asking_for_a_link_costs_the_same_whether_there_is_such_an_account(world: Any) -> None:
    await world.sign_up()

    def asking(address: str) -> Try:
        async def attempt(_number: int) -> None:
            for _ in range(20):  # so short that one alone can't be measured
                await world.auth.security.request_reset(address, Client("192.0.2.1"))

        return attempt

    assert 1 / FACTOR < await ratio(asking("alice@example.org"), asking("nobody@example.org")) < FACTOR


async def test_signing_up_costs_the_same_whether_somebody_has_the_address(world: Any) -> None:
    await world.sign_up()
    # Where addresses are confirmed; elsewhere a taken one is refused.
    world.auth.admission.confirms_emails = True

    def signing_up(kind: str, address: str) -> Try:
        async def attempt(number: int) -> None:
            await world.sign_up(f"{kind}{number}", email=address.format(number))

        return attempt

    found = await ratio(signing_up("taken", "alice@example.org"), signing_up("free", "new{}@example.org"))
    assert 1 / FACTOR < found < FACTOR
