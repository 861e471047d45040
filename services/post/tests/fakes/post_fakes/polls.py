"""Votes, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from post_fakes.store import Store
from post_service.poll_models import Ballot, PollTally, Vote
from post_service.repository.polls import PollEndRepository, PollRepository, VoteRepository
from rookery_common.kafka.events import Event


class MemoryPolls(PollRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, ballot: Ballot, account_id: int, *, serial: bool = False) -> Vote | None:
        self._store.require("cql")
        return self._store.votes.get((ballot, account_id))

    async def choices(self, asked: Sequence[tuple[Ballot, int]]) -> list[tuple[int, ...]]:
        self._store.require("cql")
        held = [self._store.votes.get(key) for key in asked]
        return [vote.choices if vote else () for vote in held]

    async def tallies(self, ballots: Iterable[Ballot]) -> dict[Ballot, PollTally]:
        self._store.require("cql")
        return {ballot: self._tally(ballot) for ballot in ballots}

    async def voters(self, ballot: Ballot, after: int, limit: int) -> tuple[list[int], int]:
        """By account: no buckets are a part here."""
        self._store.require("cql")
        voted = sorted(account_id for held, account_id in self._store.votes if held == ballot)
        page = [account_id for account_id in voted if account_id > after][:limit]
        return page, page[-1] if len(page) == limit else 0

    def _tally(self, ballot: Ballot) -> PollTally:
        votes = [vote for vote in self._store.votes.values() if vote.ballot == ballot]
        chosen = Counter(option for vote in votes for option in vote.choices)
        counts = tuple(chosen[option] for option in range(max(chosen) + 1)) if chosen else ()
        return PollTally(counts, len(votes))


class MemoryPollEnds(PollEndRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def is_told(self, ballot: Ballot, expires_at: datetime) -> bool:
        self._store.require("cql")
        return (ballot, expires_at) in self._store.poll_ends

    async def tell(self, ballot: Ballot, expires_at: datetime, event: Event) -> None:
        self._store.require("cql")
        self._store.poll_ends.add((ballot, expires_at))
        self._store.outbox.append(event)

    async def publish(self, event: Event) -> None:
        self._store.published.append(event)


class MemoryVotes(VoteRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def cast(self, vote: Vote, event: Event) -> Vote:
        self._store.require("cql")
        self._store.pending.append(event)
        return self._store.votes.setdefault((vote.ballot, vote.account_id), vote)

    async def publish(self, event: Event) -> None:
        self._store.pending.remove(event)
        self._store.published.append(event)
