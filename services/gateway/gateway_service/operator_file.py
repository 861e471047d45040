"""Files in which the operator says how the community is run: read at the start, and again whenever they change."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Generic, TypeVar

from prometheus_client import Gauge
from pydantic import ValidationError

from rookery_common.logs import get_logger

LOOK_SECONDS = 1.0
T = TypeVar("T")
log = get_logger()


class OperatorFileInvalid(ValueError):
    """The file can't be read as what it is; the message names the place in it."""


class OperatorFile(Generic[T]):
    """Component: what `parse` makes of the file's text is given to `take`; a file that turns bad changes nothing.

    `parse` raises OperatorFileInvalid. Without a path, what it makes of `default` is taken once.
    """

    def __init__(
        self,
        path: str,
        name: str,
        parse: Callable[[str], T],
        take: Callable[[T], None],
        valid: Gauge,
        *,
        default: str = "",
        max_bytes: int = 256 * 1024,
    ) -> None:
        self._path = path
        self._name = name
        self._parse = parse
        self._take_over = take
        self._valid = valid
        self._default = default
        self._max_bytes = max_bytes
        self._version: tuple[int, ...] = ()
        self._refused = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises OperatorFileInvalid: a replica that does not know what the operator wants must not serve."""
        if not self._path:
            self._take(self._parse(self._default))
            return
        try:
            self._version = self._look()
            self._take(self._read())
        except OSError as error:
            raise OperatorFileInvalid(f"{self._path}: {error.strerror}") from error
        self._task = asyncio.create_task(self._follow(), name=self._name)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.reload_if_changed()

    def reload_if_changed(self) -> None:
        """Takes over a file that is another than before; a bad one is told of once, and the last good one holds."""
        try:
            version = self._look()
            if version == self._version:
                return
            self._version = version
            found = self._read()
        except (OSError, OperatorFileInvalid) as error:
            if not self._refused:
                log.error(f"{self._name}.file_refused", problem=str(error))
            self._refused = True
            self._valid.set(0)
            return
        self._take(found)

    def _take(self, found: T) -> None:
        self._refused = False
        self._valid.set(1)
        self._take_over(found)

    def _look(self) -> tuple[int, ...]:
        """Changes when the file does, also when a mounted folder is swapped as a whole."""
        stat = os.stat(self._path)
        return stat.st_mtime_ns, stat.st_ino, stat.st_size

    def _read(self) -> T:
        with open(self._path, "rb") as file:
            text = file.read(self._max_bytes + 1)
        if len(text) > self._max_bytes:
            raise OperatorFileInvalid(f"{self._path}: larger than {self._max_bytes} bytes")
        try:
            return self._parse(text.decode())
        except (UnicodeDecodeError, OperatorFileInvalid) as error:
            raise OperatorFileInvalid(f"{self._path}: {error}") from None


def problems(error: ValidationError) -> str:
    """What a model refused, by the places in the file."""
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False))
