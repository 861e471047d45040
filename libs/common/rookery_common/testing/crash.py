"""Crashes at every line: runs a flow again and again, and each time it dies one line later."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from types import FrameType, FunctionType, ModuleType
from typing import Any

Code = ModuleType | Callable[..., Any]


class Crash(BaseException):
    """Stands for the death of the process: no handler of errors catches it."""


class CrashAt:
    """Raises Crash at the n-th line that the given code runs; `happened` is false when it ran fewer."""

    def __init__(self, line: int, code: Iterable[Code]) -> None:
        self._left = line
        parts = list(code)
        self._files = {part.__file__ for part in parts if isinstance(part, ModuleType)}
        self._functions = {part.__code__ for part in parts if isinstance(part, FunctionType)}
        self.happened = False

    def trace(self, frame: FrameType, event: str, _argument: Any) -> Callable[..., Any] | None:
        """For sys.settrace: follows the frames of the given code only."""
        ours = frame.f_code.co_filename in self._files or frame.f_code in self._functions
        if self.happened or not ours:
            return None
        if event == "line":
            self._left -= 1
            if self._left == 0:
                self.happened = True
                raise Crash(f"{frame.f_code.co_name}:{frame.f_lineno}")
        return self.trace


@asynccontextmanager
async def crash_at(line: int, *code: Code) -> AsyncIterator[CrashAt]:
    """Within the block, the n-th line of those modules and functions is the last that runs; its tasks die with it."""
    point = CrashAt(line, code)
    others = asyncio.all_tasks()
    before = sys.gettrace()
    sys.settrace(point.trace)
    try:
        with suppress(Crash):  # that is how the flow ends
            yield point
    finally:
        sys.settrace(before)
        left = asyncio.all_tasks() - others
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
