"""The rules of imports: what is taken in, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence

from rookery_common.clock import Clock
from rookery_common.ids import IdSource
from user_service.errors import AccountNotFound, FieldInvalid, IdempotencyConflict, ImportNotFound, TooManyImports
from user_service.request_keys import RequestKey
from user_service.transfers.imports import ImportRepository
from user_service.transfers.models import (
    MAX_CELL_CHARS,
    MAX_PAGE_SIZE,
    MAX_ROWS,
    MAX_UNFINISHED,
    Import,
    ImportRow,
    Kind,
    Mode,
)

MAX_LINE = 2**31 - 1


class Imports:
    """Files of accounts, which a worker does row by row."""

    def __init__(self, repository: ImportRepository, ids: IdSource, clock: Clock) -> None:
        self._repository = repository
        self._ids = ids
        self._clock = clock

    async def create(
        self, account_id: int, kind: Kind, mode: Mode, rows: Sequence[ImportRow], key: RequestKey | None
    ) -> Import:
        """The import, or the one that an earlier try with this key made.

        Raises FieldInvalid, TooManyImports, IdempotencyConflict, AccountNotFound.
        """
        if key:
            key.check()
        if kind is Kind.BOOKMARKS and mode is not Mode.MERGE:
            raise FieldInvalid("mode", "must be merge: bookmarks come to those that there are", "ERR_INCLUSION")
        _check(kind, rows)
        made = Import(account_id, self._ids.mint(), kind, mode, len(rows), self._clock.now())
        async with self._repository.transaction(account_id) as tx:
            if not await tx.lock():
                raise AccountNotFound("there is no such account")
            known = await tx.requested(key.request_id) if key else None
            if key and known and known[1] != key.digest:
                raise IdempotencyConflict("request_id was used with another import")
            if known is None:
                if await tx.unfinished() >= MAX_UNFINISHED:
                    raise TooManyImports(f"{MAX_UNFINISHED} imports are under way: wait for one of them")
                await tx.save(made, rows, key.request_id if key else "", key.digest if key else b"")
        return made if known is None else await self.get(account_id, known[0])

    async def newest(self, account_id: int) -> list[Import]:
        """The account's, the newest first."""
        return await self._repository.newest(account_id)

    async def get(self, account_id: int, import_id: int) -> Import:
        """Raises ImportNotFound."""
        found = await self._repository.get(account_id, import_id)
        if found is None:
            raise ImportNotFound("there is no such import of yours")
        return found

    async def failed_rows(
        self, found: Import, after_line: int, page_size: int
    ) -> tuple[list[tuple[ImportRow, str]], bool]:
        """Rows that could not be done with their reasons, and whether there are more. Raises FieldInvalid."""
        if not 0 <= page_size <= MAX_PAGE_SIZE:
            raise FieldInvalid("page_size", f"must be between 1 and {MAX_PAGE_SIZE}")
        if after_line < 0:
            raise FieldInvalid("after_line", "must be a line")
        limit = page_size or MAX_PAGE_SIZE
        rows = await self._repository.failed_rows(found.account_id, found.import_id, after_line, limit + 1)
        return rows[:limit], len(rows) > limit


def _check(kind: Kind, rows: Sequence[ImportRow]) -> None:
    if not 0 < len(rows) <= MAX_ROWS:
        raise FieldInvalid("rows", f"must be from 1 to {MAX_ROWS}", "ERR_TOO_LONG" if rows else "ERR_BLANK")
    lines = {each.line for each in rows}
    if len(lines) < len(rows) or min(lines) < 1:
        raise FieldInvalid("rows", "must have each line once")
    for each in rows:
        row = each.row
        cells = (row.username, row.list_title, row.post_address, *(row.languages or ()))
        if any(len(cell) > MAX_CELL_CHARS or "\0" in cell for cell in cells):
            raise FieldInvalid("rows", f"must have cells of at most {MAX_CELL_CHARS} characters: line {each.line}")
        if bool(row.post_address) != (kind is Kind.BOOKMARKS) or row.post_id < 0:
            raise FieldInvalid("rows", f"must name a post where it is of bookmarks: line {each.line}")
        if bool(row.username) != (kind is not Kind.BOOKMARKS) or bool(row.list_title) != (kind is Kind.LISTS):
            raise FieldInvalid("rows", f"must name an account, and a list where it is of lists: line {each.line}")
