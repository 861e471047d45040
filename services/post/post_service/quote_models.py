"""Quotes: posts that show another post, as far as its author lets them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class QuotePolicy(IntEnum):
    """Who may quote a post beside its author; the numbers are stored and are those of the contract."""

    PUBLIC = 1
    FOLLOWERS = 2
    NOBODY = 3


class QuoteState(IntEnum):
    """What has become of a quote. The first two are stored, the others are how a viewer is shown it."""

    ACCEPTED = 1
    REVOKED = 2
    DELETED = 3
    UNAUTHORIZED = 4


@dataclass(frozen=True, slots=True)
class Quote:
    """What a post quotes."""

    post_id: int
    author_id: int
    state: QuoteState = QuoteState.ACCEPTED


class QuotingPost(NamedTuple):
    """A post that quotes another."""

    post_id: int
    author_id: int
