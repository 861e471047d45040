"""What accounts are to one another: changed under a lock of the two, in force with the next read anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextvars import Context, copy_context
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import NamedTuple

from rookery_common.clock import Clock
from rookery_common.errors import AppError, Unavailable
from rookery_common.ids import MAX_ID, IdSource
from rookery_common.kafka.events import Event
from rookery_common.logs import get_logger
from user_service.errors import AccountNotFound, CannotRelateToOneself, FieldInvalid, FollowRequestNotFound
from user_service.group_commit import GroupCommit
from user_service.metrics import RELATIONSHIP_CHANGES
from user_service.profiles.texts import remark
from user_service.relationship_events import RelationshipEvents
from user_service.relationships import rules
from user_service.relationships.held import HeldFlags
from user_service.relationships.models import (
    MAX_FOLLOW_LANGUAGES,
    MAX_MUTE,
    MAX_PAGE_SIZE,
    Flags,
    FollowSettings,
    Pair,
    Relationship,
    Ties,
    flags_of,
)
from user_service.relationships.repository import RelationshipRepository
from user_service.relationships.rules import Moment
from user_service.service import Caches

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)
Rule = Callable[[Ties, Moment], Ties]
log = get_logger()


class _Change(NamedTuple):
    """What an account wants of another; `context` is the caller's, whose trace events belong to."""

    pair: Pair
    rule: Rule
    at: Moment
    context: Context


class _Made(NamedTuple):
    """What became of a change."""

    before: Ties
    after: Ties
    events: Sequence[Event]


class Relationships:
    """Follows, requests to follow, blocks and mutes. Each answers what the account is to the other from now on."""

    def __init__(
        self,
        repository: RelationshipRepository,
        caches: Caches,
        events: RelationshipEvents,
        ids: IdSource,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._caches = caches
        self._events = events
        self._ids = ids
        self._clock = clock
        self._held = HeldFlags()
        self._group_commit: GroupCommit[frozenset[int], _Change, _Made] = GroupCommit(self._commit)

    async def between(self, pairs: Iterable[Pair]) -> Mapping[Pair, Relationship]:
        """By (viewer, account): what is cached under the epochs of now, the rest from the primary in one statement.

        What is neither cached nor to be had from the primary is left out, and so are unknown accounts.
        """
        wanted = set(pairs)
        return (await self._known(wanted))[0] if wanted else {}

    async def flags(self, wanted: Mapping[int, Collection[int]]) -> dict[int, Flags]:
        """As `between`, by viewer, for what needs no more than flags of most: with what this process holds already."""
        if not wanted:
            return {}
        now = self._clock.monotonic()
        held = {viewer_id: self._held.of(viewer_id, now) for viewer_id in wanted}
        owners = {*wanted, *chain.from_iterable(wanted.values())}
        pairs = {(who, other) for who, others in wanted.items() for other in others if other not in held[who].flags}
        known, epochs = await self._known(pairs, owners)
        found = {viewer_id: Flags(epochs[viewer_id] or b"") for viewer_id in wanted}
        old = {
            (who, other)
            for who, others in wanted.items()
            for other in held[who].still(others, epochs[who], epochs, found[who].flags)
        }
        late, late_epochs = await self._known(old) if old else ({}, {})
        for read, under in ((known, epochs), (late, late_epochs)):
            for (who, other), relationship in read.items():
                self._held.keep(who, relationship, under, now)
                if relationship.is_plain:
                    found[who].flags[other] = flags_of(relationship)
                else:
                    found[who].others[other] = relationship
        return found

    async def _known(
        self, wanted: Collection[Pair], owners: Collection[int] = ()
    ) -> tuple[dict[Pair, Relationship], Mapping[int, bytes | None]]:
        """What they are to one another, and the epochs of then: of these pairs, and of further owners."""
        cache = self._caches.relationships
        lookup = await cache.get(wanted, owners)
        read: Mapping[Pair, Relationship] = {}
        try:
            read = await cache.fill(lookup, wanted, self._read)
        except Unavailable as error:
            log.warning("user.relationships_left_out", pairs=len(wanted) - len(lookup.hits), reason=error.reason)
        now = self._clock.now()
        found = {pair: relationship.at(now) for pair, relationship in {**lookup.hits, **read}.items()}
        return found, lookup.epochs

    async def _read(self, pairs: Collection[Pair]) -> Mapping[Pair, Relationship]:
        return await self._repository.relationships(sorted(pairs))

    async def follow(self, account_id: int, other_id: int, wanted: FollowSettings) -> Relationship:
        """Follows, asks to where the other is locked, or changes the settings of either. Raises FollowNotAllowed."""
        _check_languages(wanted.languages or ())
        return await self._change(account_id, other_id, partial(rules.follow, wanted=wanted))

    async def unfollow(self, account_id: int, other_id: int) -> Relationship:
        """Ends a follow, or withdraws a request; there need be neither."""
        return await self._change(account_id, other_id, rules.unfollow)

    async def remove_follower(self, account_id: int, other_id: int) -> Relationship:
        """Ends the other's follow; there need be none."""
        return await self._change(account_id, other_id, rules.remove_follower)

    async def authorize(self, account_id: int, other_id: int) -> Relationship:
        """Lets the other follow, who asked to. Raises FollowRequestNotFound."""
        return await self._change(account_id, other_id, rules.authorize)

    async def reject(self, account_id: int, other_id: int) -> Relationship:
        """Does not let the other follow, who asked to. Raises FollowRequestNotFound."""
        return await self._change(account_id, other_id, rules.reject)

    async def block(self, account_id: int, other_id: int) -> Relationship:
        """Keeps the other away: follows and requests end both ways, and none begins while it lasts."""
        return await self._change(account_id, other_id, rules.block)

    async def unblock(self, account_id: int, other_id: int) -> Relationship:
        """Ends a block; there need be none."""
        return await self._change(account_id, other_id, rules.unblock)

    async def mute(
        self, account_id: int, other_id: int, *, notifications: bool = True, duration: timedelta | None = None
    ) -> Relationship:
        """Hides the other, for good or for a time that begins anew each time this is asked for."""
        if duration is not None and not timedelta() < duration <= MAX_MUTE:
            raise FieldInvalid("duration", f"must be between 1 and {MAX_MUTE // timedelta(seconds=1)} seconds")
        expires_at = None if duration is None else self._clock.now() + duration
        rule = partial(rules.mute, notifications=notifications, expires_at=expires_at)
        return await self._change(account_id, other_id, rule)

    async def unmute(self, account_id: int, other_id: int) -> Relationship:
        """Ends a mute; there need be none."""
        return await self._change(account_id, other_id, rules.unmute)

    async def end_expired_mutes(self, limit: int) -> int:
        """Ends at most so many mutes whose time has come; how many it has ended."""
        expired = await self._repository.expired_mutes(self._clock.now(), limit)
        return sum([await self._expired(*pair) for pair in expired])

    async def _expired(self, muter_id: int, muted_id: int) -> bool:
        try:
            await self._change(muter_id, muted_id, rules.expire)
        except AccountNotFound:
            return False  # One of the two is gone, and so will the row be.
        return True

    async def grant_waiting(self, account_id: int) -> int:
        """Lets all follow who ask to, once the account is not locked any more; how many. It may be asked for again."""
        granted = 0
        while not await self._repository.is_locked(account_id):
            page = await self._repository.requests(account_id, MAX_ID, MAX_PAGE_SIZE)
            count = sum([await self._granted(account_id, other) for other in page.items])
            granted += count
            if page.before is None or not count:
                break
        return granted

    async def _granted(self, account_id: int, other_id: int) -> bool:
        try:
            await self.authorize(account_id, other_id)
        except (FollowRequestNotFound, AccountNotFound):
            return False  # It was withdrawn meanwhile, or one of the two is gone.
        return True

    async def note(self, account_id: int, other_id: int, text: str) -> Relationship:
        """Keeps a note about the other, for the account alone; an empty one is none. Raises FieldInvalid."""
        return await self._change(account_id, other_id, partial(rules.note, text=remark(text)))

    async def endorse(self, account_id: int, other_id: int) -> Relationship:
        """Shows the other on the account's profile, as long as it follows them. Raises NotFollowed."""
        return await self._change(account_id, other_id, rules.endorse)

    async def unendorse(self, account_id: int, other_id: int) -> Relationship:
        """Shows them there no more; nor need they have been."""
        return await self._change(account_id, other_id, rules.unendorse)

    async def _change(self, account_id: int, other_id: int, rule: Rule) -> Relationship:
        if account_id == other_id:
            raise CannotRelateToOneself
        pair, at = (account_id, other_id), Moment(self._clock.now(), self._ids.mint())
        made = await self._group_commit(frozenset(pair), _Change(pair, rule, at, copy_context()))
        return made.after.relationship(at.now)

    async def _commit(self, changes: Sequence[_Change]) -> list[_Made | AppError]:
        pairs = [change.pair for change in changes]
        async with self._repository.transaction(pairs) as tx:
            found = await tx.ties(pairs, self._clock.now())
            ends = [change.context.run(self._decide, change, found.get(change.pair)) for change in changes]
            made = [end for end in ends if isinstance(end, _Made)]
            events = list(chain.from_iterable(end.events for end in made))
            await tx.save([(end.before, end.after) for end in made])
            for event in events:
                tx.emit(event)
        if made:
            # Also when nothing changed: an earlier try may have died between its commit and this.
            await self._caches.changed({id_ for end in made for id_ in end.after.pair})
        for event in events:
            RELATIONSHIP_CHANGES.labels(event.type.rpartition(".")[2]).inc()
        return ends

    def _decide(self, change: _Change, before: Ties | None) -> _Made | AppError:
        if before is None:
            return AccountNotFound("there is no such account")
        try:
            after = change.rule(before, change.at)
        except AppError as refusal:  # of this change alone
            return refusal
        return _Made(before, after, self._events.of(before, after))


def _check_languages(languages: Sequence[str]) -> None:
    if len(languages) > MAX_FOLLOW_LANGUAGES:
        raise FieldInvalid("languages", f"must be at most {MAX_FOLLOW_LANGUAGES}", "ERR_TOO_LONG")
    for language in languages:
        if not _LANGUAGE.fullmatch(language):
            raise FieldInvalid("languages", "must be language codes such as en or pt-BR")
