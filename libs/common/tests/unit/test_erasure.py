"""Erasing in steps: all of them, each to its end, for about a second a call."""

from __future__ import annotations

from rookery_common.erasure import ERASING_SECONDS, Erased, StepwiseEraser
from rookery_common.testing.clock import FakeClock

ALICE, BOB = 101, 102


class Rows:
    """A place with rows of accounts, of which each step erases two."""

    def __init__(self, clock: FakeClock, seconds: float = 0) -> None:
        self._clock, self._seconds = clock, seconds
        self.left = {ALICE: 5, BOB: 3}

    async def erase(self, account_id: int) -> int:
        erased = min(2, self.left[account_id])
        self.left[account_id] -= erased
        self._clock.advance(self._seconds)
        return erased


async def test_all_steps_are_taken_to_their_end_and_for_one_account_alone() -> None:
    clock = FakeClock()
    posts, drafts = Rows(clock), Rows(clock)
    eraser = StepwiseEraser([posts.erase, drafts.erase], clock)
    assert await eraser.erase(ALICE) == Erased(done=True, amount=10)
    assert (posts.left, drafts.left) == ({ALICE: 0, BOB: 3}, {ALICE: 0, BOB: 3})


async def test_a_call_ends_with_the_step_that_ends_its_second_and_the_next_goes_on() -> None:
    clock = FakeClock()
    rows = Rows(clock, ERASING_SECONDS)
    eraser = StepwiseEraser([rows.erase], clock)
    assert await eraser.erase(ALICE) == Erased(done=False, amount=2)
    assert await eraser.erase(ALICE) == Erased(done=False, amount=2)
    assert await eraser.erase(ALICE) == Erased(done=False, amount=1)
    assert await eraser.erase(ALICE) == Erased(done=True, amount=0)


async def test_what_is_erased_stays_so_when_it_is_asked_again() -> None:
    clock = FakeClock()
    eraser = StepwiseEraser([Rows(clock).erase], clock)
    await eraser.erase(ALICE)
    assert await eraser.erase(ALICE) == Erased(done=True, amount=0)
