"""Of whom a recipient wants to hear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

MAX_ANSWERS: Final = 1_000
MAX_ANSWERED_AT_ONCE: Final = 100


class Outcome(IntEnum):
    """What becomes of what such people do; the numbers are stored, and those of the contract."""

    ACCEPT = 1
    FILTER = 2
    DROP = 3


@dataclass(frozen=True, slots=True)
class Policy:
    """By what an account is to the recipient; an account may be several of these."""

    not_following: Outcome = Outcome.ACCEPT
    not_followers: Outcome = Outcome.ACCEPT
    new_accounts: Outcome = Outcome.ACCEPT
    private_mentions: Outcome = Outcome.FILTER
    limited_accounts: Outcome = Outcome.FILTER


@dataclass(frozen=True, slots=True)
class Answer:
    """To one account that is filtered: whether it is accepted, and up to which notification it was dismissed."""

    account_id: int
    is_accepted: bool
    dismissed_up_to: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A recipient's policy, with the answers that were given."""

    policy: Policy = field(default_factory=Policy)
    answers: Sequence[Answer] = ()
