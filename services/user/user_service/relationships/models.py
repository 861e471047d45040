"""Follows, blocks and mutes, and what a viewer is to an account by all of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Generic, Self, TypeVar

MAX_FOLLOW_LANGUAGES = 40
DEFAULT_PAGE_SIZE = 40
MAX_PAGE_SIZE = 80
# Ten years: what is meant to last longer has no end.
MAX_MUTE = timedelta(days=3650)
Pair = tuple[int, int]
# Of the newest follows of whom asks, how many are looked at, and how many are told of each account.
FAMILIAR_AMONG, MAX_FAMILIAR, MAX_FAMILIAR_OF = 500, 20, 40
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FollowSettings:
    """What a follower wants to see of whom they follow; None leaves it as it is."""

    reblogs: bool | None = None
    notify: bool | None = None
    languages: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Follow:
    """One account following another, waiting to, or having done so: `version` goes on through all of it.

    `follow_id` orders lists of followers and of requests, newest first; `requested_at` is set where consent was asked.
    """

    follower_id: int
    followee_id: int
    follow_id: int
    followed_at: datetime
    reblogs: bool = True
    notify: bool = False
    languages: tuple[str, ...] = ()
    active: bool = False
    version: int = 0
    requested: bool = False
    requested_at: datetime | None = None

    def started(self, wanted: FollowSettings, follow_id: int, now: datetime) -> Self:
        """This follow as it begins, or begins again, with the settings of a new one."""
        return replace(self._fresh(wanted, follow_id, now), active=True)

    def asked(self, wanted: FollowSettings, follow_id: int, now: datetime) -> Self:
        """A request for this follow, with the settings of a new one."""
        return replace(self._fresh(wanted, follow_id, now), requested=True, requested_at=now)

    def granted(self, follow_id: int, now: datetime) -> Self:
        """The follow that was asked for, with the settings that it was asked for with."""
        version = self.version + 1
        return replace(self, follow_id=follow_id, followed_at=now, active=True, requested=False, version=version)

    def changed(self, wanted: FollowSettings) -> Self:
        """This follow, or request, with other settings; itself where they are the same."""
        after = self._with(wanted)
        return self if after == self else replace(after, version=self.version + 1)

    def ended(self) -> Self:
        """Neither following nor waiting to."""
        return replace(self, active=False, requested=False, version=self.version + 1)

    def _fresh(self, wanted: FollowSettings, follow_id: int, now: datetime) -> Self:
        begun = replace(self, follow_id=follow_id, followed_at=now, reblogs=True, notify=False, languages=())
        return replace(begun._with(wanted), requested_at=None, version=self.version + 1)

    def _with(self, wanted: FollowSettings) -> Self:
        return replace(
            self,
            reblogs=self.reblogs if wanted.reblogs is None else wanted.reblogs,
            notify=self.notify if wanted.notify is None else wanted.notify,
            languages=self.languages if wanted.languages is None else wanted.languages,
        )


@dataclass(frozen=True, slots=True)
class Block:
    """One account keeping another away, or having done so."""

    blocker_id: int
    blocked_id: int
    block_id: int
    blocked_at: datetime
    active: bool = False
    version: int = 0

    def started(self, block_id: int, now: datetime) -> Self:
        return replace(self, block_id=block_id, blocked_at=now, active=True, version=self.version + 1)

    def ended(self) -> Self:
        return replace(self, active=False, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class Mute:
    """One account not wanting to see another, for good or until a time; or having done so."""

    muter_id: int
    muted_id: int
    mute_id: int
    muted_at: datetime
    notifications: bool = True
    expires_at: datetime | None = None
    active: bool = False
    version: int = 0

    def holds(self, now: datetime) -> bool:
        """Whether it is in force."""
        return self.active and (self.expires_at is None or self.expires_at > now)

    def started(self, mute_id: int, now: datetime, *, notifications: bool, expires_at: datetime | None) -> Self:
        return replace(
            self,
            mute_id=mute_id,
            muted_at=now,
            notifications=notifications,
            expires_at=expires_at,
            active=True,
            version=self.version + 1,
        )

    def changed(self, *, notifications: bool, expires_at: datetime | None) -> Self:
        """This mute with other settings; itself where they are the same."""
        after = replace(self, notifications=notifications, expires_at=expires_at)
        return self if after == self else replace(after, version=self.version + 1)

    def ended(self) -> Self:
        return replace(self, active=False, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class Remark:
    """What an account keeps of another: a note for itself, and an endorsement (its place in their list, or 0)."""

    account_id: int
    target_id: int
    note: str = ""
    endorsement_id: int = 0


@dataclass(frozen=True, slots=True)
class Relationship:
    """What a viewer is to an account, and it to them. A mute ends by itself at `muted_until`."""

    account_id: int
    following: bool = False
    showing_reblogs: bool = False
    notifying: bool = False
    languages: tuple[str, ...] = ()
    followed_by: bool = False
    blocking: bool = False
    blocked_by: bool = False
    muting: bool = False
    muting_notifications: bool = False
    muted_until: datetime | None = None
    requested: bool = False
    requested_by: bool = False
    exclusively_listed: bool = False
    endorsed: bool = False
    note: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether flags are all that there is to it."""
        return not (self.languages or self.note)

    def at(self, now: datetime) -> Self:
        """As it is at this time."""
        if self.muted_until is None or self.muted_until > now:
            return self
        return replace(self, muting=False, muting_notifications=False, muted_until=None)


FLAGS: Final = (
    "following", "showing_reblogs", "notifying", "followed_by", "blocking", "blocked_by", "muting",
    "muting_notifications", "requested", "requested_by", "exclusively_listed", "endorsed",
)  # fmt: skip


def flags_of(relationship: Relationship) -> int:
    """A relationship's flags in a number: a bit for each, in their order."""
    return sum([1 << n for n, name in enumerate(FLAGS) if getattr(relationship, name)])


@dataclass(frozen=True, slots=True)
class Flags:
    """What a viewer is to accounts: flags of most, and whole of whom there is more to say of.

    `epoch` is the viewer's own, which changes with their account; empty where it is not known.
    """

    epoch: bytes = b""
    flags: dict[int, int] = field(default_factory=dict)
    others: dict[int, Relationship] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ties:
    """All that is between an account and another, as rows; those that never were are empty ones."""

    locked: bool
    follow: Follow
    back: Follow
    block: Block
    blocked: Block
    mute: Mute
    remark: Remark

    @property
    def pair(self) -> Pair:
        """The account, and the other."""
        return self.follow.follower_id, self.follow.followee_id

    def relationship(self, now: datetime) -> Relationship:
        """What the first is to the other."""
        follow, mute = self.follow, self.mute
        wanted = follow.active or follow.requested
        muting = mute.holds(now)
        return Relationship(
            account_id=follow.followee_id,
            following=follow.active,
            showing_reblogs=wanted and follow.reblogs,
            notifying=wanted and follow.notify,
            languages=follow.languages if wanted else (),
            followed_by=self.back.active,
            blocking=self.block.active,
            blocked_by=self.blocked.active,
            muting=muting,
            muting_notifications=muting and mute.notifications,
            muted_until=mute.expires_at if muting else None,
            requested=follow.requested,
            requested_by=self.back.requested,
            endorsed=follow.active and self.remark.endorsement_id > 0,
            note=self.remark.note,
        )


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A page of a list, and where the next one begins; None on the last."""

    items: list[T] = field(default_factory=list)
    before: int | None = None


@dataclass(frozen=True, slots=True)
class MutedAccount:
    """Who is muted, and until when."""

    account_id: int
    expires_at: datetime | None
