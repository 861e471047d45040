"""Passwords: argon2id in a few threads of its own, so that signing in never takes all of the machine."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from auth_service.errors import PasswordsBusy
from auth_service.metrics import PASSWORD_SECONDS

MAX_WAITING = 64
RETRY_SECONDS = 2.0
T = TypeVar("T")


class Passwords:
    """Component: hashes and checks passwords. At most 64 wait; who comes then is told to come back."""

    def __init__(self, hasher: PasswordHasher, workers: int) -> None:
        self._hasher = hasher
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="passwords")
        self._limit = workers + MAX_WAITING
        self._running = 0
        self._dummy = hasher.hash("what an unknown login is checked against")

    async def start(self) -> None:
        """Threads start when they are needed."""

    async def stop(self) -> None:
        """Drops what waits; what runs ends within a fraction of a second."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """Salted, with its parameters."""
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether it is the password; without a stored hash never, and after the same time."""

        def check() -> bool:
            try:
                self._hasher.verify(stored or self._dummy, _normal(password))
            except VerifyMismatchError:
                return False
            return stored is not None

        return await self._run(check)

    def is_outdated(self, stored: str) -> bool:
        """Whether it was hashed with other parameters than are used now."""
        return self._hasher.check_needs_rehash(stored)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._running >= self._limit:
            raise PasswordsBusy("too many are signing in right now", retry_after=RETRY_SECONDS)
        self._running += 1
        started = time.perf_counter()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._running -= 1
            PASSWORD_SECONDS.observe(time.perf_counter() - started)


def _normal(password: str) -> bytes:
    """The same password typed on another keyboard may come in another Unicode form."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
