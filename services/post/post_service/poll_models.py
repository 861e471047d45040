"""Polls and votes, and the limits on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

MIN_POLL_OPTIONS = 2
MAX_POLL_OPTIONS = 4
MAX_POLL_OPTION_CHARS = 50
MIN_POLL_SECONDS = 300
MAX_POLL_SECONDS = 2_629_746
"""A month, as Mastodon counts it."""
MAX_VOTERS_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class PollDraft:
    """What an author asks to be asked, for so many seconds from now on."""

    options: tuple[str, ...]
    expires_in: int
    multiple: bool = False
    hide_totals: bool = False


@dataclass(frozen=True, slots=True)
class Poll:
    """What a post asks. `ballot` names the votes that count: another once an edit has begun it anew."""

    options: tuple[str, ...]
    multiple: bool
    hide_totals: bool
    expires_at: datetime
    ballot: int


class Ballot(NamedTuple):
    """The votes in one post's poll that are counted together."""

    post_id: int
    number: int


@dataclass(frozen=True, slots=True)
class Vote:
    """What an account has chosen, for good; `event_id` is that of the event that tells of it."""

    ballot: Ballot
    account_id: int
    choices: tuple[int, ...]
    event_id: str
    voted_at: datetime
    request_id: str = ""


class PollTally(NamedTuple):
    """How often each option was chosen (empty while nobody has voted), by how many, and what by the viewer."""

    votes: Sequence[int] = ()
    voters: int = 0
    own_choices: Sequence[int] = ()
