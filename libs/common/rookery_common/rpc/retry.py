"""Retries that can't make an outage worse: a budget of one in ten calls, and waits that are spread out."""

from __future__ import annotations

import random

MAX_TRIES = 3
_FIRST_WAIT = 0.02
_LONGEST_WAIT = 0.5


class RetryBudget:
    """Each call earns a tenth of a retry; a reserve lets a quiet client retry too."""

    def __init__(self, ratio: float = 0.1, reserve: float = 10.0) -> None:
        self._ratio = ratio
        self._reserve = reserve
        self._tokens = reserve

    def earn(self) -> None:
        """A call was made for the first time."""
        self._tokens = min(self._tokens + self._ratio, self._reserve)

    def spend(self) -> bool:
        """Whether one more retry may be made; takes it."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


def backoff(tries: int) -> float:
    """Seconds to wait after so many tries: exponential, with full jitter."""
    longest: float = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0**tries)
    return random.uniform(0.0, longest)  # noqa: S311 - spreads load, keeps no secret
