"""Group commit: what shares one, what never does, who is told of what."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from rookery_common.clients.calls import UnknownOutcome
from rookery_common.clients.postgres import Conflict, PostgresUnavailable
from rookery_common.errors import AppError, DeadlineExceeded, Unavailable
from rookery_common.rpc.deadline import deadline, remaining
from user_service.errors import FollowNotAllowed
from user_service.group_commit import MAX_CHANGES, MAX_GROUPS, PATIENCE_SECONDS, GroupCommit

Result = int | AppError


class Engine:
    """Commits numbers: each answers its double, a negative one is refused; a group waits while `open` is not set."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.groups: list[list[int]] = []
        self.failures: dict[int, AppError] = {}
        self.left: list[float | None] = []

    async def commit(self, numbers: Sequence[int]) -> list[Result]:
        self.groups.append(list(numbers))
        self.left.append(remaining())
        await self.open.wait()
        if failure := self.failures.pop(len(self.groups), None):
            raise failure
        return [FollowNotAllowed() if number < 0 else 2 * number for number in numbers]


@pytest.fixture
def engine() -> Engine:
    return Engine()


async def _together(engine: Engine, *numbers: int) -> list[int | BaseException]:
    """The first is under way when the others come; then all may end. Each is a key of its own."""
    changes: GroupCommit[int, int, int] = GroupCommit(engine.commit)
    tasks = [asyncio.create_task(changes(number, number)) for number in numbers]
    await asyncio.sleep(0)
    engine.open.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_alone_a_change_goes_at_once_and_what_comes_meanwhile_shares_the_next(engine: Engine) -> None:
    assert await _together(engine, 1, 2, 3, 4) == [2, 4, 6, 8]
    assert engine.groups == [[1], [2, 3, 4]]


async def test_what_is_refused_is_refused_alone(engine: Engine) -> None:
    results = await _together(engine, 1, 2, -3, 4)
    assert [type(result) for result in results] == [int, int, FollowNotAllowed, int]
    assert engine.groups == [[1], [2, -3, 4]]


async def test_two_changes_of_one_key_are_never_under_way_at_once(engine: Engine) -> None:
    changes: GroupCommit[str, int, int] = GroupCommit(engine.commit)
    tasks = [asyncio.create_task(changes(key, n)) for n, key in enumerate(("a", "a", "b", "b", "a"))]
    await asyncio.sleep(PATIENCE_SECONDS * 2)
    assert engine.groups == [[0], [2]]
    engine.open.set()
    assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8]
    assert sorted(engine.groups[2]) == [1, 3]
    assert engine.groups[3:] == [[4]]


async def test_a_slow_group_holds_others_up_for_a_moment_only_and_few_are_under_way(engine: Engine) -> None:
    changes: GroupCommit[int, int, int] = GroupCommit(engine.commit)
    tasks = []
    for number in range(MAX_GROUPS + 2):
        tasks.append(asyncio.create_task(changes(number, number)))
        await asyncio.sleep(PATIENCE_SECONDS * 2)
    assert engine.groups == [[number] for number in range(MAX_GROUPS)]
    engine.open.set()
    assert await asyncio.gather(*tasks) == [2 * number for number in range(MAX_GROUPS + 2)]
    assert engine.groups[MAX_GROUPS:] == [[MAX_GROUPS, MAX_GROUPS + 1]]


async def test_a_group_that_is_full_does_not_wait(engine: Engine) -> None:
    changes: GroupCommit[int, int, int] = GroupCommit(engine.commit)
    tasks = [asyncio.create_task(changes(number, number)) for number in range(1 + MAX_CHANGES)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [len(group) for group in engine.groups] == [1, MAX_CHANGES]
    engine.open.set()
    await asyncio.gather(*tasks)


async def test_behind_a_full_group_nobody_waits_for_another_to_come(engine: Engine) -> None:
    changes: GroupCommit[int, int, int] = GroupCommit(engine.commit)
    first = asyncio.create_task(changes(-1, 0))
    await asyncio.sleep(0)
    many = [asyncio.create_task(changes(number, number)) for number in range(2 * MAX_CHANGES + 1)]
    await asyncio.sleep(PATIENCE_SECONDS * 3)
    assert [len(group) for group in engine.groups] == [1, MAX_CHANGES, MAX_CHANGES, 1]
    engine.open.set()
    await asyncio.gather(first, *many)


async def test_a_commit_that_tells_of_fewer_than_it_was_given_is_a_defect_that_all_hear_of() -> None:
    async def forgetful(_numbers: Sequence[int]) -> list[Result]:
        return []

    changes: GroupCommit[int, int, int] = GroupCommit(forgetful)
    with pytest.raises(ValueError, match="zip"):
        await changes(1, 1)


async def test_where_a_group_fails_each_goes_alone(engine: Engine) -> None:
    engine.failures[2] = Conflict("met another")
    engine.failures[4] = Conflict("met another")
    results = await _together(engine, 1, 2, 3, 4)
    assert engine.groups == [[1], [2, 3, 4], [2], [3], [4]]
    assert isinstance(results[2], Conflict)
    assert [results[place] for place in (0, 1, 3)] == [2, 4, 8]


@pytest.mark.parametrize("failure", [UnknownOutcome("no word"), PostgresUnavailable("away"), DeadlineExceeded("late")])
async def test_what_may_be_done_or_cannot_be_is_not_repeated(engine: Engine, failure: AppError) -> None:
    engine.failures[2] = failure
    results = await _together(engine, 1, 2, 3)
    assert engine.groups == [[1], [2, 3]]
    assert results[0] == 2
    for result in results[1:]:
        assert isinstance(result, AppError)
        assert result.reason == failure.reason
        assert result is not failure


async def test_a_defect_is_told_to_each_and_the_next_goes_on() -> None:
    async def broken(_numbers: Sequence[int]) -> list[Result]:
        raise ZeroDivisionError

    commit: list[Callable[[Sequence[int]], Awaitable[list[Result]]]] = [broken]
    changes: GroupCommit[int, int, int] = GroupCommit(lambda numbers: commit[0](numbers))
    with pytest.raises(ZeroDivisionError):
        await changes(1, 1)
    engine = Engine()
    engine.open.set()
    commit[0] = engine.commit
    assert await changes(1, 1) == 2


async def test_who_gives_up_before_it_begins_changes_nothing(engine: Engine) -> None:
    changes: GroupCommit[int, int, int] = GroupCommit(engine.commit)
    tasks = [asyncio.create_task(changes(number, number)) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    engine.open.set()
    assert list(await asyncio.gather(tasks[0], tasks[2])) == [0, 4]
    assert engine.groups == [[0], [2]]


async def test_a_group_has_the_time_of_the_most_patient_of_its_callers(engine: Engine) -> None:
    changes: GroupCommit[int, int, int] = GroupCommit(engine.commit)

    async def within(seconds: float, number: int) -> int:
        with deadline(seconds):
            return await changes(number, number)

    tasks = [asyncio.create_task(within(*args)) for args in ((1.0, 1), (3.0, 2), (5.0, 3))]
    await asyncio.sleep(0)
    engine.open.set()
    await asyncio.gather(*tasks)
    first, second = engine.left
    assert first is not None
    assert second is not None
    assert 0.5 < first <= 1.0
    assert 4.5 < second <= 5.0


async def test_time_that_is_up_is_said_before_anything_is_changed(engine: Engine) -> None:
    changes: GroupCommit[int, int, int] = GroupCommit(engine.commit)
    with deadline(0.0), pytest.raises(DeadlineExceeded):
        await changes(1, 1)
    assert engine.groups == []


async def test_an_engine_that_is_slow_alone_is_told_of_alone(engine: Engine) -> None:
    """A lock that somebody else holds: the others of the group do not wait for it."""
    engine.failures[2] = Unavailable("took too long")
    assert await _together(engine, 1, 2, 3) == [2, 4, 6]
    assert engine.groups == [[1], [2, 3], [2], [3]]
