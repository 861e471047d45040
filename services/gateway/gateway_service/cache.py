"""Rendered fragments of this replica, bounded, and forgotten as soon as an event says that they are old."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from google.protobuf.message import Message

from gateway_service.config import Settings
from gateway_service.filters import Filters
from gateway_service.metrics import FRAGMENTS
from gateway_service.personal import Personal
from rookery.post.v1.events_pb2 import PostCreated, PostDeleted, PostUpdated, PostVisible
from rookery.post.v1.post_pb2 import QuotePolicy
from rookery.user.v1.account_pb2 import Account, DefaultQuotePolicy
from rookery.user.v1.events_pb2 import (
    AccountCreated,
    AccountDeleted,
    AccountUpdated,
    FiltersChanged,
    FollowCreated,
    FollowedTagsChanged,
    FollowEnded,
    HomePreferencesChanged,
    PostingDefaultsChanged,
)
from rookery.user.v1.preference_service_pb2 import HomePreferences
from rookery.user.v1.profile_service_pb2 import GetPostingDefaultsResponse
from rookery_common.kafka.events import Event
from rookery_common.kafka.follow import Follower
from rookery_common.kafka.handling import EventHandler

POSTS = 100_000
ACCOUNTS = 50_000
LOOKS_OF_A_USE = 8
TOPICS = ("post.events.v1", "user.events.v1")
TAKEN = (
    PostCreated,
    PostUpdated,
    PostVisible,
    PostDeleted,
    AccountCreated,
    AccountUpdated,
    AccountDeleted,
    FollowCreated,
    FollowEnded,
    FiltersChanged,
    FollowedTagsChanged,
    HomePreferencesChanged,
    PostingDefaultsChanged,
)
T = TypeVar("T")
_QUOTE_POLICIES = {
    DefaultQuotePolicy.DEFAULT_QUOTE_POLICY_FOLLOWERS: QuotePolicy.QUOTE_POLICY_FOLLOWERS,
    DefaultQuotePolicy.DEFAULT_QUOTE_POLICY_NOBODY: QuotePolicy.QUOTE_POLICY_NOBODY,
}


@dataclass(frozen=True, slots=True)
class Followed:
    """A topic that somebody else follows, and which of its events."""

    topic: str
    takes: tuple[type[Message], ...]
    handler: EventHandler


@dataclass(frozen=True, slots=True)
class PollFragment:
    """What a post asks, and until when, in seconds since 1970."""

    post_id: int
    options: tuple[str, ...]
    multiple: bool
    hide_totals: bool
    expires_at: float


@dataclass(frozen=True, slots=True)
class QuoteFragment:
    """What a post quotes, and whether that was taken away from it."""

    post_id: int
    author_id: int
    revoked: bool


@dataclass(slots=True)
class PostFragment:
    """What of a status is the same for every viewer, and what decides about showing it."""

    version: int
    author_id: int
    # The status without its closing brace, counts, marks and account.
    head: bytes
    reply_to_account_id: int
    reblog_of_id: int
    # Empty where its author named none.
    language: str = ""
    # What filters look for words in.
    folded: str = ""
    # Where there is one, `head` is without it: it changes with each vote.
    poll: PollFragment | None = None
    # Where there is one, `head` is without it: each viewer is shown it differently.
    quote: QuoteFragment | None = None
    # Who may quote it, and whether it is direct, which nobody quotes.
    quote_policy: int = 0
    is_direct: bool = False
    # Neither a reblog, nor with a poll or a quote: as most are.
    is_plain: bool = field(init=False)

    def __post_init__(self) -> None:
        self.is_plain = not self.reblog_of_id and self.poll is None and self.quote is None


@dataclass(slots=True)
class AccountFragment:
    """An account as rendered with its latest counts."""

    version: int
    username: str
    # The account without its closing brace and counts.
    head: bytes
    counts: tuple[int, int, int, int]
    body: bytes
    # When user was last asked, in seconds of the monotonic clock; 0 when an event says that something changed.
    checked_at: float
    # Whether an event has told since of a change, of more than how many posts there are.
    changed: bool = False
    # Whether nothing had been told for a while when user was last asked: its counts follow what is told a little later.
    settled: bool = False
    # User's, of before it was last asked by its own holder; empty where that is not known.
    epoch: bytes = b""
    # Of its new posts that don't say it themselves.
    quote_policy: QuotePolicy.ValueType = QuotePolicy.QUOTE_POLICY_UNSPECIFIED


def quote_policy_of(account: Account) -> QuotePolicy.ValueType:
    """What an account has chosen for its new posts, as post knows it; unspecified: anyone may quote them."""
    return _QUOTE_POLICIES.get(account.quote_policy, QuotePolicy.QUOTE_POLICY_UNSPECIFIED)


class Lru(Generic[T]):
    """A bounded map from ids; the least recently used go first."""

    def __init__(self, capacity: int, kind: str) -> None:
        self._capacity = capacity
        self._looks = 0
        self._items: OrderedDict[int, T] = OrderedDict()
        self._size = FRAGMENTS.labels(kind)

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: int) -> T | None:
        item = self._items.get(key)
        if item is not None:
            self._items.move_to_end(key)
        return item

    def many(self, keys: Iterable[int]) -> dict[int, T | None]:
        """As `get`, by key; but only one time in so many this counts as a use, which costs more than to look."""
        items = self._items
        found = {key: items.get(key) for key in keys}
        self._looks += 1
        if self._looks % LOOKS_OF_A_USE == 0:
            for key, item in found.items():
                if item is not None:
                    items.move_to_end(key)
        return found

    def put(self, key: int, item: T) -> None:
        self._items[key] = item
        self._items.move_to_end(key)
        if len(self._items) > self._capacity:
            self._items.popitem(last=False)
        self._size.set(len(self._items))

    def peek(self, key: int) -> T | None:
        """Without counting as a use."""
        return self._items.get(key)

    def drop(self, key: int) -> None:
        self._items.pop(key, None)


class Fragments:
    """The posts and accounts that this replica has rendered.

    They only save work: posts' versions are compared on every read, so an event that comes late, or never, shows no old
    post. Accounts are asked for again by their age: seldom while every event comes, every few seconds while it may not.
    """

    def __init__(self, posts: int = POSTS, accounts: int = ACCOUNTS) -> None:
        self.posts: Lru[PostFragment] = Lru(posts, "post")
        self.accounts: Lru[AccountFragment] = Lru(accounts, "account")
        self._follower: Follower | None = None
        told = self.complete_since
        self.filters: Personal[Filters] = Personal("filters", told)
        self.tags: Personal[frozenset[str]] = Personal("followed_tags", told)
        self.preferences: Personal[HomePreferences] = Personal("home_preferences", told)
        self.posting_defaults: Personal[GetPostingDefaultsResponse] = Personal("posting_defaults", told)

    def complete_since(self) -> float:
        """Since when every event of a change has come here, in seconds of the monotonic clock."""
        return self._follower.complete_since() if self._follower else math.inf

    def follower(self, settings: Settings, *others: Followed) -> Follower:
        """The component that keeps them fresh, and follows for others: one reader costs less than several."""
        handlers = {other.topic: other.handler for other in others}

        async def handle(event: Event) -> None:
            await handlers.get(event.topic, self.handle)(event)

        topics = (*TOPICS, *handlers)
        takes = (*TAKEN, *(message for other in others for message in other.takes))
        prefix = settings.topic_prefix
        self._follower = Follower(settings, topics, handle, name="gateway", takes=takes, topic_prefix=prefix)
        return self._follower

    async def handle(self, event: Event) -> None:
        """Forgets what the event is newer than."""
        message = event.decode()
        if isinstance(message, PostUpdated | PostVisible | PostDeleted):
            post = self.posts.peek(message.post.post_id)
            if post is not None and post.version < message.post.version:
                self.posts.drop(message.post.post_id)
        if isinstance(message, PostCreated | PostVisible | PostDeleted):
            self._recheck(message.post.author_id)
        elif isinstance(message, AccountCreated | AccountUpdated):
            self._renew(message.account)
        elif isinstance(message, FollowCreated | FollowEnded):
            self._recheck(message.follow.follower_id, changed=True)
            self._recheck(message.follow.followee_id, changed=True)
        else:
            self._forget(message)

    def _forget(self, message: Message) -> None:
        """What is an account's own."""
        if isinstance(message, FiltersChanged | AccountDeleted):
            self.filters.drop(message.account_id)
        if isinstance(message, FollowedTagsChanged | AccountDeleted):
            self.tags.drop(message.account_id)
        if isinstance(message, HomePreferencesChanged | AccountDeleted):
            self.preferences.drop(message.account_id)
        if isinstance(message, PostingDefaultsChanged | AccountDeleted):
            self.posting_defaults.drop(message.account_id)
        if isinstance(message, AccountDeleted):
            self.accounts.drop(message.account_id)

    def _renew(self, account: Account) -> None:
        """Its author may post before it is asked for again: what that goes by is taken from the event."""
        held = self.accounts.peek(account.account_id)
        if held is not None and held.version < account.version:
            held.quote_policy = quote_policy_of(account)
        self._recheck(account.account_id, changed=True)

    def _recheck(self, account_id: int, *, changed: bool = False) -> None:
        account = self.accounts.peek(account_id)
        if account is not None:
            account.checked_at = 0.0
            account.changed |= changed
