"""Votes in CQL: one row for each account, in buckets that have the sums of their votes beside them.

A vote and the sums change by one conditional batch, so that what is read is exact whoever votes at once. What is told
of it is written first, as pending, and published once the vote is known to hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from post_service.poll_models import Ballot, PollTally, Vote
from rookery_common.clients.calls import UnknownOutcome
from rookery_common.clients.cassandra import Args, Cql, Row
from rookery_common.errors import Unavailable
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.events import Event

BUCKETS = 8
TRIES = 20
_MULTIPLIER = 0x9E3779B97F4A7C15


class PollRepository:
    """Reads votes, and counts them."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def find(self, ballot: Ballot, account_id: int, *, serial: bool = False) -> Vote | None:
        """The account's vote; `serial` before something is concluded from there being none."""
        rows = await self._cql.execute("poll_vote_get", (*_bucket(ballot, account_id), account_id), serial=serial)
        return _vote(ballot, account_id, rows[0]) if rows else None

    async def choices(self, asked: Sequence[tuple[Ballot, int]]) -> list[tuple[int, ...]]:
        """What each of the accounts has chosen in each ballot, in order; nothing without a vote."""
        keys = [(*_bucket(ballot, account_id), account_id) for ballot, account_id in asked]
        pages = await self._cql.many("poll_vote_get", keys)
        return [tuple(rows[0].choices) if rows else () for rows in pages]

    async def tallies(self, ballots: Iterable[Ballot]) -> dict[Ballot, PollTally]:
        """What has been voted in each."""
        asked = list(ballots)
        pages = await self._cql.many("poll_tally", [(*ballot, list(range(BUCKETS))) for ballot in asked])
        return {ballot: _tally(rows) for ballot, rows in zip(asked, pages, strict=True)}

    async def voters(self, ballot: Ballot, after: int, limit: int) -> tuple[list[int], int]:
        """Up to `limit` accounts that have voted, from behind account `after` on, and where to go on; 0 at the end."""
        first = _bucket(ballot, after)[-1] if after else 0
        found: list[int] = []
        for bucket in range(first, BUCKETS):
            above = after if bucket == first else 0
            rows = await self._cql.execute("poll_voters", (*ballot, bucket, above, limit - len(found)))
            found += [row.account_id for row in rows]
            if len(found) >= limit:
                return found, found[-1]
        return found, 0


class PollEndRepository:
    """Notes which ends of polls have been told of."""

    def __init__(self, cql: Cql, outbox: CqlOutbox) -> None:
        self._cql = cql
        self._outbox = outbox

    async def is_told(self, ballot: Ballot, expires_at: datetime) -> bool:
        """Whether this end has been told of."""
        return bool(await self._cql.execute("poll_end_get", (*ballot, expires_at)))

    async def tell(self, ballot: Ballot, expires_at: datetime, event: Event) -> None:
        """The note and the event, in one logged batch."""
        await self._cql.batch([("poll_end_put", (*ballot, expires_at)), *self._outbox.rows(event)])

    async def publish(self, event: Event) -> None:
        """After `tell`; returns at once. What a crash keeps from being published, the relay publishes."""
        await self._outbox.publish_soon([event])


class VoteRepository:
    """Casts votes."""

    def __init__(self, cql: Cql, outbox: CqlOutbox, polls: PollRepository) -> None:
        self._cql = cql
        self._outbox = outbox
        self._polls = polls

    async def cast(self, vote: Vote, event: Event) -> Vote:
        """The vote that the account has from now on: this one, unless there was one. Raises Unavailable where too many
        vote at once, and where it does not become known whether this vote holds."""
        await self._outbox.add_pending(event)
        bucket = _bucket(vote.ballot, vote.account_id)
        for _ in range(TRIES):
            # The sums first: whatever changes after this makes the batch fail.
            rows = await self._cql.execute("poll_sums", bucket, serial=True)
            held = await self._polls.find(vote.ballot, vote.account_id, serial=True)
            if held is not None:
                return held
            try:
                applied, _ = await self._cql.batch_conditional(_changes(vote, bucket, rows[0] if rows else None))
            except UnknownOutcome:
                continue
            if applied:
                return vote
        raise Unavailable("too many are voting at once")

    async def publish(self, event: Event) -> None:
        """Once the vote is known to hold. What a crash keeps from being published, the relay publishes."""
        await self._outbox.confirm(event)
        await self._outbox.publish_soon([event])


def _changes(vote: Vote, bucket: Args, sums: Row | None) -> list[tuple[str, Args]]:
    revision = sums.revision if sums else None
    chosen: Counter[int] = Counter(dict(enumerate(sums.votes or ()))) if sums else Counter()
    chosen.update(vote.choices)
    votes = [chosen[option] for option in range(max(chosen) + 1)]
    voters = ((sums.voters or 0) if sums else 0) + 1
    row = (vote.account_id, list(vote.choices), vote.request_id, vote.event_id, vote.voted_at)
    return [
        ("poll_count", (votes, voters, (revision or 0) + 1, *bucket, revision)),
        ("poll_vote_put", (*bucket, *row)),
    ]


def _tally(rows: Sequence[Row]) -> PollTally:
    chosen: Counter[int] = Counter()
    for row in rows:
        chosen.update(dict(enumerate(row.votes or ())))
    votes = tuple(chosen[option] for option in range(max(chosen) + 1)) if chosen else ()
    return PollTally(votes, sum(row.voters or 0 for row in rows))


def _vote(ballot: Ballot, account_id: int, row: Row) -> Vote:
    voted_at = row.voted_at.replace(tzinfo=UTC)
    return Vote(ballot, account_id, tuple(row.choices), row.event_id, voted_at, row.request_id or "")


def _bucket(ballot: Ballot, account_id: int) -> tuple[int, int, int]:
    # Ids made in a row differ in few bits: multiplied, they spread.
    return (*ballot, (account_id * _MULTIPLIER & 0xFFFFFFFFFFFFFFFF) * BUCKETS >> 64)
