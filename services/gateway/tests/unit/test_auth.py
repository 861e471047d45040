"""Tokens are exchanged once, remembered for a while, forgotten at once, and never taken for another's."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import TYPE_CHECKING, Any, cast

import httpx2
import pytest

from gateway_service.auth import TokenExchange
from gateway_service.errors import InvalidAccessToken
from rookery_common.errors import Unavailable
from rookery_common.testing.clock import FakeClock

if TYPE_CHECKING:
    from gateway_fakes.world import World

VERIFY = "/api/v1/accounts/verify_credentials"


async def test_token_is_exchanged_once_until_shortly_before_it_expires(
    world: World, exchange: TokenExchange, clock: FakeClock
) -> None:
    token = world.auth.grant(1)
    for _ in range(3):
        assert (await exchange.exchange(token)).identity.account_id == 1
    assert len(world.auth.made("ExchangeToken")) == 1
    clock.advance(269)
    await exchange.exchange(token)
    assert len(world.auth.made("ExchangeToken")) == 1
    clock.advance(2)
    await exchange.exchange(token)
    assert len(world.auth.made("ExchangeToken")) == 2


async def test_simultaneous_uses_make_one_exchange(world: World, exchange: TokenExchange) -> None:
    token = world.auth.grant(1)
    callers = await asyncio.gather(*(exchange.exchange(token) for _ in range(20)))
    assert {caller.identity.account_id for caller in callers} == {1}
    assert len(world.auth.made("ExchangeToken")) == 1


async def test_callers_are_never_confused(world: World, exchange: TokenExchange, clock: FakeClock) -> None:
    tokens = {world.auth.grant(account_id): account_id for account_id in range(1, 151)}  # More than the cache holds.
    source = random.Random(7)
    for _ in range(20):
        batch = source.choices(list(tokens), k=50)
        callers = await asyncio.gather(*(exchange.exchange(token) for token in batch))
        assert [caller.identity.account_id for caller in callers] == [tokens[token] for token in batch]
        assert [caller.identity.token for caller in callers] == [f"internal-{token}" for token in batch]
        clock.advance(source.choice([0, 1, 100]))


async def test_what_is_remembered_is_bounded(world: World, exchange: TokenExchange) -> None:
    first, *others = [world.auth.grant(account_id) for account_id in range(1, 102)]
    for token in (first, *others):
        await exchange.exchange(token)
    await exchange.exchange(others[-1])
    assert len(world.auth.made("ExchangeToken")) == 101
    await exchange.exchange(first)
    assert len(world.auth.made("ExchangeToken")) == 102


@pytest.mark.parametrize("how", ["session", "account", "token"])
async def test_revoked_token_is_refused_at_once(world: World, exchange: TokenExchange, how: str) -> None:
    token, other = world.auth.grant(1), world.auth.grant(2)
    caller = await exchange.exchange(token)
    await exchange.exchange(other)
    del world.auth.tokens[token]
    if how == "session":
        exchange.forget(caller.identity.session_id)
    elif how == "account":
        exchange.forget_account(1)
    else:
        exchange.forget_token(token)
    with pytest.raises(InvalidAccessToken):
        await exchange.exchange(token)
    assert (await exchange.exchange(other)).identity.account_id == 2
    assert len(world.auth.made("ExchangeToken")) == 3


async def test_revocation_during_an_exchange_is_not_overwritten_by_it(world: World, clock: FakeClock) -> None:
    token = world.auth.grant(1)
    under_way, go_on = asyncio.Event(), asyncio.Event()

    class SlowAuth:
        async def call(self, method: str, request: Any, **options: Any) -> Any:
            answer = await world.auth.call(method, request, **options)
            under_way.set()
            await go_on.wait()
            return answer

    exchange = TokenExchange(cast(Any, SlowAuth()), clock)
    flight = asyncio.create_task(exchange.exchange(token))
    await under_way.wait()
    del world.auth.tokens[token]
    exchange.forget(1)
    go_on.set()
    await flight
    with pytest.raises(InvalidAccessToken):
        await exchange.exchange(token)


async def test_every_use_asks_auth_while_revocations_are_not_heard(world: World, clock: FakeClock) -> None:
    heard = True
    exchange = TokenExchange(cast(Any, world.auth), clock, fresh=lambda: heard)
    token = world.auth.grant(1)
    await exchange.exchange(token)
    heard = False
    del world.auth.tokens[token]
    with pytest.raises(InvalidAccessToken):
        await exchange.exchange(token)
    heard = True
    with pytest.raises(InvalidAccessToken):
        await exchange.exchange(token)


async def test_who_gives_up_does_not_take_the_exchange_from_others(world: World, exchange: TokenExchange) -> None:
    token = world.auth.grant(1)
    first = asyncio.create_task(exchange.exchange(token))
    second = asyncio.create_task(exchange.exchange(token))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).identity.account_id == 1


async def test_failure_is_not_remembered(world: World, exchange: TokenExchange, away: Unavailable) -> None:
    token = world.auth.grant(1)
    world.auth.failure = away
    with pytest.raises(Unavailable):
        await exchange.exchange(token)
    world.auth.failure = None
    assert (await exchange.exchange(token)).identity.account_id == 1


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer nonsense", f"Bearer {'x' * 5000}", "Basic YTpi", "nonsense", "Bearer \xe4"]
)
async def test_bad_token_is_unauthorized(http: httpx2.AsyncClient, header: str) -> None:
    for path in (VERIFY, "/api/v1/statuses/1"):
        answer = await http.get(path, headers=[(b"authorization", header.encode("latin-1"))])
        assert answer.status_code == 401
        assert answer.json() == {"error": "The access token is invalid"}
        assert answer.headers["www-authenticate"].startswith("Bearer ")


async def test_missing_token_is_unauthorized(http: httpx2.AsyncClient, world: World) -> None:
    answer = await http.get(VERIFY)
    assert answer.status_code == 401
    assert not world.auth.made("ExchangeToken")


async def test_expired_token_is_unauthorized(http: httpx2.AsyncClient, world: World, clock: FakeClock) -> None:
    _, headers = world.newcomer("alice")
    assert (await http.get(VERIFY, headers=headers)).status_code == 200
    world.auth.tokens.clear()
    clock.advance(300)
    assert (await http.get(VERIFY, headers=headers)).status_code == 401


async def test_auth_away_is_no_invalid_token(http: httpx2.AsyncClient, world: World, away: Unavailable) -> None:
    _, headers = world.newcomer("alice")
    world.auth.failure = away
    answer = await http.get(VERIFY, headers=headers)
    assert answer.status_code == 503
    assert "retry-after" in answer.headers


async def test_two_users_in_turn_see_their_own_account(http: httpx2.AsyncClient, world: World) -> None:
    people = [world.newcomer(f"person{number}") for number in range(5)]
    for account_id, headers in itertools.islice(itertools.cycle(people), 50):
        answer = await http.get(VERIFY, headers=headers)
        assert answer.json()["id"] == str(account_id)
        assert answer.headers["cache-control"] == "private, no-store"
