"""Finds events in a CQL outbox that were committed and never published.

Two minutes are looked through at each sweep, for what has just been left, each from where all before was published and
has settled; once a minute everything from the shard's cursor on. It stays ten minutes behind: a write with an unknown
outcome, or a clock that lags, puts rows into the past.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from rookery_common.clients.cassandra import Cql, Row
from rookery_common.clock import Clock
from rookery_common.ids import uuid7
from rookery_common.kafka.events import Event
from rookery_common.kafka.publisher import Sender
from rookery_common.logs import get_logger

GRACE = timedelta(seconds=2)
# A conditional write may still be under way for as long as its caller may wait.
PENDING_GRACE = timedelta(seconds=60)
# What is older than this is not looked at again before the next look at everything.
SETTLED = timedelta(seconds=10)
LAG_MINUTES = 10
FRESH_MINUTES = 2
FULL_EVERY_SECONDS = 60.0
# A keyspace that was never swept is looked through from six hours ago.
FIRST_LOOK_BACK_MINUTES = 360
STEP_MINUTES = 60
LEASE_SECONDS = 60
RENEW_SECONDS = 20.0
PAGE = 1_000
SEND_ROWS = 200
_FIRST = UUID(int=0)
# A shard and a minute.
Partition = tuple[int, int]
_NOTHING: Mapping[Partition, UUID] = {}
log = get_logger()

Confirmer = Callable[[Event], Awaitable[bool]]
Mark = Callable[[Sequence[Event]], Awaitable[None]]


class CqlSweeper:
    """Sweeps the shards that this replica has leased."""

    def __init__(self, cql: Cql, clock: Clock, shards: int, confirmer: Confirmer | None, mark: Mark) -> None:
        self._cql = cql
        self._clock = clock
        self._shards = shards
        self._confirmer = confirmer
        self._mark = mark
        self._holder = uuid7()
        self._renew_at: dict[int, float] = {}
        self._full_at: dict[int, float] = {}
        self._settled: dict[Partition, UUID] = {}

    async def sweep(self, sender: Sender) -> int:
        """Publishes what was left in the leased shards; returns how many."""
        leased = [shard for shard in range(self._shards) if await self._lease(shard)]
        moment = self._clock.monotonic()
        due = [shard for shard in leased if moment >= self._full_at.get(shard, 0.0)]
        fresh = [shard for shard in leased if shard not in due]
        minute = int(self._clock.now().timestamp()) // 60
        self._settled = {key: last for key, last in self._settled.items() if key[1] > minute - FRESH_MINUTES}
        swept = sum([await self._sweep_from_cursor(shard, minute, sender) for shard in due])
        return swept + (await self._sweep_minutes(fresh, minute - FRESH_MINUTES + 1, minute, sender, self._settled))[0]

    async def release(self) -> None:
        """Gives all leases back."""
        held, self._renew_at = list(self._renew_at), {}
        for shard in held:
            await self._cql.execute_conditional("outbox_release", (shard, self._holder))

    async def _lease(self, shard: int) -> bool:
        """Two replicas that both think they hold a shard only send twice, so no fencing is needed."""
        now = self._clock.monotonic()
        if now < self._renew_at.get(shard, 0.0):
            return True
        held = self._renew_at.pop(shard, None) is not None
        name, last = ("outbox_renew", (self._holder,)) if held else ("outbox_claim", ())
        applied, _ = await self._cql.execute_conditional(name, (LEASE_SECONDS, self._holder, shard, *last))
        if applied:
            self._renew_at[shard] = now + RENEW_SECONDS
        return applied

    async def _sweep_from_cursor(self, shard: int, now: int, sender: Sender) -> int:
        rows = await self._cql.execute("outbox_cursor", (shard,))
        cursor = rows[0].minute if rows else None
        start = now - FIRST_LOOK_BACK_MINUTES if cursor is None else cursor
        start, swept = min(start, now - LAG_MINUTES), 0
        while start <= now:
            # In steps, so that a long way is not begun anew when this replica dies on it.
            end = min(start + STEP_MINUTES, now)
            sent, clean_until = await self._sweep_minutes([shard], start, end, sender)
            reached = min(clean_until, now - LAG_MINUTES)
            if cursor is None or reached > cursor:
                await self._cql.execute("outbox_move_cursor", (reached, shard))
                cursor = reached
            start, swept = end + 1, swept + sent
        self._full_at[shard] = self._clock.monotonic() + FULL_EVERY_SECONDS
        return swept

    async def _sweep_minutes(
        self, shards: Sequence[int], start: int, end: int, sender: Sender, settled: Mapping[Partition, UUID] = _NOTHING
    ) -> tuple[int, int]:
        """How many were sent, and the first minute in which something is still open (or that after the last)."""
        swept, clean_until = 0, end + 1
        if not shards:
            return swept, clean_until
        # Most partitions are empty: one query tells which are not.
        found = await self._cql.execute("outbox_minutes", (shards, list(range(start, end + 1))))
        for minute, shard in sorted((row.minute, row.shard) for row in found):
            sent, is_open = await self._sweep_partition(shard, minute, settled.get((shard, minute), _FIRST), sender)
            swept += sent
            if is_open:
                clean_until = min(clean_until, minute)
        return swept, clean_until

    async def _sweep_partition(self, shard: int, minute: int, after: UUID, sender: Sender) -> tuple[int, bool]:
        swept, is_open, has_settled = 0, False, True
        while True:
            page = await self._cql.execute("outbox_scan", (shard, minute, after, PAGE))
            ripe = []
            for row in page:
                if row.published_at is not None or row.occurred_at is None:
                    # Published; or only its marker is left, the row itself has expired.
                    has_settled = has_settled and (row.occurred_at is None or self._age(row) > SETTLED)
                    if has_settled:
                        self._settled[shard, minute] = row.event_id
                    continue
                has_settled = False
                if self._is_ripe(row):
                    ripe.append(row)
                else:
                    is_open = True
            for first in range(0, len(ripe), SEND_ROWS):
                swept += await self._send(shard, minute, ripe[first : first + SEND_ROWS], sender)
            if len(page) < PAGE:
                return swept, is_open
            after = page[-1].event_id

    def _is_ripe(self, row: Row) -> bool:
        return self._age(row) > (PENDING_GRACE if row.pending else GRACE)

    def _age(self, row: Row) -> timedelta:
        return self._clock.now() - _utc(row.occurred_at)

    async def _send(self, shard: int, minute: int, rows: Sequence[Row], sender: Sender) -> int:
        keys = [(shard, minute, row.event_id) for row in rows]
        found = [result[0] for result in await self._cql.many("outbox_get", keys) if result]
        certain = [_event(row) for row in found if not row.pending]
        undecided = [_event(row) for row in found if row.pending]
        applied = [event for event in undecided if await self._applied(event)]
        events = certain + applied
        if events:
            await sender.send_all(events)
        await self._mark(certain + undecided)
        return len(events)

    async def _applied(self, event: Event) -> bool:
        if self._confirmer is None:
            log.error("outbox.pending_without_confirmer", event_id=event.event_id, type=event.type)
            return False
        return await self._confirmer(event)


def _event(row: Row) -> Event:
    return Event(
        event_id=str(row.event_id),
        type=row.type,
        topic=row.topic,
        key=row.key,
        aggregate_id=row.aggregate_id,
        version=row.version,
        occurred_at=_utc(row.occurred_at),
        payload=row.payload,
        traceparent=row.traceparent or "",
        source=row.source,
    )


def _utc(moment: datetime) -> datetime:
    """The driver gives naive times in UTC."""
    return moment.replace(tzinfo=UTC)
