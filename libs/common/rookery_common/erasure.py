"""Erasing what a service keeps of a deleted account, in calls of about a second each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, Protocol

from rookery_common.clock import Clock

ERASING_SECONDS: Final = 1.0
ErasureStep = Callable[[int], Awaitable[int]]
"""Erases a bounded part of what one place keeps of an account, and says how much that was; 0: nothing is left there."""


class Erased(NamedTuple):
    """Whether nothing is left, and how much of it this call has erased."""

    done: bool
    amount: int


class Eraser(Protocol):
    """What a service does when an account is erased."""

    async def erase(self, account_id: int) -> Erased:
        """Erases for about a second; may be asked again at any time, also when it was done before."""
        ...


class StepwiseEraser:
    """Takes each step until nothing is left of it, and stops between two when its second is over.

    It notes nothing: what is left is what the steps find, so that the next call makes up for one that was cut off.
    """

    def __init__(self, steps: Sequence[ErasureStep], clock: Clock) -> None:
        self._steps = tuple(steps)
        self._clock = clock

    async def erase(self, account_id: int) -> Erased:
        """Takes one step at least, however slow."""
        end = self._clock.monotonic() + ERASING_SECONDS
        amount = 0
        for step in self._steps:
            while erased := await step(account_id):
                amount += erased
                if self._clock.monotonic() >= end:
                    return Erased(done=False, amount=amount)
        return Erased(done=True, amount=amount)
