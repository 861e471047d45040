"""What the engines hold in tests, and which of them are away."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from post_service.card_models import CARD_DAYS, CardPicture
from post_service.models import (
    Bookmark,
    CountedPost,
    Fact,
    FactKind,
    KeyClaim,
    Media,
    Pinned,
    Post,
    ProfilePicture,
    Purpose,
    Revision,
    UploadClaim,
    UploadNote,
)
from post_service.poll_models import Ballot, Vote
from post_service.repository.cards import Found
from post_service.repository.marks import Sheet, ThreadMute, Week
from post_service.repository.quotes import quote_fact
from post_service.repository.schedule import Reached
from post_service.saved_draft_models import SavedDraft
from post_service.schedule_models import Job, ScheduledPost
from rookery_common.errors import Unavailable
from rookery_common.kafka.events import Event


@dataclass
class Store:
    """What the engines hold, and which of them are away."""

    posts: dict[int, Post] = field(default_factory=dict)
    media: dict[int, Media] = field(default_factory=dict)
    claims: dict[tuple[int, str], KeyClaim] = field(default_factory=dict)
    uploads: dict[tuple[date, int], UploadNote] = field(default_factory=dict)
    unfinished: set[tuple[int, int]] = field(default_factory=set)
    upload_claims: dict[tuple[int, str], UploadClaim] = field(default_factory=dict)
    outbox: list[Event] = field(default_factory=list)
    published: list[Event] = field(default_factory=list)
    jobs: set[Job] = field(default_factory=set)
    reached: dict[int, Reached] = field(default_factory=dict)
    leases: dict[int, str] = field(default_factory=dict)
    scheduled: dict[tuple[int, int], ScheduledPost] = field(default_factory=dict)
    drafts: dict[tuple[int, int], SavedDraft] = field(default_factory=dict)
    pending: list[Event] = field(default_factory=list)
    votes: dict[tuple[Ballot, int], Vote] = field(default_factory=dict)
    poll_ends: set[tuple[Ballot, datetime]] = field(default_factory=set)
    cached: dict[int, tuple[CountedPost, int]] = field(default_factory=dict)
    revisions: dict[int, dict[int, Revision]] = field(default_factory=dict)
    pins: dict[int, Pinned] = field(default_factory=dict)
    facts: dict[tuple[FactKind, int, int], Fact] = field(default_factory=dict)
    bookmarks: dict[tuple[int, int], Bookmark] = field(default_factory=dict)
    mutes: dict[tuple[int, int], ThreadMute] = field(default_factory=dict)
    reblogs: dict[tuple[int, int], int] = field(default_factory=dict)
    sheets: dict[Week, tuple[Sheet, int]] = field(default_factory=dict)
    files: dict[str, tuple[bytes, str, str]] = field(default_factory=dict)
    pictures: dict[tuple[int, Purpose], ProfilePicture] = field(default_factory=dict)
    cards: dict[str, Found] = field(default_factory=dict)
    card_pictures: set[tuple[int, int]] = field(default_factory=set)
    blocks: set[tuple[int, int]] = field(default_factory=set)
    unknown_accounts: set[int] = field(default_factory=set)
    erasures: dict[int, int] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    reads: int = 0

    def put(self, post: Post) -> None:
        """The post as it is now, with what it counts as with the one that it quotes."""
        fact = quote_fact(post)
        self.posts[post.post_id] = post
        if fact:
            self.facts[fact.kind, fact.post_id, fact.account_id] = fact

    def note_picture(self, picture: CardPicture, today: date) -> None:
        """What lies in S3 for a card."""
        day = today + timedelta(days=CARD_DAYS)
        self.uploads[day, picture.picture_id] = UploadNote(day, picture.picture_id, picture.key, picture.key)

    def drop_card(self, post: Post, today: date) -> None:
        """The post shows its card no more."""
        if post.card and post.card.picture:
            self.card_pictures.discard((post.card.picture.picture_id, post.post_id))
            self.note_picture(post.card.picture, today)

    def require(self, engine: str) -> None:
        if engine in self.away:
            raise Unavailable(f"{engine} is away")
