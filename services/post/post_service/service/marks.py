"""What viewers have done with the posts that they are shown: by the cache first, for all viewers of a call together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from post_service import metrics
from post_service.models import NO_MARKS, CountedPost, PostMarks
from post_service.repository.mark_cache import MarkCache
from post_service.repository.marks import PINS, MarkRepository, Sheet, Week, week_number, week_of
from post_service.versions import HybridClock
from rookery_common.errors import AppError, DeadlineExceeded, Unavailable
from rookery_common.logs import get_logger

Marked = Mapping[int, PostMarks]
log = get_logger()


class MarkReader:
    """Finds marks. They are no condition for showing a post: while they can't be read, posts are shown without."""

    def __init__(self, marks: MarkRepository, cache: MarkCache, versions: HybridClock) -> None:
        self._marks = marks
        self._cache = cache
        self._versions = versions

    async def of_posts(self, queries: Sequence[tuple[int, Sequence[int]]]) -> list[Marked]:
        """For each (account, post ids) the account's marks of these posts; those without any are left out."""
        asked = [_by_week(account_id, post_ids) for account_id, post_ids in queries]
        weeks = list(dict.fromkeys(week for by_week in asked for week in by_week))
        try:
            sheets = await self._sheets(weeks)
            picked = [_pick(by_week, sheets) for by_week in asked]
            older = [(marks, *each) for marks, below in picked for each in below]
            if older:
                await asyncio.gather(*(self._pick_older(*each) for each in older))
            return [marks for marks, _ in picked]
        except (Unavailable, DeadlineExceeded) as error:
            _note_unmarked(weeks, error)
            return [{} for _ in queries]

    async def with_threads(
        self,
        viewers: Sequence[int],
        asked: Sequence[Sequence[int]],
        marks: Sequence[Marked],
        found: Mapping[int, CountedPost],
    ) -> Sequence[Marked]:
        """The marks, and whether the viewers have muted the threads of the replies among the posts."""
        threads = [_threads(viewer, post_ids, found) for viewer, post_ids in zip(viewers, asked, strict=True)]
        if not any(threads):
            return marks
        roots = await self.of_posts(
            [(viewer, sorted(set(some.values()))) for viewer, some in zip(viewers, threads, strict=True)]
        )
        return [_muted(marked, some, known) for marked, some, known in zip(marks, threads, roots, strict=True)]

    async def refresh(self, account_id: int, post_id: int) -> None:
        """After a write of the account's: the next reader sees it."""
        await self._refresh(week_of(account_id, post_id))

    async def refresh_pins(self, account_id: int) -> None:
        """After the account has pinned or unpinned something."""
        await self._refresh(Week(account_id, PINS))

    async def _refresh(self, week: Week) -> None:
        stamp = self._versions.next()
        try:
            sheets = await self._marks.sheets([week])
        except (Unavailable, DeadlineExceeded) as error:
            # What was written stands, and must not be reported as failed.
            log.warning("post.marks_not_refreshed", week=week.number, reason=error.reason)
            return
        await self._cache.put(sheets, stamp)

    async def _sheets(self, weeks: Sequence[Week]) -> dict[Week, Sheet]:
        found = await self._cache.get_many(weeks)
        missing = [week for week in weeks if week not in found]
        if missing:
            stamp = self._versions.next()
            try:
                read = await self._marks.sheets(missing)
            except (Unavailable, DeadlineExceeded) as error:
                _note_unmarked(missing, error)
                return dict.fromkeys(missing, Sheet({})) | found
            await self._cache.put(read, stamp)
            found |= read
        return found

    async def _pick_older(self, picked: dict[int, PostMarks], week: Week, post_ids: Sequence[int]) -> None:
        """Adds the marks of posts below what a sheet has."""
        for post_id, marks in (await self._marks.of_posts(week, post_ids)).items():
            picked[post_id] = marks._replace(pinned=picked.get(post_id, marks).pinned)


def _pick(
    by_week: Mapping[Week, list[int]], sheets: Mapping[Week, Sheet]
) -> tuple[dict[int, PostMarks], list[tuple[Week, list[int]]]]:
    """The marks that the sheets have of posts, and the posts below these."""
    picked: dict[int, PostMarks] = {}
    older: list[tuple[Week, list[int]]] = []
    for week, post_ids in by_week.items():
        marks, floor = sheets[week]
        if week.number == PINS:
            for post_id in marks.keys() & set(post_ids):
                picked[post_id] = picked.get(post_id, NO_MARKS)._replace(pinned=True)
            continue
        if marks:
            picked.update((post_id, marks[post_id]) for post_id in post_ids if post_id in marks)
        below = [post_id for post_id in post_ids if post_id < floor] if floor else []
        if below:
            older.append((week, below))
    return picked, older


def _threads(viewer: int, post_ids: Sequence[int], found: Mapping[int, CountedPost]) -> dict[int, int]:
    """The first posts of the replies' threads; nothing for nobody signed in."""
    posts = [found[post_id].post for post_id in post_ids if post_id in found] if viewer else []
    return {post.post_id: post.thread_id for post in posts if post.thread_id != post.post_id}


def _muted(marked: Marked, threads: Mapping[int, int], roots: Marked) -> Marked:
    muted = {post_id for post_id, thread_id in threads.items() if roots.get(thread_id, NO_MARKS).muted}
    return {**marked, **{post_id: marked.get(post_id, NO_MARKS)._replace(muted=True) for post_id in muted}}


def _note_unmarked(weeks: Sequence[Week], error: AppError) -> None:
    metrics.UNMARKED.inc(len(weeks))
    log.warning("post.marks_unknown", reason=error.reason, weeks=len(weeks))


def _by_week(account_id: int, post_ids: Sequence[int]) -> dict[Week, list[int]]:
    if not (account_id and post_ids):
        return {}
    numbers: dict[int, list[int]] = {}
    for post_id in post_ids:
        numbers.setdefault(week_number(post_id), []).append(post_id)
    by_week = {Week(account_id, number): some for number, some in numbers.items()}
    by_week[Week(account_id, PINS)] = list(post_ids)  # The last, so that it adds to what the others say.
    return by_week
