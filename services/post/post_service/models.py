"""What the service deals with, and the limits on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from post_service.card_models import LinkCard
from post_service.engagement_models import UNIX_EPOCH as UNIX_EPOCH
from post_service.engagement_models import Bookmark as Bookmark
from post_service.engagement_models import Engaged as Engaged
from post_service.engagement_models import EngagedBounds as EngagedBounds
from post_service.engagement_models import Fact as Fact
from post_service.engagement_models import FactKind as FactKind
from post_service.engagement_models import MarkedPost as MarkedPost
from post_service.engagement_models import MarkKind as MarkKind
from post_service.poll_models import Poll, PollDraft, PollTally
from post_service.quote_models import Quote, QuotePolicy, QuoteState
from post_service.reply_models import ReplyPolicy
from post_service.upload_models import MAX_UNFINISHED as MAX_UNFINISHED
from post_service.upload_models import OF_PROFILE as OF_PROFILE
from post_service.upload_models import UNFINISHED as UNFINISHED
from post_service.upload_models import Dimensions as Dimensions
from post_service.upload_models import MediaType as MediaType
from post_service.upload_models import MediaWork as MediaWork
from post_service.upload_models import Playback as Playback
from post_service.upload_models import ProcessedMedia as ProcessedMedia
from post_service.upload_models import ProfilePicture as ProfilePicture
from post_service.upload_models import Purpose as Purpose
from post_service.upload_models import Sound as Sound
from post_service.upload_models import UploadNote as UploadNote

MAX_POST_CHARS = 500
MAX_POST_BYTES = 16_384
"""Characters count as people see them and a link counts 23, so the bytes need a bound of their own."""
MAX_MENTIONS = 20
MAX_TAGS = 30
MAX_TAG_CHARS = 100
MAX_MEDIA = 4
MAX_EDITS = 100
MAX_PINS = 5
MAX_REQUEST_ID_CHARS = 200
MAX_APPLICATION_NAME_CHARS = 200
MAX_APPLICATION_WEBSITE_CHARS = 2_000
MAX_POSTS_PER_QUERY = 200
MAX_PAGE_SIZE = 80
DEFAULT_PAGE_SIZE = 20

MAX_THREAD_POSTS = 4_096
MAX_THREAD_POSTS_UNSIGNED = 60
"""What one answer shows of a post's replies, to members and to those who are not signed in."""

MAX_UPLOAD_BYTES = 16 * 1024 * 1024
MAX_PLAYED_BYTES = 40 * 1024 * 1024
"""Of a picture, and of a video or audio."""
MAX_CHUNK_BYTES = 256 * 1024
MAX_DESCRIPTION_CHARS = 1_500
UNATTACHED_SECONDS = 24 * 3600
"""How long an upload waits for its post."""


class Visibility(IntEnum):
    """Who may see a post; the numbers are stored and are those of the contract."""

    PUBLIC = 1
    UNLISTED = 2
    PRIVATE = 3
    DIRECT = 4


class PostState(IntEnum):
    """Whether policy lets a post be seen; the numbers are stored and are those of the contract."""

    VISIBLE = 1
    HELD = 2
    REMOVED = 3
    DELETED = 4


@dataclass(frozen=True, slots=True)
class Focus:
    """The point that a cropped preview keeps, from -1 to 1 each; 0, 0 is the centre."""

    x: float = 0.0
    y: float = 0.0


CENTRE = Focus()


@dataclass(frozen=True, slots=True)
class Media:
    """A stored file. `post_id` is 0 until it is attached; `version` is the write timestamp of its row.

    One that is unfinished has no keys, of its playback the type alone, and a `failure` where nothing can be made of it.
    """

    media_id: int
    account_id: int
    type: MediaType
    original_key: str
    small_key: str
    original: Dimensions
    small: Dimensions
    blurhash: str
    description: str = ""
    focus: Focus = CENTRE
    post_id: int = 0
    version: int = 0
    playback: Playback | None = None
    failure: str = ""

    @property
    def is_unfinished(self) -> bool:
        """Whether it is being processed, or could not be."""
        return self.post_id == UNFINISHED


@dataclass(frozen=True, slots=True)
class Mention:
    """An account that a post names."""

    account_id: int
    username: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What an author asks to be posted. `request_id` is the client's Idempotency-Key, empty for none."""

    text: str = ""
    spoiler_text: str = ""
    sensitive: bool = False
    visibility: Visibility = Visibility.PUBLIC
    language: str = ""
    in_reply_to_id: int = 0
    media_ids: tuple[int, ...] = ()
    application_name: str = ""
    application_website: str = ""
    request_id: str = ""
    poll: PollDraft | None = None
    quoted_id: int = 0
    quote_policy: QuotePolicy = QuotePolicy.PUBLIC
    reply_policy: ReplyPolicy = ReplyPolicy.EVERYONE


@dataclass(frozen=True, slots=True)
class MediaChange:
    """What an edit changes of one of its media; None for what stays as it is."""

    media_id: int
    description: str | None = None
    focus_x: float | None = None
    focus_y: float | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """What a post says from now on; an empty language and an unset policy stay as they are."""

    text: str = ""
    spoiler_text: str = ""
    sensitive: bool = False
    language: str = ""
    media_ids: tuple[int, ...] = ()
    media_changes: tuple[MediaChange, ...] = ()
    poll: PollDraft | None = None
    quote_policy: QuotePolicy | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """What a post said from `create_time` on, until the next one."""

    text: str
    spoiler_text: str
    sensitive: bool
    create_time: datetime
    media: tuple[Media, ...]
    mentions: tuple[Mention, ...]
    tags: tuple[str, ...]
    poll_options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Post:
    """A post as stored. `version` rises with every change, and is the write timestamp of its row.

    `decision_version` is that of the decision of moderation that gave the post its state; 0 for none.
    """

    post_id: int
    author_id: int
    text: str
    spoiler_text: str
    sensitive: bool
    visibility: Visibility
    language: str
    in_reply_to_id: int
    in_reply_to_account_id: int
    thread_id: int
    create_time: datetime
    media: tuple[Media, ...]
    mentions: tuple[Mention, ...]
    tags: tuple[str, ...]
    application_name: str
    application_website: str
    version: int
    state: PostState = PostState.VISIBLE
    edit_time: datetime | None = None
    reblog_of_id: int = 0
    decision_version: int = 0
    poll: Poll | None = None
    quote: Quote | None = None
    quote_policy: QuotePolicy = QuotePolicy.NOBODY
    reply_policy: ReplyPolicy = ReplyPolicy.EVERYONE
    card: LinkCard | None = None


class SealedPost(NamedTuple):
    """A post as it is cached and answered: what decides who may see it, beside the encoded contract message.

    `ballot` is that of its poll, 0 without one; `quoted_id` what it quotes, 0 for nothing, or nothing any more.

    A named tuple, as all that is made for each post of each read: those are made three times as fast as dataclasses.
    """

    post_id: int
    version: int
    author_id: int
    visibility: int
    state: int
    thread_id: int
    reblog_of_id: int
    mentioned: tuple[int, ...]
    body: bytes
    ballot: int = 0
    quoted_id: int = 0


class PostCounts(NamedTuple):
    """Facts counted; never part of a post's version."""

    replies: int = 0
    reblogs: int = 0
    favourites: int = 0
    quotes: int = 0


class PostMarks(NamedTuple):
    """What an account has done with a post."""

    favourited: bool = False
    reblogged: bool = False
    bookmarked: bool = False
    pinned: bool = False
    muted: bool = False


NO_MARKS = PostMarks()


class PostQuery(NamedTuple):
    """A post that is asked for; `known_version` is the one that the caller holds."""

    post_id: int
    known_version: int = 0


class CountedPost(NamedTuple):
    """A post with what changes more often than it."""

    post: SealedPost
    counts: PostCounts


class PostView(NamedTuple):
    """A post that the viewer may see; `known` if the viewer's side holds this version of it."""

    post: SealedPost
    counts: PostCounts
    known: bool
    marks: PostMarks = NO_MARKS
    poll: PollTally | None = None
    quote: QuoteState | None = None


@dataclass(frozen=True, slots=True)
class AccountPostsQuery:
    """A page of an author's posts; the id bounds are exclusive and 0 for none."""

    account_id: int
    page_size: int = DEFAULT_PAGE_SIZE
    max_id: int = 0
    min_id: int = 0
    since_id: int = 0
    exclude_replies: bool = False
    only_media: bool = False
    exclude_reblogs: bool = False
    tag: str = ""


@dataclass(frozen=True, slots=True)
class AuthorsQuery:
    """What the home of `reader_id` (0: of any follower) has of these authors; the id bounds are exclusive and 0 for
    none."""

    author_ids: Sequence[int]
    reader_id: int
    page_size: int
    max_id: int = 0
    min_id: int = 0
    upwards: bool = False


@dataclass(frozen=True, slots=True)
class AuthorsPage:
    """Posts in the direction of the page; `reached_id` is how far it was looked, 0 at the end."""

    posts: Sequence[SealedPost]
    reached_id: int


@dataclass(frozen=True, slots=True)
class AuthoredPage:
    """An author's posts, newest first; `reached_id` is where to go on, in the direction of the page, 0 at the end."""

    posts: Sequence[SealedPost]
    reached_id: int


@dataclass(frozen=True, slots=True)
class AuthoredRow:
    """A post in its author's index, with what a listing is filtered by before the post itself is read."""

    post_id: int
    visibility: int
    in_reply_to_account_id: int
    has_media: bool


@dataclass(frozen=True, slots=True)
class KeyClaim:
    """An Idempotency-Key in use: the digest of the body it came with, and the id that its post has or will have."""

    body_hash: bytes
    post_id: int


@dataclass(frozen=True, slots=True)
class UploadClaim:
    """An upload's Idempotency-Key in use: the digest of what came with it, its media's id, and its files' folder."""

    body_hash: bytes
    media_id: int
    folder: str


class Pinned(NamedTuple):
    """What an account shows first, the latest pinned first, as of a revision that each change counts up."""

    post_ids: tuple[int, ...] = ()
    revision: int = 0


@dataclass(frozen=True, slots=True)
class ListBounds:
    """A page of a list ordered by id, newest first; the bounds are exclusive and 0 for none."""

    page_size: int = DEFAULT_PAGE_SIZE
    max_id: int = 0
    min_id: int = 0
    since_id: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What moderation lets a post be; a decision of a higher version replaces one of a lower."""

    post_id: int
    state: PostState
    version: int


class Thread(NamedTuple):
    """What a post answers, from the first post down, and what answers it, each after what it answers."""

    ancestor_ids: list[int]
    descendant_ids: list[int]
