"""Entries of timelines, and what a reader sees of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from typing import Final, NamedTuple

from rookery_common.ids import MAX_ID

MAX_PAGE: Final = 80
# More than user lets be on a list.
MAX_LIST_AUTHORS: Final = 500
# More than user lets anybody follow.
MAX_FOLLOWED_TAGS: Final = 100
# Older entries are no longer stored.
HISTORY_DAYS: Final = 30
# Whoever was away for longer has no window either, and a home that is built anew on the return, for however many days
# readers are active now, or were.
AWAY_DAYS: Final = 7
# Timelines of everybody: all public posts, and of these the ones with media (a stream only).
PUBLIC: Final = "public"
PUBLIC_MEDIA: Final = "public:media"
_TAG: Final = "tag:"


def tag_timeline(tag: str) -> str:
    """The timeline of a hashtag, as hashtags are compared."""
    return f"{_TAG}{tag}"


def is_public_timeline(name: str) -> bool:
    """Whether it may name a timeline of everybody."""
    return name in (PUBLIC, PUBLIC_MEDIA) or (name.startswith(_TAG) and len(name) > len(_TAG))


class Reason(IntEnum):
    """Why an entry is in a timeline; the numbers are stored, and those of the contract."""

    FOLLOWED_AUTHOR = 1
    OWN_POST = 2
    REBLOG = 3
    PUBLIC = 4
    FOLLOWED_TAG = 5


class Entry(NamedTuple):
    """A post, or a reblog of one, in somebody's timeline; the timeline is ordered by its id."""

    entry_id: int
    author_id: int
    reason: Reason


Delivery = tuple[int, Entry]  # a reader's id, and what goes into the reader's timeline


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Entries that are asked for: newest first between exclusive bounds, or (with min_id alone) those just above it."""

    limit: int
    max_id: int = 0
    since_id: int = 0
    min_id: int = 0

    @property
    def upwards(self) -> bool:
        """Whether the page is counted from its lower bound."""
        return self.min_id > 0 and self.max_id <= 0

    @property
    def low(self) -> int:
        """Entries are above this id."""
        return max(self.since_id, self.min_id, 0)

    @property
    def high(self) -> int:
        """Entries are below this id."""
        return self.max_id if self.max_id > 0 else MAX_ID

    @property
    def is_bound(self) -> bool:
        """Whether it asks for less than the newest entries."""
        return self.low > 0 or self.high < MAX_ID


@dataclass(frozen=True, slots=True)
class Span:
    """Entries between two exclusive bounds, from the lower one on or from the upper one."""

    above: int
    below: int
    upwards: bool = False

    def beyond(self, reached_id: int) -> Span:
        """What is left of it."""
        return replace(self, above=reached_id) if self.upwards else replace(self, below=reached_id)


@dataclass(frozen=True, slots=True)
class Found:
    """Entries of a span in its direction; `reached_id` is how far it was looked through where there may be more, else
    0."""

    entries: list[Entry]
    reached_id: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """All entries of somebody's between two exclusive bounds, newest first."""

    above: int
    below: int
    entries: Sequence[Entry]

    def first_of(self, span: Span, wanted: int) -> Found | None:
        """At most so many of a span; None where it begins elsewhere."""
        begins = self.above <= span.above < self.below if span.upwards else self.above < span.below <= self.below
        if not begins:
            return None
        inside = [entry for entry in self.entries if span.above < entry.entry_id < span.below]
        first = (inside[::-1] if span.upwards else inside)[:wanted]
        if len(first) == wanted:
            return Found(first, first[-1].entry_id)
        if span.upwards:
            return Found(first, self.below - 1 if self.below < span.below else 0)
        return Found(first, self.above + 1 if self.above > span.above else 0)


@dataclass(frozen=True, slots=True)
class PublicQuery:
    """A page of what is the same for everybody: all public posts, or where `any_tags` is not empty, those with one of
    them; of these the posts with all of `all_tags`, none of `no_tags`, and media if only such are wanted."""

    page: PageQuery
    any_tags: frozenset[str] = frozenset()
    all_tags: frozenset[str] = frozenset()
    no_tags: frozenset[str] = frozenset()
    only_media: bool = False

    def takes(self, post: PublicEntry) -> bool:
        """Whether the post, found by `any_tags`, is wanted."""
        return (
            self.all_tags <= post.tags
            and self.no_tags.isdisjoint(post.tags)
            and (post.has_media or not self.only_media)
        )


@dataclass(frozen=True, slots=True)
class PublicEntry:
    """A post in timelines of everybody, with what decides whether it is wanted there."""

    post_id: int
    author_id: int
    tags: frozenset[str]
    has_media: bool


@dataclass(frozen=True, slots=True)
class PublicChange:
    """A public post that is to be in timelines of everybody, or no longer; `version` is the post's own."""

    entry: PublicEntry
    version: int
    shown: bool
    # Answers to others are in the timelines of their hashtags alone.
    is_answer: bool
    # Whether it may have been in timelines before this.
    is_known: bool

    @property
    def live_kind(self) -> LiveKind:
        """What streams tell of it."""
        if not self.shown:
            return LiveKind.DELETE
        return LiveKind.STATUS_UPDATE if self.is_known else LiveKind.UPDATE

    def channels(self, had: Iterable[str]) -> list[str]:
        """The timelines whose streams are told: where it is now, or where it was, under hashtags that it `had`."""
        tags = sorted(self.entry.tags if self.shown else self.entry.tags.union(had))
        if self.is_answer:
            return list(map(tag_timeline, tags))
        # What was deleted no longer says whether it had media.
        media = [PUBLIC_MEDIA] if self.entry.has_media or not self.shown else []
        return [PUBLIC, *media, *map(tag_timeline, tags)]


@dataclass(frozen=True, slots=True)
class HomePage:
    """Newest first; `more` is false when nothing follows in the direction in which the page was counted."""

    entries: Sequence[Entry]
    more: bool


def joined(page: PageQuery, home: HomePage, others: Iterable[Entry]) -> HomePage:
    """A page of a home with its share of other entries: none from beyond where the home was read. What is in the home
    already stays as what it was."""
    entries = {entry.entry_id: entry for entry in others}
    if home.more and home.entries and page.upwards:
        entries = {key: entry for key, entry in entries.items() if key < home.entries[0].entry_id}
    elif home.more and home.entries:
        entries = {key: entry for key, entry in entries.items() if key > home.entries[-1].entry_id}
    entries |= {entry.entry_id: entry for entry in home.entries}
    ordered = [entries[key] for key in sorted(entries, reverse=True)]
    shown = ordered[-page.limit :] if page.upwards else ordered[: page.limit]
    return HomePage(shown, home.more or len(ordered) > page.limit)


@dataclass(frozen=True, slots=True)
class PublicPage:
    """As a HomePage; `reached_id` is how far posts were looked through, where few or none were wanted, else 0."""

    entries: Sequence[Entry]
    more: bool
    reached_id: int = 0


@dataclass(frozen=True, slots=True)
class HomeQuery:
    """A page of a reader's home, with what is public under the hashtags that the reader follows."""

    reader_id: int
    page: PageQuery
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ListPage:
    """Newest first; `reached_id` is how far the home was read, 0 when nothing follows in the page's direction."""

    entries: Sequence[Entry]
    reached_id: int


@dataclass(frozen=True, slots=True)
class Following:
    """Whom a reader follows now, and of whom the reader wants no reblogs."""

    authors: frozenset[int] = frozenset()
    without_reblogs: frozenset[int] = frozenset()

    def shows(self, reader_id: int, entry: Entry) -> bool:
        """Whether the entry belongs in the reader's home, now that it is read."""
        if entry.author_id == reader_id:
            return True
        if entry.author_id not in self.authors:
            return False
        return entry.reason is not Reason.REBLOG or entry.author_id not in self.without_reblogs


@dataclass(frozen=True, slots=True)
class Mode:
    """From when on an author's posts are merged into homes when these are read, or delivered to each follower again;
    the generations of all authors' modes count up by one."""

    generation: int
    author_id: int
    is_merged: bool
    from_ms: int


@dataclass(frozen=True, slots=True)
class MergedFollows:
    """Of those whom a reader follows, the ones who were merged by a generation of modes."""

    generation: int = 0
    following: Following = field(default_factory=Following)


@dataclass(frozen=True, slots=True)
class ReaderState:
    """On which day (since 1970, UTC) a reader was last seen, and from which id on what is stored is whole."""

    seen_day: int
    complete_from: int = 0


NOBODY_MERGED: Final = MergedFollows()


class Change(Enum):
    """What happened to a post, as far as timelines go."""

    VISIBLE = "visible"
    HELD = "held"
    EDITED = "edited"
    HIDDEN = "hidden"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class PostChange:
    """A post to fan out, or of which those who may be looking at it are told."""

    change: Change
    post_id: int
    author_id: int
    is_reblog: bool = False
    # Set for a direct post: it goes to nobody else.
    only_to: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What of a fan-out is left to be done: a change for one of the author's buckets of followers."""

    change: PostChange
    bucket: int


class LiveKind(IntEnum):
    """What a stream tells of an entry; the numbers are those of the contract."""

    UPDATE = 1
    DELETE = 2
    STATUS_UPDATE = 3


@dataclass(frozen=True, slots=True)
class LiveUpdate:
    """Something that happened in timelines."""

    kind: LiveKind
    entry_id: int
    author_id: int


@dataclass(frozen=True, slots=True)
class MergedUpdate:
    """The same of an entry that is merged into homes: who is told of it is found where streams are served."""

    update: LiveUpdate
    is_reblog: bool


class MarkKind(IntEnum):
    """What a reader may do with a post that says whose posts the reader likes; the numbers are stored."""

    FAVOURITE = 1
    REPLY = 2


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that a reader did with an author's post; its time is that of `mark_id`, the post's or the reply's."""

    mark_id: int
    author_id: int
    kind: MarkKind


@dataclass(frozen=True, slots=True)
class MarkChange:
    """The state of a mark; an older version never replaces a newer one."""

    reader_id: int
    mark: Mark
    active: bool
    version: int


@dataclass(frozen=True, slots=True)
class PostFacts:
    """What everybody did with a post, and whether the viewer has left a mark; of a reblog, with what it shows."""

    original_id: int
    replies: int = 0
    reblogs: int = 0
    favourites: int = 0
    is_marked: bool = False
