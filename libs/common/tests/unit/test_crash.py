from __future__ import annotations

import asyncio

import pytest

from rookery_common.testing.crash import Crash, crash_after, crash_at


class Engine:
    """Takes words, each with a wait, as engines do."""

    def __init__(self) -> None:
        self.words: list[str] = []

    async def write(self, word: str) -> None:
        await asyncio.sleep(0)
        self.words.append(word)


async def _write_first(engine: Engine) -> None:
    await engine.write("a")


async def _write_three(engine: Engine) -> int:
    words = ["b", "c"]
    words.sort()
    await _write_first(engine)
    count = 1
    for word in words:
        await engine.write(word)
        count += 1
    return count


async def test_a_crash_after_each_answer_shows_each_state_once() -> None:
    states = []
    for answer in range(1, 100):
        engine = Engine()
        async with crash_after(answer, _write_three, _write_first) as point:
            await _write_three(engine)
        states.append("".join(engine.words))
        if not point.happened:
            break
    assert states == ["", "a", "ab", "abc", "abc"]


async def test_a_crash_at_each_line_shows_the_same_states() -> None:
    states = []
    for line in range(1, 100):
        engine = Engine()
        async with crash_at(line, _write_three, _write_first) as point:
            await _write_three(engine)
        states.append("".join(engine.words))
        if not point.happened:
            break
    assert len(states) > 10
    assert list(dict.fromkeys(states)) == ["", "a", "ab", "abc"]


async def test_tasks_that_were_started_die_with_the_process() -> None:
    engine, started = Engine(), []

    async def flow() -> None:
        started.append(asyncio.create_task(asyncio.sleep(60)))
        await engine.write("a")
        started.append(asyncio.create_task(asyncio.sleep(60)))

    async with crash_after(2, flow):
        await flow()
    assert engine.words == ["a"]
    assert [task.cancelled() for task in started] == [True]


async def test_without_a_crash_what_was_started_goes_on() -> None:
    started = []
    async with crash_after(2, _write_three) as point:
        started.append(asyncio.create_task(asyncio.sleep(0.01)))
    assert not point.happened
    await started[0]


async def test_no_handler_of_errors_outlives_a_crash() -> None:
    async def flow() -> None:
        try:
            await asyncio.sleep(0)
        except Exception:  # even this catches no crash
            pytest.fail("a handler has caught the crash")

    async with crash_after(1, flow) as point:
        await flow()
    assert point.happened
    assert not issubclass(Crash, Exception)
