"""The newest entries of readers who come often, and whom they follow: in Redis, filled from CQL, gone without harm."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Final, TypeVar

from feed_service.follow_models import Follower
from feed_service.models import NOBODY_MERGED, Delivery, Entry, Following, MergedFollows, PageQuery, Reason
from feed_service.placement import window_shard
from feed_service.repository import scripts
from rookery_common.clients.redis import RedisClient, Script, Value
from rookery_common.ids import MAX_ID

WINDOW_ENTRIES: Final = 400
# So that a window is trimmed once in so many pushes, not at each.
WINDOW_SLACK: Final = 48
KEYS_PER_CALL: Final = 500
CALLS_AT_ONCE: Final = 8
# A window lives for a week after it was last read; nothing is pushed to readers who stay away for longer.
LIFE_MS: Final = 7 * 86_400_000
# Longer than a fill takes; a token that ran out fills nothing.
FILL_MS: Final = 10_000
PREFIX: Final = "feed:"
_SCANNED_AT_ONCE: Final = 1_000
# The last digit of a member.
_REASONS: Final = {b"%d" % reason: reason for reason in Reason}
T = TypeVar("T")


class Missing(Enum):
    """Why a window did not answer."""

    FOLLOWING = "following"
    WINDOW = "window"


@dataclass(frozen=True, slots=True)
class WindowPage:
    """Entries in the direction asked for, as many as wanted if the window has them; it is complete from `floor` on."""

    floor: int
    entries: list[Entry]
    # Whose posts are to be merged with them.
    merged: MergedFollows = NOBODY_MERGED


@dataclass(frozen=True, slots=True)
class WindowQuery:
    """A reader's page, of at most `wanted` entries."""

    reader_id: int
    page: PageQuery
    wanted: int


class WindowRepository:
    """Windows and followings; every call raises RedisUnavailable while Redis is away."""

    def __init__(self, redis: RedisClient, prefix: str = PREFIX, *, cluster: bool = False) -> None:
        self._redis = redis
        self._prefix = prefix
        self._cluster = cluster
        self._push = redis.script(scripts.PUSH, name="window_push")
        self._read = redis.script(scripts.READ, name="window_read", shared=True)
        self._begin_fill = redis.script(scripts.BEGIN_FILL, name="window_begin_fill")
        self._finish_fill = redis.script(scripts.FINISH_FILL, name="window_finish_fill")
        self._forget_below = redis.script(scripts.FORGET_BELOW, name="window_forget_below", shared=True)
        self._begin_following = redis.script(scripts.BEGIN_FOLLOWING, name="following_begin")
        self._finish_following = redis.script(scripts.FINISH_FOLLOWING, name="following_finish")
        self._find_merged = redis.script(scripts.FIND_MERGED, name="merged_find")
        self._who_follows = redis.script(scripts.WHO_FOLLOWS, name="following_who")

    async def push(self, deliveries: Iterable[Delivery]) -> int:
        """Into the windows that exist and reach down to the entry; returns how many entries were new there."""
        calls = self._calls(list(deliveries), lambda delivery: delivery[0])
        slots = asyncio.Semaphore(CALLS_AT_ONCE)

        async def send(part: Sequence[Delivery]) -> int:
            keys = [self._window(reader_id) for reader_id, _ in part]
            members = [_member(entry) for _, entry in part]
            async with slots:
                return int(await self._push(keys, [WINDOW_ENTRIES, WINDOW_ENTRIES + WINDOW_SLACK, *members]))

        return sum(await asyncio.gather(*(send(part) for part in calls)))

    async def read(self, queries: Sequence[WindowQuery]) -> list[WindowPage | Missing]:
        """All of the pages by one call (in a cluster one a slot), without what their readers do not follow now."""
        answers: dict[WindowQuery, WindowPage | Missing] = {}

        async def ask(part: Sequence[WindowQuery]) -> None:
            keys = [key for query in part for key in self._keys(query.reader_id)]
            args: list[Value] = [LIFE_MS, *(arg for query in part for arg in _read_args(query))]
            found = await self._read(keys, args)
            answers.update(zip(part, (_page(answer) for answer in found), strict=True))

        await asyncio.gather(*(ask(part) for part in self._calls(queries, lambda query: query.reader_id)))
        return [answers[query] for query in queries]

    async def begin_fill(self, reader_id: int) -> str:
        """From now on entries are kept for the reader; returns the token to finish with, "" if the window is filled."""
        return await self._begin(self._begin_fill, self._window(reader_id))

    async def finish_fill(self, reader_id: int, token: str, entries: Sequence[Entry], floor: int) -> bool:
        """Unites what was read after `begin_fill` with what was pushed meanwhile; False if the token ran out."""
        members = [_member(entry) for entry in entries]
        args: list[Value] = [token, _digits(floor), WINDOW_ENTRIES, LIFE_MS, *members]
        return bool(await self._finish_fill([self._window(reader_id)], args))

    async def begin_following(self, reader_id: int) -> str:
        """Like `begin_fill`, for whom the reader follows."""
        return await self._begin(self._begin_following, self._following(reader_id))

    async def finish_following(
        self, reader_id: int, token: str, following: Following, merged: MergedFollows = NOBODY_MERGED
    ) -> bool:
        """Also who of them is merged. False if the token ran out, or the reader's follows have changed since
        `begin_following`."""
        members = [str(author_id) for author_id in following.authors]
        members += [f"-{author_id}" for author_id in following.without_reblogs]
        keys = [self._following(reader_id), self._merged(reader_id)]
        args: list[Value] = [token, LIFE_MS, merged.generation, _merged_members(merged.following), *members]
        return bool(await self._finish_following(keys, args))

    async def find_merged(self, reader_id: int, known: int, reached: int, author_ids: Sequence[int]) -> MergedFollows:
        """Adds those of the authors whom the reader follows to who was merged by the generation `known`: then it is who
        was by `reached`. Where anything has changed meanwhile, what is there now."""
        keys = [self._following(reader_id), self._merged(reader_id)]
        args: list[Value] = [secrets.token_hex(8), LIFE_MS, known, reached, *author_ids]
        return _merged_follows(await self._find_merged(keys, args))

    async def who_follows(self, author_id: int, reader_ids: Sequence[int]) -> tuple[list[Follower], list[int]]:
        """Those of the readers who follow the author, and those of whom it is not known here."""
        followers, unknown = list[Follower](), list[int]()
        for part in self._calls(reader_ids, lambda reader_id: reader_id):
            keys = [self._following(reader_id) for reader_id in part]
            for reader_id, state in zip(part, await self._who_follows(keys, [author_id]), strict=True):
                if state == 1:
                    unknown.append(reader_id)
                elif state:
                    followers.append(Follower(reader_id, state == 3))
        return followers, unknown

    async def forget_following(self, reader_id: int) -> None:
        """After a change of whom the reader follows: the next read takes it from CQL."""
        keys = (self._following(reader_id), self._merged(reader_id))
        await self._redis.send("following_forget", [("UNLINK", *keys)])

    async def forget_below(self, reader_id: int, floor: int) -> None:
        """After a new follow: a window that reaches below the floor has not all that its home has there now."""
        await self._forget_below([self._window(reader_id)], [_digits(floor)])

    async def readers(self, most: int) -> AsyncIterator[list[int]]:
        """Who has a window, at most so many at a time; some may be told of twice, and who gets one meanwhile not."""
        found = self._redis.raw.scan_iter(match=f"{self._prefix}home:*", count=_SCANNED_AT_ONCE)
        readers: list[int] = []
        while (key := await self._redis.call("window_scan", anext(found, None))) is not None:
            readers.append(int(key.rpartition(b":")[2]))
            if len(readers) == most:
                yield readers
                readers = []
        if readers:
            yield readers

    async def forget(self, reader_id: int) -> None:
        """A reader's window, and whom it follows."""
        for key in self._keys(reader_id):
            await self._redis.call("window_forget", self._redis.raw.unlink(key))

    async def _begin(self, script: Script, key: str) -> str:
        token: bytes = await script([key], [secrets.token_hex(8), FILL_MS])
        return token.decode()

    def _calls(self, items: Sequence[T], reader_of: Callable[[T], int]) -> list[Sequence[T]]:
        """Parts that one script call can take: of any readers, in a cluster of one slot's."""
        groups: dict[int, list[T]] = {}
        for item in items:
            groups.setdefault(window_shard(reader_of(item)) if self._cluster else 0, []).append(item)
        return [
            group[first : first + KEYS_PER_CALL]
            for group in groups.values()
            for first in range(0, len(group), KEYS_PER_CALL)
        ]

    def _keys(self, reader_id: int) -> tuple[str, str, str]:
        return self._window(reader_id), self._following(reader_id), self._merged(reader_id)

    def _window(self, reader_id: int) -> str:
        return f"{self._prefix}home:{{{window_shard(reader_id)}}}:{reader_id}"

    def _following(self, reader_id: int) -> str:
        return f"{self._prefix}following:{{{window_shard(reader_id)}}}:{reader_id}"

    def _merged(self, reader_id: int) -> str:
        return f"{self._prefix}merged:{{{window_shard(reader_id)}}}:{reader_id}"


def _digits(number: int) -> str:
    return f"{number:019d}"


def _member(entry: Entry) -> str:
    return f"{entry.entry_id:019d}{entry.author_id:019d}{entry.reason:d}"


@lru_cache(maxsize=65_536)  # A new post is in many homes.
def _entry(member: bytes) -> Entry:
    return Entry(int(member[:19]), int(member[19:38]), _REASONS[member[38:]])


def _read_args(query: WindowQuery) -> tuple[Value, ...]:
    page = query.page
    high = "+" if page.high >= MAX_ID else f"({_digits(page.high)}"
    return _digits(query.reader_id), str(int(page.upwards)), f"[{_digits(page.low + 1)}", high, query.wanted


def _page(answer: list[Any]) -> WindowPage | Missing:
    if answer[0] in (b"following", b"window"):
        return Missing(answer[0].decode())
    return WindowPage(int(answer[0]), [_entry(member) for member in answer[2:]], _merged_follows(answer[1]))


def _merged_members(following: Following) -> str:
    signs = {author_id: "-" if author_id in following.without_reblogs else "" for author_id in following.authors}
    return ",".join(f"{sign}{author_id}" for author_id, sign in signs.items())


def _merged_follows(value: bytes) -> MergedFollows:
    """`token|generation|authors`, with `-` before those of whom no reblogs are wanted; nothing is no generation."""
    if not value:
        return NOBODY_MERGED
    _, generation, members = value.split(b"|")
    numbers = frozenset(map(int, members.split(b","))) if members else frozenset[int]()
    if b"-" not in members:
        return MergedFollows(int(generation), Following(numbers))
    without_reblogs = frozenset(-number for number in numbers if number < 0)
    return MergedFollows(int(generation), Following(frozenset(map(abs, numbers)), without_reblogs))
