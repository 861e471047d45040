"""What services answer side by side, as composing reads it: plain tuples, shared where most are alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Final, NamedTuple, Protocol

from rookery.feed.v1.feed_service_pb2 import BatchGetHomeResult
from rookery.post.v1.poll_pb2 import PollTally
from rookery.post.v1.post_pb2 import PostMarks
from rookery.post.v1.post_service_pb2 import BatchGetPostsResult, PostColumns, PostView
from rookery.user.v1.account_pb2 import Relationship
from rookery.user.v1.user_service_pb2 import BatchGetRelationshipsResult

Numbers = tuple[int, int, int, int]
COUNTS: Final = ("replies", "reblogs", "favourites", "quotes")
# Bit n of a post's marks is field n of the message.
MARKS: Final[Mapping[str, int]] = {field.name: 1 << field.number for field in PostMarks.DESCRIPTOR.fields}


class Entry(Protocol):
    """What stands in a timeline: a message of feed's, or one row of its columns."""

    @property
    def entry_id(self) -> int: ...

    @property
    def author_id(self) -> int: ...

    @property
    def reason(self) -> int: ...


class EntryRow(NamedTuple):
    """An entry that came in columns, or as a piece of news."""

    entry_id: int
    author_id: int
    reason: int = 0


class Skeleton(NamedTuple):
    """What feed answers for a page of any timeline: the ids, newest first, and whether there are more.

    `reached_id` is how far it has looked, where little of what it read was wanted, else 0.
    """

    entries: Sequence[Entry]
    more: bool
    reached_id: int = 0


class View(NamedTuple):
    """What of a post differs by moment and viewer; `numbers` are replies, reblogs, favourites and quotes."""

    numbers: Numbers = (0, 0, 0, 0)
    marks: int = 0
    # None where the post has no poll, or its votes can't be read now.
    poll: PollTally | None = None
    quote_state: int = 0


# As most are.
UNTOUCHED: Final = View()


class Relation(NamedTuple):
    """What the viewer is to an account, as far as that decides what is shown."""

    following: bool
    showing_reblogs: bool
    followed_by: bool
    blocking: bool
    blocked_by: bool
    muting: bool
    muting_notifications: bool
    exclusively_listed: bool
    # Followed with everything, and nothing that hides any of it: as most of those are whose posts are in a home.
    usual: bool
    languages: tuple[str, ...] = ()


_FLAGS: Final = Relation._fields[:8]
_BITS: Final = tuple(1 << Relationship.DESCRIPTOR.fields_by_name[name].number for name in _FLAGS)


@lru_cache(maxsize=4096)
def relation_of(flags: int) -> Relation:
    """By a bit for each field of the message."""
    return _relation([bool(flags & bit) for bit in _BITS])


def relation_in(message: Relationship) -> Relation:
    """What a whole message says."""
    return _relation([getattr(message, name) for name in _FLAGS], tuple(message.languages))


def relations_of(result: BatchGetRelationshipsResult) -> dict[int, Relation]:
    """What the viewer is to accounts, by their ids."""
    columns = result.columns
    found = dict(zip(columns.account_ids, map(relation_of, columns.flags), strict=True))
    found.update((message.account_id, relation_in(message)) for message in result.relationships)
    return found


class Ties(NamedTuple):
    """What a viewer is to accounts, and an epoch that changes with the viewer's own; empty where it is not known."""

    relations: dict[int, Relation]
    epoch: bytes = b""


def skeleton_of(result: BatchGetHomeResult) -> Skeleton:
    """A page of a home, however it was answered."""
    columns = result.columns
    rows = list(map(EntryRow, columns.entry_ids, columns.author_ids, columns.reasons))
    return Skeleton(rows or result.entries, result.more)


def views_of(result: BatchGetPostsResult) -> dict[int, View]:
    """What of the posts differs, by their ids."""
    found = _unchanged(result.unchanged)
    for message in result.posts:
        found[message.post_id] = _view(message)
    return found


def _unchanged(columns: PostColumns) -> dict[int, View]:
    ids = columns.post_ids
    numbers = (columns.replies, columns.reblogs, columns.favourites, columns.quotes)
    if not columns.marks and not any(numbers):
        return dict.fromkeys(ids, UNTOUCHED)
    filled = zip(*(column or repeat(0, len(ids)) for column in numbers), strict=True)
    return dict(zip(ids, map(View, filled, columns.marks or repeat(0, len(ids))), strict=True))


def _view(message: PostView) -> View:
    if not (message.HasField("counts") or message.HasField("marks") or message.HasField("poll") or message.quote_state):
        return UNTOUCHED
    counts, marks = message.counts, message.marks
    return View(
        (counts.replies, counts.reblogs, counts.favourites, counts.quotes),
        sum(bit for name, bit in MARKS.items() if getattr(marks, name)),
        message.poll if message.HasField("poll") else None,
        message.quote_state,
    )


def _relation(flags: Sequence[bool], languages: tuple[str, ...] = ()) -> Relation:
    following, showing_reblogs, _followed_by, *hiding = flags
    usual = following and showing_reblogs and not any(hiding) and not languages
    return Relation._make((*flags, usual, languages))
