"""The counts of accounts and of the community, kept in slots: the statements that change them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from rookery_common.clients.postgres import PgConnection

COUNT_SLOTS = 8


class CountChange(NamedTuple):
    """What is added to a slot of an account's counts."""

    account_id: int
    slot: int
    followers: int = 0
    following: int = 0
    statuses: int = 0
    last_status_at: datetime | None = None


_COUNT = """
INSERT INTO account_counts AS c (account_id, slot, followers, following, statuses, last_status_at)
SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[])
ON CONFLICT (account_id, slot) DO UPDATE SET
  followers = c.followers + excluded.followers, following = c.following + excluded.following,
  statuses = c.statuses + excluded.statuses, last_status_at = greatest(c.last_status_at, excluded.last_status_at)
"""

_COUNT_TAGS = """
INSERT INTO tag_counts AS c (author_id, name, statuses, last_status_at)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::timestamptz[])
ON CONFLICT (author_id, name) DO UPDATE SET
  statuses = c.statuses + excluded.statuses, last_status_at = greatest(c.last_status_at, excluded.last_status_at)
"""

_COUNT_COMMUNITY = """
INSERT INTO community_counts AS c (slot, accounts, statuses) VALUES ($1, $2, $3)
ON CONFLICT (slot) DO UPDATE SET accounts = c.accounts + excluded.accounts, statuses = c.statuses + excluded.statuses
"""


class TagChange(NamedTuple):
    """What is added to the count of an author's posts with a hashtag."""

    author_id: int
    name: str
    statuses: int
    last_status_at: datetime | None


async def add_to_community(tx: PgConnection, account_id: int, *, accounts: int = 0, statuses: int = 0) -> None:
    """In the slot of this account: the last that its transaction locks, since others wait for it."""
    await tx.execute("community_count", _COUNT_COMMUNITY, account_id % COUNT_SLOTS, accounts, statuses)


async def add_counts(tx: PgConnection, changes: Sequence[CountChange]) -> None:
    """At most one change for each account and slot."""
    # In one order everywhere, so that transactions wait for one another instead of meeting head-on.
    ordered = sorted(changes, key=lambda change: change[:2])
    await tx.execute("counts_add", _COUNT, *(list(column) for column in zip(*ordered, strict=True)))


async def add_tag_counts(tx: PgConnection, changes: Sequence[TagChange]) -> None:
    """At most one change for each author and hashtag."""
    ordered = sorted(changes, key=lambda change: change[:2])
    await tx.execute("tag_counts_add", _COUNT_TAGS, *(list(column) for column in zip(*ordered, strict=True)))
