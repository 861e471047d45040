"""Imports are done: some rows of one, then of the next, so that a long one holds up neither others nor the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from rookery_common.clock import Clock
from rookery_common.errors import Aborted, AppError, DeadlineExceeded, Unavailable
from rookery_common.logs import get_logger
from rookery_common.rounds import Rounds
from user_service.lists.models import ListChange
from user_service.lists.service import Lists
from user_service.metrics import IMPORTED_ROWS
from user_service.models import Account
from user_service.relationships.models import FollowSettings
from user_service.relationships.service import Relationships
from user_service.service import UserService
from user_service.transfers.imports import ImportRepository
from user_service.transfers.models import Import, ImportRow, Kind, Mode, Outcome, Row

# Of one import at a time; with the pause, some fifty a second in each process.
ROWS = 25
PAUSE_SECONDS, IDLE_SECONDS = 0.5, 2.0
LEASE = timedelta(seconds=60)
UNKNOWN, UNKNOWN_POST = "ACCOUNT_NOT_FOUND", "POST_NOT_FOUND"
# What goes by itself: the row waits. All else is said of the row.
_PASSING = (Unavailable, Aborted, DeadlineExceeded)
log = get_logger()


class Bookmarks(Protocol):
    """Post, for those whose bookmarks are brought."""

    async def bookmark(self, account_id: int, post_ids: Sequence[int]) -> frozenset[int]:
        """Those of the posts that the account has bookmarked now. Raises AppError."""


class ImportWork:
    """Does what is due. Everything may be done twice: a worker that dies leaves its rows to another."""

    def __init__(
        self,
        repository: ImportRepository,
        accounts: UserService,
        relationships: Relationships,
        lists: Lists,
        bookmarks: Bookmarks,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._accounts = accounts
        self._relationships = relationships
        self._lists = lists
        self._bookmarks = bookmarks
        self._clock = clock

    async def turn(self) -> bool:
        """Some rows of the import that has waited longest; whether there was one. Raises what will pass."""
        now = self._clock.now()
        job = await self._repository.claim(now, now + LEASE)
        if job is None:
            return False
        rows = await self._repository.waiting_rows(job, ROWS)
        outcomes = await self._done(job, rows) if rows else []
        if not rows and not await self._swept(job):
            await self._repository.finish(job, self._clock.now())
            log.info("user.import_finished", account_id=job.account_id, import_id=job.import_id, failed=job.failed)
        else:
            await self._repository.record(job, outcomes, self._clock.now())
            for outcome in outcomes:
                IMPORTED_ROWS.labels(job.kind.name.lower(), outcome.state.name.lower()).inc()
        return True

    async def _done(self, job: Import, rows: Sequence[ImportRow]) -> list[Outcome]:
        if job.kind is Kind.BOOKMARKS:
            return await self._bookmarked(job, rows)
        named = await self._accounts.lookup_accounts([each.row.username for each in rows])
        known = {account.username.lower(): account for account in named}
        return [await self._outcome(job, each, known) for each in rows]

    async def _bookmarked(self, job: Import, rows: Sequence[ImportRow]) -> list[Outcome]:
        wanted = list(dict.fromkeys(each.row.post_id for each in rows if each.row.post_id))
        done = await self._bookmarks.bookmark(job.account_id, wanted) if wanted else frozenset[int]()
        return [Outcome(each.line, each.row.post_id, "" if each.row.post_id in done else UNKNOWN_POST) for each in rows]

    async def _outcome(self, job: Import, given: ImportRow, known: Mapping[str, Account]) -> Outcome:
        account = known.get(given.row.username.lower())
        if account is None:
            return Outcome(given.line, reason=UNKNOWN)
        target = account.account_id
        try:
            await self._do(job, target, given.row)
        except _PASSING:
            raise
        except AppError as error:
            return Outcome(given.line, target, error.reason)
        return Outcome(given.line, target)

    async def _do(self, job: Import, target: int, row: Row) -> None:
        me, acts = job.account_id, self._relationships
        match job.kind:
            case Kind.FOLLOWS:
                await acts.follow(me, target, FollowSettings(row.reblogs, row.notify, row.languages))
            case Kind.BLOCKS:
                await acts.block(me, target)
            case Kind.MUTES:
                await acts.mute(me, target, notifications=row.notifications)
            case Kind.LISTS:
                await acts.follow(me, target, FollowSettings())
                await self._lists.add(me, await self._list(me, row.list_title), [target])

    async def _list(self, account_id: int, title: str) -> int:
        """The account's oldest list of this title; a new one, where it has none."""
        for each in await self._lists.all(account_id):
            if each.title == title.strip():
                return each.list_id
        return (await self._lists.create(account_id, ListChange(title))).list_id

    async def _swept(self, job: Import) -> int:
        """Ends some of what the import does not name; how many they were."""
        if job.mode is Mode.MERGE:
            return 0
        me, acts = job.account_id, self._relationships
        if job.kind is Kind.LISTS:
            return await self._swept_lists(job)
        end = {Kind.FOLLOWS: acts.unfollow, Kind.BLOCKS: acts.unblock, Kind.MUTES: acts.unmute}[job.kind]
        others = await self._repository.unnamed(job, ROWS)
        for other in others:
            await end(me, other)
        return len(others)

    async def _swept_lists(self, job: Import) -> int:
        lists = await self._repository.unnamed_lists(job, ROWS)
        for list_id in lists:
            await self._lists.delete(job.account_id, list_id)
        members = [] if lists else await self._repository.unnamed_members(job, ROWS)
        for list_id, member in members:
            await self._lists.remove(job.account_id, list_id, [member])
        return len(lists) + len(members)


class ImportWorker(Rounds):
    """Any number of processes may run it."""

    def __init__(self, work: ImportWork, clock: Clock) -> None:
        super().__init__("user.imports", clock, every=IDLE_SECONDS, again_after=PAUSE_SECONDS)
        self._work = work

    async def round(self) -> bool:
        """A turn of the work."""
        return await self._work.turn()
