"""The rules of the user service: who gets a name, who follows whom, what is shown of both."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rookery_common.clock import Clock
from rookery_common.errors import Unavailable
from rookery_common.ids import MAX_ID, IdSource
from rookery_common.logs import get_logger
from rookery_common.paging import CursorCodec, InvalidCursor
from user_service.cache import EpochCache
from user_service.errors import (
    AccountNotFound,
    CannotFollowOneself,
    FieldInvalid,
    RequestIdReused,
    ReservationNotFound,
    UsernameTaken,
)
from user_service.events import Events
from user_service.metrics import ACCOUNTS_CREATED, FOLLOW_CHANGES, POSTS_COUNTED
from user_service.models import (
    DEFAULT_PAGE_SIZE,
    MAX_ACCOUNTS_PAGE_SIZE,
    MAX_FOLLOW_LANGUAGES,
    MAX_IDS_PER_ENTRY,
    MAX_LOOKUPS,
    MAX_PAGE_SIZE,
    MAX_REQUEST_ID_CHARS,
    RESERVATION_SECONDS,
    Account,
    AccountView,
    FollowPage,
    FollowSettings,
    PostDelta,
    PostFact,
    Relationship,
    Reservation,
    merge_facts,
)
from user_service.repository import Pair, UserRepository
from user_service.usernames import check_username, is_username

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)
log = get_logger()


@dataclass(frozen=True, slots=True)
class Caches:
    """Answers that are asked for all the time."""

    views: EpochCache[int, AccountView]
    relationships: EpochCache[Pair, Relationship]

    async def changed(self, account_ids: Iterable[int]) -> None:
        """After a commit and before the answer: nothing cached of these accounts counts any more."""
        ids = list(account_ids)
        await asyncio.gather(self.views.raise_epochs(ids), self.relationships.raise_epochs(ids))


class UserService:
    """Accounts, follows and counts."""

    def __init__(
        self,
        repository: UserRepository,
        caches: Caches,
        events: Events,
        ids: IdSource,
        clock: Clock,
        cursors: CursorCodec,
        *,
        encode: Callable[[Account], bytes],
        reserved: frozenset[str] = frozenset(),
    ) -> None:
        self._repository = repository
        self._caches = caches
        self._events = events
        self._ids = ids
        self._clock = clock
        self._cursors = cursors
        self._encode = encode
        self._reserved = reserved

    async def reserve_account(self, request_id: str, username: str) -> Reservation:
        """Holds the name for 15 minutes from now; the same request gets the same account id, and its time anew."""
        _check_request_id(request_id)
        check_username(username, self._reserved)
        now = self._clock.now()
        wanted = Reservation(request_id, self._ids.mint(), username, now + timedelta(seconds=RESERVATION_SECONDS))
        async with self._repository.transaction() as tx:
            reservation = await tx.put_reservation(wanted)
            if reservation.username_key != wanted.username_key:
                raise RequestIdReused("request_id belongs to the reservation of another username")
            if not reservation.confirmed and not await tx.hold_username(reservation, now):
                raise UsernameTaken
        return reservation

    async def confirm_account(self, account_id: int, request_id: str) -> Account:
        """Turns a reservation into an account, also a late one as long as nobody else has taken the name."""
        _check_request_id(request_id)
        now = self._clock.now()
        async with self._repository.transaction() as tx:
            reservation = await tx.confirm_reservation(request_id, account_id, now)
            if reservation is None or not await tx.keep_username(reservation):
                raise ReservationNotFound("there is no such reservation, or it has expired")
            account = Account(account_id, reservation.username, now)
            if not await tx.insert_account(account):
                return await tx.account(account_id) or account
            tx.emit(self._events.account_created(account))
        ACCOUNTS_CREATED.inc()
        return account

    async def lookup_accounts(self, usernames: Sequence[str]) -> list[Account]:
        """The accounts of these names, whatever their case, in the order asked for; unknown ones are left out."""
        if len(usernames) > MAX_LOOKUPS:
            raise FieldInvalid("usernames", f"must be at most {MAX_LOOKUPS}", "ERR_TOO_LONG")
        keys = list(dict.fromkeys(name.lower() for name in usernames if is_username(name)))
        if not keys:
            return []
        found = {account.username.lower(): account for account in await self._repository.accounts_by_username(keys)}
        return [found[key] for key in keys if key in found]

    async def list_accounts(self, page_size: int, token: str) -> tuple[list[Account], str]:
        """All accounts in the order of their ids, and the next page's token (empty on the last)."""
        if not 0 <= page_size <= MAX_ACCOUNTS_PAGE_SIZE:
            raise FieldInvalid("page_size", f"must be between 1 and {MAX_ACCOUNTS_PAGE_SIZE}")
        limit = page_size or MAX_ACCOUNTS_PAGE_SIZE
        above = _position(self._cursors, "accounts", 0, token, "above") if token else 0
        accounts = await self._repository.list_accounts(above, limit)
        if len(accounts) < limit:
            return accounts, ""
        return accounts, self._cursors.encode("accounts", 0, {"above": accounts[-1].account_id})

    async def account_views(self, account_ids: Iterable[int]) -> dict[int, AccountView]:
        """Profiles and counts of all the ids: one call to the cache, one statement for the rest per database."""
        wanted = set(account_ids)
        if not wanted:
            return {}
        lookup = await self._caches.views.get(wanted)
        missing = wanted - lookup.hits.keys()
        lately = {id_ for id_ in missing if self._caches.views.changed_lately(lookup, id_)}
        read = await self._read_views(lately, primary=True) | await self._read_views(missing - lately, primary=False)
        await self._caches.views.put(lookup, read)
        return lookup.hits | read

    async def _read_views(self, ids: set[int], *, primary: bool) -> dict[int, AccountView]:
        if not ids:
            return {}
        found = await self._repository.accounts(sorted(ids), primary=primary)
        return {
            id_: AccountView(id_, account.version, counts, self._encode(account))
            for id_, (account, counts) in found.items()
        }

    async def relationships(self, pairs: Iterable[Pair]) -> Mapping[Pair, Relationship]:
        """By (viewer, account): what is cached under the epochs of now, the rest from the primary in one statement.

        What is neither cached nor to be had from the primary is left out, and so are unknown accounts.
        """
        wanted = set(pairs)
        if not wanted:
            return {}
        lookup = await self._caches.relationships.get(wanted)
        missing = sorted(wanted - lookup.hits.keys())
        if not missing:
            return lookup.hits
        try:
            read = await self._repository.relationships(missing)
        except Unavailable as error:
            log.warning("user.relationships_left_out", pairs=len(missing), reason=error.reason)
            return lookup.hits
        await self._caches.relationships.put(lookup, read)
        return lookup.hits | read

    async def follow(self, follower_id: int, followee_id: int, wanted: FollowSettings) -> Relationship:
        """Begins a follow, or changes its settings; doing it twice is doing it once."""
        if follower_id == followee_id:
            raise CannotFollowOneself
        _check_languages(wanted.languages or ())
        now = self._clock.now()
        async with self._repository.transaction() as tx:
            before = await tx.open_follow(follower_id, followee_id, now)
            if before is None:
                raise AccountNotFound("there is no such account")
            if before.active:
                after = before.changed(wanted)
                event = self._events.follow_updated(after) if after else None
            else:
                after = before.started(wanted, self._ids.mint(), now)
                event = self._events.follow_created(after)
            if after is not None and event is not None:
                await tx.save_follow(before, after)
                tx.emit(event)
            relationships = await tx.relationships([(follower_id, followee_id)])
        # Also when nothing changed: an earlier try may have died between its commit and this.
        await self._caches.changed([follower_id, followee_id])
        FOLLOW_CHANGES.labels("none" if after is None else "updated" if before.active else "created").inc()
        return relationships[follower_id, followee_id]

    async def unfollow(self, follower_id: int, followee_id: int) -> Relationship:
        """Ends a follow; there need be none."""
        if follower_id == followee_id:
            raise CannotFollowOneself
        async with self._repository.transaction() as tx:
            before = await tx.lock_follow(follower_id, followee_id)
            ends = before is not None and before.active
            if before is not None and ends:
                after = before.ended()
                await tx.save_follow(before, after)
                tx.emit(self._events.follow_ended(after))
            relationships = await tx.relationships([(follower_id, followee_id)])
            if not relationships:
                raise AccountNotFound("there is no such account")
        await self._caches.changed([follower_id, followee_id])
        FOLLOW_CHANGES.labels("ended" if ends else "none").inc()
        return relationships[follower_id, followee_id]

    async def list_followers(self, viewer: int, account_id: int, page_size: int, token: str) -> tuple[list[int], str]:
        """Who follows the account, newest first, and the next page's token (empty on the last)."""
        route = f"followers/{account_id}"
        limit, before = _page(self._cursors, route, viewer, page_size, token)
        primary = await self._must_exist(account_id)
        page = await self._repository.followers(account_id, before, limit, primary=primary)
        return self._answer(route, viewer, page)

    async def list_following(self, viewer: int, account_id: int, page_size: int, token: str) -> tuple[list[int], str]:
        """Whom the account follows, in the same way."""
        route = f"following/{account_id}"
        limit, before = _page(self._cursors, route, viewer, page_size, token)
        primary = await self._must_exist(account_id)
        page = await self._repository.following(account_id, before, limit, primary=primary)
        return self._answer(route, viewer, page)

    async def _must_exist(self, account_id: int) -> bool:
        """Raises AccountNotFound; tells whether the primary is to be read, for what has changed just now."""
        lookup = await self._caches.views.get([account_id])
        primary = self._caches.views.changed_lately(lookup, account_id)
        if not lookup.hits and not await self._repository.account_exists(account_id, primary=primary):
            raise AccountNotFound("there is no such account")
        return primary

    def _answer(self, route: str, viewer: int, page: FollowPage) -> tuple[list[int], str]:
        if page.before is None:
            return page.account_ids, ""
        return page.account_ids, self._cursors.encode(route, viewer, {"before": page.before})

    async def count_posts(self, news: Sequence[PostFact]) -> None:
        """Takes what is told of posts into their authors' counts; in any order, any number of times."""
        merged = merge_facts(news)
        deltas: dict[int, PostDelta] = {}
        async with self._repository.transaction() as tx:
            known = await tx.lock_posts(merged.keys())
            changed = [after for key, fact in merged.items() if (after := known[key].merged(fact)) != known[key]]
            for after in changed:
                deltas.setdefault(after.author_id, PostDelta()).add(known[after.key], after)
            if changed:
                await tx.save_posts(changed)
                await tx.count_posts(deltas)
        # All of them, changed or not: an earlier try may have died between its commit and this.
        await self._caches.views.raise_epochs({fact.author_id for fact in news})
        POSTS_COUNTED.labels("changed").inc(len(changed))
        POSTS_COUNTED.labels("known").inc(len(news) - len(changed))


def _page(cursors: CursorCodec, route: str, viewer: int, page_size: int, token: str) -> tuple[int, int]:
    """How many, and before which follow."""
    if not 0 <= page_size <= MAX_PAGE_SIZE:
        raise FieldInvalid("page_size", f"must be between 1 and {MAX_PAGE_SIZE}")
    before = _position(cursors, route, viewer, token, "before") if token else MAX_ID
    return page_size or DEFAULT_PAGE_SIZE, before


def _position(cursors: CursorCodec, route: str, viewer: int, token: str, name: str) -> int:
    try:
        return int(cursors.decode(route, viewer, token)[name])
    except InvalidCursor:
        raise FieldInvalid("page_token", "is not a token of this list") from None


def check_ids(field: str, account_ids: Sequence[object]) -> None:
    """Raises FieldInvalid for more ids than one entry may ask for."""
    if len(account_ids) > MAX_IDS_PER_ENTRY:
        raise FieldInvalid(field, f"must be at most {MAX_IDS_PER_ENTRY}", "ERR_TOO_LONG")


def _check_request_id(request_id: str) -> None:
    if not request_id:
        raise FieldInvalid("request_id", "must not be blank", "ERR_BLANK")
    if len(request_id) > MAX_REQUEST_ID_CHARS:
        raise FieldInvalid("request_id", f"must have at most {MAX_REQUEST_ID_CHARS} characters", "ERR_TOO_LONG")
    if not request_id.isprintable():
        raise FieldInvalid("request_id", "must be printable")


def _check_languages(languages: Sequence[str]) -> None:
    if len(languages) > MAX_FOLLOW_LANGUAGES:
        raise FieldInvalid("languages", f"must be at most {MAX_FOLLOW_LANGUAGES}", "ERR_TOO_LONG")
    for language in languages:
        if not _LANGUAGE.fullmatch(language):
            raise FieldInvalid("languages", "must be language codes such as en or pt-BR")
