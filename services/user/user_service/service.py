"""The rules of accounts: who gets a name, what is shown of them, how many posts they have."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rookery_common.clock import Clock
from rookery_common.errors import Unavailable
from rookery_common.ids import IdSource
from rookery_common.paging import CursorCodec
from user_service.cache import EpochCache
from user_service.errors import (
    AccountDeleted,
    FieldInvalid,
    RequestIdReused,
    ReservationNotFound,
    UsernameTaken,
)
from user_service.events import Events
from user_service.metrics import ACCOUNTS_CREATED, POSTS_COUNTED
from user_service.models import (
    MAX_ACCOUNTS_PAGE_SIZE,
    MAX_IDS_PER_ENTRY,
    MAX_LOOKUPS,
    MAX_REQUEST_ID_CHARS,
    RESERVATION_SECONDS,
    Account,
    AccountView,
    PostDelta,
    PostFact,
    Reservation,
    merge_facts,
)
from user_service.pages import position
from user_service.relationships.models import Pair, Relationship
from user_service.repository import UserRepository
from user_service.usernames import check_username, is_username


@dataclass(frozen=True, slots=True)
class Caches:
    """Answers that are asked for all the time."""

    views: EpochCache[int, AccountView]
    relationships: EpochCache[Pair, Relationship]

    async def changed(self, account_ids: Iterable[int]) -> None:
        """After a commit and before the answer: nothing cached of these accounts counts any more."""
        await self.views.raise_epochs(account_ids, self.relationships)


class UserService:
    """Accounts and their counts."""

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
            if reservation.confirmed:
                if await tx.is_deleted(reservation.account_id):
                    raise UsernameTaken
            elif not await tx.hold_username(reservation, now):
                raise UsernameTaken
        return reservation

    async def confirm_account(self, account_id: int, request_id: str) -> Account:
        """Turns a reservation into an account, also a late one as long as nobody else has taken the name.

        Raises ReservationNotFound, and AccountDeleted where it was one.
        """
        _check_request_id(request_id)
        now = self._clock.now()
        async with self._repository.transaction() as tx:
            reservation = await tx.confirm_reservation(request_id, account_id, now)
            if reservation is None or not await tx.keep_username(reservation):
                raise ReservationNotFound("there is no such reservation, or it has expired")
            account = Account(account_id, reservation.username, now)
            is_new = await tx.insert_account(account)
            if is_new:
                if await tx.is_deleted(account_id):
                    raise AccountDeleted("this account was deleted")
                tx.emit(self._events.account_created(account))
            else:
                account = await tx.account(account_id) or account
        # Somebody may have asked for it before it was there; also where an earlier try died before this.
        await self._caches.changed([account_id])
        ACCOUNTS_CREATED.inc(is_new)
        return account

    async def lookup_accounts(self, usernames: Sequence[str]) -> list[Account]:
        """The accounts of these names, whatever their case, in the order asked for; unknown ones are left out."""
        if len(usernames) > MAX_LOOKUPS:
            raise FieldInvalid("usernames", f"must be at most {MAX_LOOKUPS}", "ERR_TOO_LONG")
        keys = list(dict.fromkeys(name.lower() for name in usernames if is_username(name)))
        if not keys:
            return []
        found = {account.username.lower(): account for account in await self._settled(keys)}
        if lately := [key for key in keys if key not in found]:
            accounts = await self._repository.accounts_by_username(lately, primary=True)
            found |= {account.username.lower(): account for account in accounts}
        return [found[key] for key in keys if key in found]

    async def _settled(self, keys: Sequence[str]) -> list[Account]:
        """Those of the accounts that have not changed lately: a replica has them as they are."""
        found = await self._repository.accounts_by_username(keys, primary=False)
        lookup = await self._caches.views.get([account.account_id for account in found])
        return [each for each in found if not self._caches.views.changed_lately(lookup, each.account_id)]

    async def list_accounts(self, page_size: int, token: str) -> tuple[list[Account], str]:
        """All accounts in the order of their ids, and the next page's token (empty on the last)."""
        if not 0 <= page_size <= MAX_ACCOUNTS_PAGE_SIZE:
            raise FieldInvalid("page_size", f"must be between 1 and {MAX_ACCOUNTS_PAGE_SIZE}")
        limit = page_size or MAX_ACCOUNTS_PAGE_SIZE
        above = position(self._cursors, "accounts", 0, token, "above") if token else 0
        accounts = await self._repository.list_accounts(above, limit)
        if len(accounts) < limit:
            return accounts, ""
        return accounts, self._cursors.encode("accounts", 0, {"above": accounts[-1].account_id})

    async def account_views(self, account_ids: Iterable[int]) -> dict[int, AccountView]:
        """Profiles and counts of all the ids: one call to the cache, one statement for the rest per database."""
        views, failures = await self.known_views(account_ids)
        for failure in failures.values():
            raise failure
        return views

    async def known_views(self, account_ids: Iterable[int]) -> tuple[dict[int, AccountView], Mapping[int, Unavailable]]:
        """The same; while the database is away what is cached, and of which ids nobody knows whether they are there."""
        wanted = set(account_ids)
        if not wanted:
            return {}, {}
        cache = self._caches.views
        lookup = await cache.get(wanted)

        async def read(missing: Collection[int]) -> dict[int, AccountView]:
            lately = {id_ for id_ in missing if cache.changed_lately(lookup, id_)}
            of_primary = await self._read_views(lately, primary=True)
            return of_primary | await self._read_views(set(missing) - lately, primary=False)

        try:
            return lookup.hits | await cache.fill(lookup, wanted, read), {}
        except Unavailable as failure:
            return lookup.hits, dict.fromkeys(wanted - lookup.hits.keys() - lookup.absent, failure)

    async def _read_views(self, ids: set[int], *, primary: bool) -> dict[int, AccountView]:
        if not ids:
            return {}
        found = await self._repository.accounts(sorted(ids), primary=primary)
        return {
            id_: AccountView(id_, account.version, counts, self._encode(account))
            for id_, (account, counts) in found.items()
        }

    async def count_posts(self, news: Sequence[PostFact]) -> None:
        """Takes what is told of posts into their authors' counts; in any order, any number of times."""
        merged = merge_facts(news)
        deltas: dict[int, PostDelta] = {}
        async with self._repository.transaction() as tx:
            known = await tx.lock_posts(merged.keys())
            changed = [after for key, fact in known.items() if (after := fact.merged(merged[key])) != fact]
            for after in changed:
                deltas.setdefault(after.author_id, PostDelta()).add(known[after.key], after)
            if changed:
                await tx.save_posts(changed)
                await tx.count_posts(deltas)
        # All of them, changed or not: an earlier try may have died between its commit and this.
        await self._caches.views.raise_epochs({fact.author_id for fact in news})
        POSTS_COUNTED.labels("changed").inc(len(changed))
        POSTS_COUNTED.labels("known").inc(len(news) - len(changed))


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
