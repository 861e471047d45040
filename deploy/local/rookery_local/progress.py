"""Several things done at once, each with a line that shows how far it is."""

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

console = Console(stderr=True, highlight=False)


class Cancelled(Exception):
    """Another of the things done at once has failed, so this one gave up."""


class Board:
    """A line for each task: live on a terminal, one line at its end elsewhere."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._stop = threading.Event()
        self._started = time.monotonic()
        self._tasks: dict[str, TaskID] = {}
        columns = (SpinnerColumn(finished_text="[green]✓"), TextColumn("{task.fields[name]:<16}"))
        self._progress = Progress(
            *columns, TimeElapsedColumn(), TextColumn("[dim]{task.description}"), console=console, transient=False
        )
        self._live = console.is_terminal

    def __enter__(self) -> Self:
        console.print(f"[bold]{self._title}")
        if self._live:
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        if self._live:
            self._progress.stop()

    def tell(self, name: str, text: str) -> None:
        """Says what a task is doing now."""
        if self._live and name in self._tasks:
            self._progress.update(self._tasks[name], description=text)

    def pause(self, seconds: float) -> None:
        """Sleeps inside a task; raises Cancelled once another task has failed."""
        if self._stop.wait(seconds):
            raise Cancelled

    def run(self, tasks: Mapping[str, Callable[[], None]], *, quiet: bool = False) -> None:
        """Does all at once; the first failure cancels the rest and is raised."""
        for name in tasks:
            self._tasks[name] = self._progress.add_task("", name=name, total=1)
        if not tasks:
            return
        with ThreadPoolExecutor(max_workers=len(tasks)) as pool:
            futures = [pool.submit(task if quiet else partial(self._one, name, task)) for name, task in tasks.items()]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                failed = [future for future in futures if future.done() and future.exception() is not None]
                if failed or not all(future.done() for future in futures):
                    self._stop.set()
        errors = [error for future in futures if (error := future.exception()) is not None]
        for error in sorted(errors, key=lambda error: isinstance(error, Cancelled)):
            raise error

    def _one(self, name: str, task: Callable[[], None]) -> None:
        started = time.monotonic()
        task()
        seconds = time.monotonic() - started
        if self._live:
            self._progress.update(self._tasks[name], completed=1, description="")
        else:
            console.print(f"  {name:<16} {seconds:5.1f} s")


def say(text: str) -> None:
    """A line for the person at the terminal (standard error: standard output is for data)."""
    console.print(text, soft_wrap=True)


def flush() -> None:
    """Before another program writes to the same terminal."""
    sys.stderr.flush()


def megabytes(folder: Path) -> int:
    """What lies under a folder, while others write there and delete."""
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # it was there a moment ago
                total += os.lstat(os.path.join(base, name)).st_size
    return total >> 20
