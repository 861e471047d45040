"""When a breaker opens, probes and closes."""

from __future__ import annotations

import pytest

from rookery_common.rpc.breaker import Breaker, BreakerOpen
from rookery_common.rpc.retry import RetryBudget, backoff
from rookery_common.testing.clock import FakeClock


def opened(clock: FakeClock) -> Breaker:
    breaker = Breaker(clock, "post/Get")
    for _ in range(20):
        breaker.check()
        breaker.failed()
    return breaker


def test_it_opens_when_half_of_twenty_calls_failed(clock: FakeClock) -> None:
    breaker = Breaker(clock, "post/Get")
    for call in range(20):
        breaker.check()
        breaker.failed() if call % 2 else breaker.succeeded()
    with pytest.raises(BreakerOpen):
        breaker.check()


def test_it_stays_closed_when_fewer_failed(clock: FakeClock) -> None:
    breaker = Breaker(clock, "post/Get")
    for call in range(200):
        breaker.check()
        breaker.failed() if call % 3 == 2 else breaker.succeeded()
    assert breaker.closed


def test_it_forgets_what_is_long_past(clock: FakeClock) -> None:
    breaker = Breaker(clock, "post/Get")
    for _ in range(19):
        breaker.failed()
    clock.advance(11)
    breaker.failed()
    assert breaker.closed


def test_after_the_pause_one_probe_goes_through_and_closes_it(clock: FakeClock) -> None:
    breaker = opened(clock)
    clock.advance(1.0)
    breaker.check()
    with pytest.raises(BreakerOpen):
        breaker.check()
    breaker.succeeded()
    breaker.check()
    assert breaker.closed


def test_what_nobody_probed_for_long_is_asked_by_all_again(clock: FakeClock) -> None:
    breaker = opened(clock)
    clock.advance(12.0)
    for _ in range(5):
        breaker.check()
    for _ in range(20):
        breaker.failed()
    with pytest.raises(BreakerOpen):
        breaker.check()


def test_a_probe_that_takes_long_stays_the_only_one(clock: FakeClock) -> None:
    breaker = opened(clock)
    clock.advance(1.0)
    breaker.check()
    clock.advance(60.0)
    with pytest.raises(BreakerOpen):
        breaker.check()


def test_a_probe_that_fails_doubles_the_pause(clock: FakeClock) -> None:
    breaker = opened(clock)
    clock.advance(1.0)
    breaker.check()
    breaker.failed()
    clock.advance(1.0)
    with pytest.raises(BreakerOpen):
        breaker.check()
    clock.advance(1.0)
    breaker.check()


def test_a_probe_whose_caller_went_away_lets_another_try(clock: FakeClock) -> None:
    breaker = opened(clock)
    clock.advance(1.0)
    breaker.check()
    breaker.abandoned()
    breaker.check()


def test_calls_that_were_under_way_when_it_opened_change_nothing(clock: FakeClock) -> None:
    breaker = opened(clock)
    breaker.failed()
    clock.advance(1.0)
    breaker.check()


def test_a_budget_lets_one_call_in_ten_be_retried() -> None:
    budget = RetryBudget()
    while budget.spend():
        continue
    granted = 0
    for _ in range(1000):
        budget.earn()
        granted += budget.spend()
    assert 98 <= granted <= 100


def test_waits_between_tries_are_spread_out_and_bounded() -> None:
    waits = [backoff(tries) for tries in (1, 2, 3, 10) for _ in range(50)]
    assert all(0 <= wait <= 0.5 for wait in waits)
    assert len(set(waits)) > 100
