"""What is answered without a dependency that is away, and how the answer says so; all else that needs it is 503."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from prometheus_client import Counter

HEADER: Final = b"x-rookery-degraded"
DEGRADED = Counter("rookery_gateway_degraded_total", "Answers that went without a part, by the part.", ("part",))
_parts: ContextVar[list[str] | None] = ContextVar("degraded_parts", default=None)


@dataclass(frozen=True, slots=True)
class Fallback:
    """A part of answers that may be missing: the RPC that it comes from, on which routes, and what is answered then."""

    part: str
    rpcs: tuple[str, ...]
    # Only where one of these is called before: what an accounts route asks for first is an optional part of a status.
    beside: tuple[str, ...]
    answer: str
    # Or where one of these is called at all: writes, which ask before they are made.
    within: tuple[str, ...] = ()

    def holds(self, rpc: str, calls: Sequence[str]) -> bool:
        """Whether a route that makes these calls, in this order, goes on without this one."""
        if rpc not in self.rpcs:
            return False
        before = calls[: calls.index(rpc)]
        return not self.beside or bool({*self.beside} & {*before} or {*self.within} & {*calls})


NAMES: Final = Fallback(
    "names",
    ("user.BatchGetAccounts",),
    ("post.BatchGetPosts",),
    "Names and counts of authors as they were a moment ago; statuses of authors not seen here before are left out, and "
    "what these would post or change is refused (503) before it is done.",
    within=("post.CreatePost", "user.UpdateProfile"),
)
AS_WRITTEN: Final = Fallback(
    "as-written",
    ("post.BatchGetPosts", "user.BatchGetRelationships"),
    ("post.CreatePost",),
    "What was asked for is done; the status is shown as that left it, with the marks and counts of just before.",
)
OWN_POST: Final = Fallback(
    "own-post",
    ("feed.AddOwnPost",),
    (),
    "The post is made; it reaches its author's own home by its event, a moment later.",
)
SIGN_UP_MODE: Final = Fallback(
    "sign-up-mode",
    ("auth.GetSignUp",),
    (),
    "Who may sign up as it was told last; nobody, where it was not told yet.",
)
FILTERS: Final = Fallback(
    "filters",
    ("user.ListFilters",),
    ("post.BatchGetPosts",),
    "The viewer's filters as they were a moment ago; none, where they are not known here.",
)
FOLLOWED_TAGS: Final = Fallback(
    "followed-tags",
    ("user.ListFollowedTags",),
    ("search.Search",),
    "The home with the hashtags that the viewer followed a moment ago, or without any; of those that are found none is "
    "said to be followed, where that is not known here.",
    within=("feed.BatchGetHome", "feed.ListForYou"),
)
PREFERENCES: Final = Fallback(
    "preferences",
    ("user.GetHomePreferences",),
    ("feed.BatchGetHome",),
    "The home as the viewer wanted it a moment ago; as the platform has it, where that is not known here.",
    within=("feed.BatchGetHome", "feed.ListForYou"),
)
POSTING_DEFAULTS: Final = Fallback(
    "posting-defaults",
    ("user.GetPostingDefaults",),
    (),
    "What a post or a reblog does not say of itself is as its author had it a moment ago; where that is not known "
    "here, it is refused (503) before it is made. One that says all of it needs neither.",
)
TAG_HISTORY: Final = Fallback(
    "tag-history",
    ("search.Search",),
    ("user.ListFollowedTags",),
    "The hashtag without the history of its use.",
    within=("user.FollowTag", "user.UnfollowTag", "user.FeatureTag", "user.UnfeatureTag"),
)
FEATURED_TAGS: Final = Fallback(
    "featured-tags",
    ("user.ListFeaturedTags",),
    ("user.ListFollowedTags",),
    "Hashtags without whether the viewer features them.",
    within=("user.FollowTag", "user.UnfollowTag"),
)
COUNTS: Final = Fallback(
    "counts",
    ("user.GetCommunityCounts", "analytics.ListActivity"),
    ("auth.GetSignUp",),
    "How large and how lively the community is, as it was told last; 0, where it was not told yet.",
)
PUSH_KEY: Final = Fallback(
    "push-key",
    ("notification.GetPushKey",),
    (),
    "The key that push subscriptions are made with, as it was told last; none, where it was not told yet.",
)
PROVIDERS: Final = Fallback(
    "providers",
    ("auth.ListProviders",),
    (),
    "The page without other sites to sign in by.",
)
REPORTS: Final = Fallback(
    "reports",
    ("moderation.BatchGetReports",),
    (),
    "Notifications without those of reports.",
)
ANNOUNCEMENTS: Final = Fallback(
    "announcements",
    ("moderation.ListAnnouncements",),
    (),
    "No announcements.",
)
FALLBACKS: Final = (
    NAMES,
    AS_WRITTEN,
    OWN_POST,
    SIGN_UP_MODE,
    COUNTS,
    FILTERS,
    FOLLOWED_TAGS,
    PREFERENCES,
    POSTING_DEFAULTS,
    TAG_HISTORY,
    FEATURED_TAGS,
    PUSH_KEY,
    PROVIDERS,
    REPORTS,
    ANNOUNCEMENTS,
)


def begin() -> list[str]:
    """For the request in hand: the parts that its answer will go without, as they are noted."""
    parts: list[str] = []
    _parts.set(parts)
    return parts


def note(fallback: Fallback) -> None:
    """The answer goes without this part. On streams, which have no header to say it, it is only counted."""
    DEGRADED.labels(fallback.part).inc()
    parts = _parts.get()
    if parts is not None and fallback.part not in parts:
        parts.append(fallback.part)
