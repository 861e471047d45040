"""Statements of exports; all on the primary, so that their owner meets each change at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rookery_common.clients.postgres import Postgres
from rookery_common.ids import MAX_ID
from user_service.transfers.models import Kind, Position, Row

FOLLOWS = """
SELECT f.follow_id AS position, a.username, f.reblogs, f.notify, f.languages
FROM follows_by_follower f JOIN accounts a ON a.account_id = f.followee_id
WHERE f.follower_id = $1 AND f.follow_id < $2 AND f.active ORDER BY f.follow_id DESC LIMIT $3
"""
BLOCKS = """
SELECT b.block_id AS position, a.username
FROM blocks_by_blocker b JOIN accounts a ON a.account_id = b.blocked_id
WHERE b.blocker_id = $1 AND b.block_id < $2 AND b.active ORDER BY b.block_id DESC LIMIT $3
"""
MUTES = """
SELECT m.mute_id AS position, a.username, m.notifications
FROM mutes m JOIN accounts a ON a.account_id = m.muted_id
WHERE m.muter_id = $1 AND m.mute_id < $2 AND m.active AND (m.expires_at IS NULL OR m.expires_at > $4)
ORDER BY m.mute_id DESC LIMIT $3
"""
LISTS = """
SELECT m.list_id, m.member_id AS position, a.username, l.title AS list_title
FROM list_members m
JOIN lists l ON l.account_id = m.account_id AND l.list_id = m.list_id
JOIN accounts a ON a.account_id = m.member_id
WHERE m.account_id = $1 AND (m.list_id, m.member_id) > ($4, $2) ORDER BY m.list_id, m.member_id LIMIT $3
"""
_STATEMENTS: Final[Mapping[Kind, str]] = {
    Kind.FOLLOWS: FOLLOWS,
    Kind.BLOCKS: BLOCKS,
    Kind.MUTES: MUTES,
    Kind.LISTS: LISTS,
}


class ExportRepository:
    """What accounts are to others, with the others' names."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    async def page(
        self, kind: Kind, account_id: int, after: Position | None, limit: int, now: datetime
    ) -> tuple[list[Row], Position | None]:
        """So many of the account's, and where the next page begins; None on the last."""
        position = after or Position(id=0 if kind is Kind.LISTS else MAX_ID)
        more: tuple[object, ...] = ()
        if kind is Kind.MUTES:
            more = (now,)
        elif kind is Kind.LISTS:
            more = (position.list_id,)
        async with self._pg.read(primary=True) as connection:
            rows = await connection.fetch(
                f"export_{kind.name.lower()}", _STATEMENTS[kind], account_id, position.id, limit + 1, *more
            )
        return [_row(kind, row) for row in rows[:limit]], _next(kind, rows, limit)


def _next(kind: Kind, rows: Sequence[Any], limit: int) -> Position | None:
    if len(rows) <= limit:
        return None
    last = rows[limit - 1]
    return Position(last["list_id"] if kind is Kind.LISTS else 0, last["position"])


def _row(kind: Kind, row: Any) -> Row:
    match kind:
        case Kind.FOLLOWS:
            return Row(row["username"], row["reblogs"], row["notify"], tuple(row["languages"]))
        case Kind.MUTES:
            return Row(row["username"], notifications=row["notifications"])
        case Kind.LISTS:
            return Row(row["username"], list_title=row["list_title"])
        case _:
            return Row(row["username"])
