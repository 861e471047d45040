"""The newest notifications of recipients who come often: in Redis, filled from CQL, gone without harm."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from notification_service.models import Kind, Notification, PageQuery, Slot
from notification_service.placement import window_shard
from notification_service.repository import scripts
from rookery_common.clients.redis import RedisClient, Value
from rookery_common.ids import MAX_ID

WINDOW_SLOTS: Final = 400
# So that a window is trimmed once in so many pushes, not at each.
WINDOW_SLACK: Final = 48
KEYS_PER_CALL: Final = 500
CALLS_AT_ONCE: Final = 8
# A window lives for a day after it was last read; nothing is pushed to recipients who stay away for longer.
LIFE_MS: Final = 86_400_000
# Longer than a fill takes; a token that ran out fills nothing.
FILL_MS: Final = 10_000
PREFIX: Final = "notification:"
# One character a kind, its number to the base of 36.
KIND_LETTERS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class WindowPage:
    """What was asked for, as many as wanted if the window has them; it is complete from `floor` on."""

    floor: int
    notifications: list[Notification]


class WindowRepository:
    """Every call raises RedisUnavailable while Redis is away."""

    def __init__(self, redis: RedisClient, prefix: str = PREFIX, *, cluster: bool = False) -> None:
        self._redis = redis
        self._prefix = prefix
        self._cluster = cluster
        self._push = redis.script(scripts.PUSH, name="window_push", shared=True)
        self._read = redis.script(scripts.READ, name="window_read")
        self._begin_fill = redis.script(scripts.BEGIN_FILL, name="window_begin_fill")
        self._finish_fill = redis.script(scripts.FINISH_FILL, name="window_finish_fill")

    async def put(self, slots: Iterable[tuple[int, Slot]]) -> int:
        """(recipient, slot) each, into the windows that exist and reach down to it; returns how many were new."""
        gate = asyncio.Semaphore(CALLS_AT_ONCE)

        async def send(part: Sequence[tuple[int, Slot]]) -> int:
            keys = [self._window(recipient_id) for recipient_id, _ in part]
            members = [_member(slot) for _, slot in part]
            async with gate:
                return int(await self._push(keys, [WINDOW_SLOTS, WINDOW_SLOTS + WINDOW_SLACK, *members]))

        return sum(await asyncio.gather(*(send(part) for part in self._calls(slots))))

    async def read(self, recipient_id: int, page: PageQuery, wanted: int) -> WindowPage | None:
        """At most `wanted` notifications; None where there is no window."""
        high = "+" if page.high >= MAX_ID else f"({_digits(page.high)}"
        kinds = "".join(KIND_LETTERS[kind] for kind in page.kinds)
        account = _digits(page.account_id) if page.account_id else ""
        low = _digits(page.low + 1)
        args: list[Value] = [LIFE_MS, str(int(page.upwards)), low, high, wanted, kinds, account]
        found: list[bytes] = await self._read([self._window(recipient_id)], args)
        if not found:
            return None
        return WindowPage(int(found[0]), [_notification(recipient_id, member) for member in found[1:]])

    async def begin_fill(self, recipient_id: int) -> str:
        """From now on what comes is kept for the recipient; returns the token to finish with, "" if it is filled."""
        token: bytes = await self._begin_fill([self._window(recipient_id)], [secrets.token_hex(8), FILL_MS])
        return token.decode()

    async def finish_fill(
        self, recipient_id: int, token: str, slots: Sequence[Slot], *, floor: int, cleared: int
    ) -> bool:
        """Unites what was read after `begin_fill` with what came meanwhile; False if the token ran out."""
        members = [_member(slot) for slot in slots]
        args: list[Value] = [token, _digits(floor), _digits(cleared), WINDOW_SLOTS, LIFE_MS, *members]
        return bool(await self._finish_fill([self._window(recipient_id)], args))

    async def forget(self, recipient_id: int) -> None:
        """After the list was cleared: the next read fills the window anew, and a fill under way fills nothing."""
        await self._redis.call("window_forget", self._redis.raw.unlink(self._window(recipient_id)))

    def _calls(self, slots: Iterable[tuple[int, Slot]]) -> list[Sequence[tuple[int, Slot]]]:
        """Parts that one script call can take: of any recipients, in a cluster of one slot's."""
        groups: dict[int, list[tuple[int, Slot]]] = {}
        for recipient_id, slot in slots:
            shard = window_shard(recipient_id) if self._cluster else 0
            groups.setdefault(shard, []).append((recipient_id, slot))
        return [
            group[first : first + KEYS_PER_CALL]
            for group in groups.values()
            for first in range(0, len(group), KEYS_PER_CALL)
        ]

    def _window(self, recipient_id: int) -> str:
        return f"{self._prefix}window:{{{window_shard(recipient_id)}}}:{recipient_id}"


def _digits(number: int) -> str:
    return f"{number:019d}"


def _member(slot: Slot) -> str:
    told = slot.notification
    if told is None:
        return _digits(slot.notification_id)
    return f"{told.notification_id:019d}{told.account_id:019d}{told.subject_id:019d}{KIND_LETTERS[told.kind]}"


def _notification(recipient_id: int, member: bytes) -> Notification:
    account_id, subject_id, kind = int(member[19:38]), int(member[38:57]), Kind(int(member[57:], 36))
    return Notification(int(member[:19]), recipient_id, kind, account_id, subject_id)
