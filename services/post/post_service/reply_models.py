"""Who may reply."""

from __future__ import annotations

from enum import IntEnum


class ReplyPolicy(IntEnum):
    """Who may reply in a thread beside its author; the numbers are stored and are those of the contract."""

    EVERYONE = 1
    FOLLOWERS = 2
    MENTIONED = 3
    NOBODY = 4
