"""Crashes everywhere: runs a flow again and again, and each time it dies one line, or one answer, later."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import FrameType, FunctionType, ModuleType
from typing import Any

Code = ModuleType | Callable[..., Any]


class Crash(BaseException):
    """Stands for the death of the process: no handler of errors catches it."""


class CrashAt:
    """Raises Crash at the n-th line that the given code runs; `happened` is false when it ran fewer.

    With `waits`, only the first line counts and each that is the first after a wait.
    """

    def __init__(self, number: int, code: Iterable[Code], *, waits: bool = False) -> None:
        self._left = number
        self._every_line = not waits
        self._waited = True
        parts = list(code)
        self._files = {part.__file__ for part in parts if isinstance(part, ModuleType)}
        self._functions = {part.__code__ for part in parts if isinstance(part, FunctionType)}
        self.happened = False

    def trace(self, frame: FrameType, event: str, _argument: Any) -> Callable[..., Any] | None:
        """For sys.settrace: follows the frames of the given code only."""
        ours = frame.f_code.co_filename in self._files or frame.f_code in self._functions
        if self.happened or not ours:
            return None
        if event == "call":
            # A frame that is traced already was left at an await and goes on.
            self._waited = self._waited or frame.f_trace is not None
        if event == "line" and (self._every_line or self._waited):
            self._waited = False
            self._left -= 1
            if self._left == 0:
                self.happened = True
                raise Crash(f"{frame.f_code.co_name}:{frame.f_lineno}")
        return self.trace


def crash_at(line: int, *code: Code) -> AbstractAsyncContextManager[CrashAt]:
    """Within the block, the n-th line of those modules and functions is the last that runs: tasks die with it."""
    return _crash(CrashAt(line, code))


def crash_after(answer: int, *code: Code) -> AbstractAsyncContextManager[CrashAt]:
    """As `crash_at`, but at the first line of all and then only where something has been waited for.

    What engines hold differs at no other line, if all that writes to them is awaited: so as many crashes as answers
    try each outcome once. Fakes that write without a wait need `crash_at`.
    """
    return _crash(CrashAt(answer, code, waits=True))


@asynccontextmanager
async def _crash(point: CrashAt) -> AsyncIterator[CrashAt]:
    others = asyncio.all_tasks()
    before = sys.gettrace()
    sys.settrace(point.trace)
    try:
        with suppress(Crash):  # that is how the flow ends
            yield point
    finally:
        sys.settrace(before)
        if point.happened:
            left = asyncio.all_tasks() - others
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
