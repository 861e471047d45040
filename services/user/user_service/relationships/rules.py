"""The rules, as what becomes of all that is between an account and another. Doing anything twice is doing it once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from user_service.errors import FollowNotAllowed, FollowRequestNotFound, NotFollowed
from user_service.relationships.models import Follow, FollowSettings, Ties


@dataclass(frozen=True, slots=True)
class Moment:
    """When a change is made, and an id of then for what begins with it."""

    now: datetime
    fresh_id: int


def follow(ties: Ties, at: Moment, wanted: FollowSettings) -> Ties:
    """Follows, asks to where the other is locked, or changes the settings of either. Raises FollowNotAllowed."""
    if ties.block.active or ties.blocked.active:
        raise FollowNotAllowed
    before = ties.follow
    if before.active or before.requested:
        return replace(ties, follow=before.changed(wanted))
    begin = before.asked if ties.locked else before.started
    return replace(ties, follow=begin(wanted, at.fresh_id, at.now))


def unfollow(ties: Ties, _at: Moment) -> Ties:
    """Ends a follow, or withdraws a request."""
    return replace(ties, follow=_ended(ties.follow))


def remove_follower(ties: Ties, _at: Moment) -> Ties:
    """Ends the other's follow; a request of theirs stays."""
    return replace(ties, back=_ended(ties.back)) if ties.back.active else ties


def authorize(ties: Ties, at: Moment) -> Ties:
    """The other, who asked to, follows. Raises FollowRequestNotFound."""
    if ties.back.requested:
        return replace(ties, back=ties.back.granted(at.fresh_id, at.now))
    if not ties.back.active:
        raise FollowRequestNotFound
    return ties


def reject(ties: Ties, _at: Moment) -> Ties:
    """The other, who asked to, does not follow. Raises FollowRequestNotFound where nothing was asked."""
    if ties.back.active or ties.back.requested_at is None:
        raise FollowRequestNotFound
    return replace(ties, back=_ended(ties.back))


def block(ties: Ties, at: Moment) -> Ties:
    """Keeps the other away: follows and requests end both ways, and none begins while it lasts."""
    apart = replace(ties, follow=_ended(ties.follow), back=_ended(ties.back))
    return apart if ties.block.active else replace(apart, block=ties.block.started(at.fresh_id, at.now))


def unblock(ties: Ties, _at: Moment) -> Ties:
    """Ends a block; what it ended does not come back."""
    return replace(ties, block=ties.block.ended()) if ties.block.active else ties


def mute(ties: Ties, at: Moment, *, notifications: bool, expires_at: datetime | None) -> Ties:
    """Hides the other, or changes how."""
    if ties.mute.holds(at.now):
        return replace(ties, mute=ties.mute.changed(notifications=notifications, expires_at=expires_at))
    begun = ties.mute.started(at.fresh_id, at.now, notifications=notifications, expires_at=expires_at)
    return replace(ties, mute=begun)


def unmute(ties: Ties, _at: Moment) -> Ties:
    """Ends a mute."""
    return replace(ties, mute=ties.mute.ended()) if ties.mute.active else ties


def expire(ties: Ties, at: Moment) -> Ties:
    """Ends a mute whose time has come; one that was begun anew meanwhile stays."""
    return ties if ties.mute.holds(at.now) else unmute(ties, at)


def note(ties: Ties, _at: Moment, text: str) -> Ties:
    """Keeps a note about the other."""
    return replace(ties, remark=replace(ties.remark, note=text))


def endorse(ties: Ties, at: Moment) -> Ties:
    """Endorses the other, who is followed. Raises NotFollowed."""
    if not ties.follow.active:
        raise NotFollowed
    if ties.remark.endorsement_id:
        return ties
    return replace(ties, remark=replace(ties.remark, endorsement_id=at.fresh_id))


def unendorse(ties: Ties, _at: Moment) -> Ties:
    """Endorses the other no more."""
    return replace(ties, remark=replace(ties.remark, endorsement_id=0))


def _ended(follow: Follow) -> Follow:
    return follow.ended() if follow.active or follow.requested else follow
