"""What rankings are made of, and where they are kept: over the fakes, and as a link in tests/engine over engines."""

from __future__ import annotations

from feed_service.models import Entry, Mark, MarkChange, MarkKind, Reason
from feed_service.ranking import Part, Ranked
from feed_service.repository.marks import MarkRepository
from feed_service.repository.rankings import RankingRepository

ALICE, BOB, CAROL = 101, 102, 103


async def test_marks_are_kept_as_they_are_now(marks: MarkRepository) -> None:
    liked, answered = Mark(5, ALICE, MarkKind.FAVOURITE), Mark(7, ALICE, MarkKind.REPLY)
    await marks.put([MarkChange(BOB, liked, True, 1), MarkChange(BOB, answered, True, 1)])
    assert await marks.newest(BOB, 10) == [answered, liked]
    assert await marks.newest(BOB, 1) == [answered]
    await marks.put([MarkChange(BOB, liked, False, 3), MarkChange(BOB, liked, True, 2)])
    assert await marks.newest(BOB, 10) == [answered]
    assert await marks.newest(CAROL, 10) == []


async def test_a_ranking_is_found_by_its_name_by_its_reader(rankings: RankingRepository) -> None:
    part = Part("recency", 0.5, 2.0)
    ranked = [Ranked(Entry(5, ALICE, Reason.PUBLIC), 1.25, (part, part)), Ranked(Entry(9, BOB, Reason.REBLOG), 0.5, ())]
    name = await rankings.keep(BOB, ranked)
    assert await rankings.find(BOB, name) == ranked
    assert await rankings.find(CAROL, name) is None
    assert await rankings.keep(BOB, []) != name
