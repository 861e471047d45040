"""Cached marks. Runs over the fake, and as engine/test_mark_cache.py over Redis."""

from __future__ import annotations

from post_service.models import PostMarks
from post_service.repository.mark_cache import MarkCache
from post_service.repository.marks import Sheet, Week

WEEK, OTHER = Week(101, 300), Week(102, 300)


async def test_sheets_are_found_as_they_were_put(mark_cache: MarkCache) -> None:
    marks = {1 << 60 | bits: PostMarks(bool(bits & 1), bool(bits & 2), bool(bits & 4)) for bits in range(1, 8)}
    sheets = {WEEK: Sheet(marks, floor=1 << 59), OTHER: Sheet({})}
    assert await mark_cache.get_many([WEEK, OTHER]) == {}
    await mark_cache.put(sheets, stamp=1)
    assert await mark_cache.get_many([OTHER, WEEK, Week(101, 301)]) == sheets
    assert await mark_cache.get_many([]) == {}


async def test_what_was_read_earlier_never_replaces_what_was_read_later(mark_cache: MarkCache) -> None:
    liked, none = Sheet({5: PostMarks(favourited=True)}), Sheet({})
    for sheet, stamp, kept in ((liked, 300, liked), (none, 255, liked), (none, 300, none), (liked, 2**50, liked)):
        await mark_cache.put({WEEK: sheet}, stamp)
        assert await mark_cache.get_many([WEEK]) == {WEEK: kept}
