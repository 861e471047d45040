"""What is to be written of changes between accounts: rows by statement, and what is added to counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zlib import crc32

from user_service.counts import COUNT_SLOTS, CountChange
from user_service.relationships import statements as sql
from user_service.relationships.models import Block, Follow, Mute, Ties

Slot = tuple[int, int]  # of an account's counts
Row = tuple[object, ...]


class Changes:
    """Rows of one transaction, gathered so that each statement is sent once for all of them."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], list[Row]] = {}
        self._counts: dict[Slot, list[int]] = {}

    def add(self, before: Ties, after: Ties) -> None:
        """What has changed between two, at both ends."""
        if after.mute != before.mute:
            self._mute(after.mute)
        if after.block != before.block:
            self._block(before.block, after.block)
        if after.remark != before.remark:
            remark = after.remark
            row = (remark.account_id, remark.target_id, remark.note, remark.endorsement_id)
            self._row("remark_save", sql.SAVE_REMARK, *row)
        for was, is_now in ((before.follow, after.follow), (before.back, after.back)):
            if is_now != was:
                self._follow(was, is_now)
                self._count(is_now, is_now.active - was.active)

    def statements(self) -> Iterator[tuple[str, str, Sequence[Row]]]:
        """The name of each, its text and its rows, in the order in which they are to be sent."""
        for (name, statement), rows in self._rows.items():
            yield name, statement, rows

    def counts(self) -> list[CountChange]:
        """What is added to counts; one of each account and slot."""
        return [CountChange(*slot, added[0], added[1]) for slot, added in self._counts.items() if any(added)]

    def _row(self, name: str, statement: str, *row: object) -> None:
        self._rows.setdefault((name, statement), []).append(row)

    def _follow(self, before: Follow, after: Follow) -> None:
        follower, followee = after.follower_id, after.followee_id
        settings = (after.reblogs, after.notify, list(after.languages))
        state = (after.active, after.version, after.requested, after.requested_at)
        row = (follower, followee, after.follow_id, after.followed_at, *settings, *state)
        self._row("follow_save", sql.SAVE_FOLLOW, *row)
        if after.active and not before.active:
            self._row("follower_add", sql.ADD_FOLLOWER, followee, follower, after.follow_id)
        elif before.active and not after.active:
            self._row("follower_remove", sql.REMOVE_FOLLOWER, followee, follower)
            self._row("end_with_follow", sql.END_WITH_FOLLOW, follower, followee)
        if after.requested and not before.requested:
            self._row("request_add", sql.ADD_REQUEST, followee, follower, after.follow_id)
        elif before.requested and not after.requested:
            self._row("request_remove", sql.REMOVE_REQUEST, followee, follower)

    def _block(self, before: Block, after: Block) -> None:
        blocker, blocked = after.blocker_id, after.blocked_id
        state = (after.block_id, after.blocked_at, after.active, after.version)
        self._row("block_save", sql.SAVE_BLOCK, blocker, blocked, *state)
        if after.active and not before.active:
            self._row("blocker_add", sql.ADD_BLOCKER, blocked, blocker)
        elif before.active and not after.active:
            self._row("blocker_remove", sql.REMOVE_BLOCKER, blocked, blocker)

    def _mute(self, mute: Mute) -> None:
        state = (mute.mute_id, mute.muted_at, mute.notifications, mute.expires_at, mute.active, mute.version)
        self._row("mute_save", sql.SAVE_MUTE, mute.muter_id, mute.muted_id, *state)

    def _count(self, follow: Follow, change: int) -> None:
        """Both ways between two go into the same slots, so that ending both waits for two rows and not four."""
        slot = count_slot(follow.follower_id, follow.followee_id)
        self._counts.setdefault((follow.followee_id, slot), [0, 0])[0] += change
        self._counts.setdefault((follow.follower_id, slot), [0, 0])[1] += change


def count_slot(account_id: int, other_id: int) -> int:
    """Where the two's follows are counted, of both counts' slots."""
    low, high = sorted((account_id, other_id))
    return crc32(b"%d:%d" % (low, high)) % COUNT_SLOTS
