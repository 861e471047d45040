"""Who wants digests, and when each is due: by shard and slot, each shard gone through by one process at a time.

A row of the schedule is written before its slot begins, so that whoever goes through the slot afterwards has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from notification_service.digest_models import Digest, Frequency
from rookery_common.clients.cassandra import Cql

SHARDS: Final = 4
LEASE_SECONDS: Final = 60
# Longer than a week and any outage that is made up for.
DUE_TTL_SECONDS: Final = 30 * 86_400
STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "digest_get": "SELECT frequency, slot, told_up_to FROM digests WHERE recipient_id = ?",
        "digest_set": "UPDATE digests SET frequency = ?, slot = ? WHERE recipient_id = ?",
        "digest_advance": "UPDATE digests SET slot = ?, told_up_to = ? WHERE recipient_id = ?",
        "digest_due_put": "INSERT INTO digests_due (shard, slot, recipient_id) VALUES (?, ?, ?) USING TTL ?",
        "digest_due_page": (
            "SELECT recipient_id FROM digests_due WHERE shard = ? AND slot = ? AND recipient_id > ? LIMIT ?"
        ),
        "digest_due_forget": "DELETE FROM digests_due WHERE shard = ? AND slot = ?",
        "digest_shard_reached": "SELECT slot FROM digest_shards WHERE shard = ?",
        "digest_shard_reach": "UPDATE digest_shards SET slot = ? WHERE shard = ?",
        "digest_shard_claim": "UPDATE digest_shards USING TTL ? SET holder = ? WHERE shard = ? IF holder = null",
        "digest_shard_renew": "UPDATE digest_shards USING TTL ? SET holder = ? WHERE shard = ? IF holder = ?",
        "digest_shard_release": "UPDATE digest_shards SET holder = null WHERE shard = ? IF holder = ?",
    }
)


class DigestRepository:
    """Raises Unavailable while CQL is away."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def get(self, recipient_id: int) -> Digest | None:
        """None of whom never wanted any."""
        rows = await self._cql.execute("digest_get", (recipient_id,))
        if not rows or rows[0].frequency is None:
            return None
        row = rows[0]
        return Digest(recipient_id, Frequency(row.frequency), row.slot or 0, row.told_up_to or 0)

    async def put(self, recipient_id: int, frequency: Frequency, slot: int) -> None:
        """From now on they come so often, the next one in that slot."""
        if frequency is not Frequency.OFF:
            await self._schedule(recipient_id, slot)
        await self._cql.execute("digest_set", (int(frequency), slot, recipient_id))

    async def advance(self, recipient_id: int, slot: int, told_up_to: int) -> None:
        """The next one is due in that slot; whether there will be one is the frequency's to say, which stays."""
        await self._schedule(recipient_id, slot)
        await self._cql.execute("digest_advance", (slot, told_up_to, recipient_id))

    async def due(self, shard: int, slot: int, after: int, limit: int) -> list[int]:
        """Recipients of a slot, by their ids; some of them may be due in another one by now."""
        rows = await self._cql.execute("digest_due_page", (shard, slot, after, limit))
        return [row.recipient_id for row in rows]

    async def reached(self, shard: int) -> int | None:
        """The first slot that is not done with; None before the first of all."""
        rows = await self._cql.execute("digest_shard_reached", (shard,))
        return rows[0].slot if rows else None

    async def reach(self, shard: int, slot: int) -> None:
        """All before it are done with; the last of them is forgotten."""
        await self._cql.execute("digest_shard_reach", (slot, shard))
        await self._cql.execute("digest_due_forget", (shard, slot - 1))

    async def lease(self, shard: int, holder: str, *, held: bool) -> bool:
        """Whether the shard is the holder's for the next minute."""
        name, last = ("digest_shard_renew", (holder,)) if held else ("digest_shard_claim", ())
        applied, _ = await self._cql.execute_conditional(name, (LEASE_SECONDS, holder, shard, *last))
        return applied

    async def release(self, shard: int, holder: str) -> None:
        """So that another need not wait for the lease's end."""
        await self._cql.execute_conditional("digest_shard_release", (shard, holder))

    async def _schedule(self, recipient_id: int, slot: int) -> None:
        args = (shard_of(recipient_id), slot, recipient_id, DUE_TTL_SECONDS)
        await self._cql.execute("digest_due_put", args)


def shard_of(recipient_id: int) -> int:
    """Ids are made of time and sequence: their high bits after a multiplication are spread."""
    return (recipient_id * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) * SHARDS >> 64
