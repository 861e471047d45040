"""The policy file: read when the process starts, and again whenever it changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from moderation_service.metrics import POLICY_REJECTED, POLICY_RULES
from moderation_service.policy.parse import PolicyInvalid, parse_policy
from moderation_service.policy.rules import Policy
from rookery_common.clock import Clock
from rookery_common.logs import get_logger

DEFAULT_POLICY = Path(__file__).parents[1] / "policy.yaml"
MAX_BYTES = 1 << 20
LOOK_SECONDS = 2.0
Stamp = tuple[int, int, int]
log = get_logger()


def read_policy(path: Path) -> Policy:
    """The file's rules. Raises PolicyInvalid, also for a file that can't be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise PolicyInvalid([f"the file is too large (at most {MAX_BYTES} bytes)"])
        return parse_policy(data.decode())
    except OSError as error:
        raise PolicyInvalid([f"the file can't be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise PolicyInvalid(["the file is not UTF-8"]) from None


class PolicyFile:
    """Component: `current()` is the policy of now. A change that is wrong is logged, and the last good one goes on."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._stamp = self._look()
        self._policy = read_policy(path)
        self._task: asyncio.Task[None] | None = None

    def current(self) -> Policy:
        """All rules as they are now."""
        return self._policy

    async def start(self) -> None:
        """Begins to look at the file every two seconds."""
        POLICY_RULES.set(len(self._policy.rules))
        self._task = asyncio.create_task(self._run(), name="policy file")

    async def stop(self) -> None:
        """Looks no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def refresh(self) -> bool:
        """Reads the file if it has changed; whether its rules are in force now."""
        stamp = await asyncio.to_thread(self._look)
        if stamp is None or stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self._policy = await asyncio.to_thread(read_policy, self._path)
        except PolicyInvalid as error:
            POLICY_REJECTED.inc()
            log.error("policy.rejected", problems=error.problems)
            return False
        POLICY_RULES.set(len(self._policy.rules))
        log.info("policy.loaded", rules=len(self._policy.rules))
        return True

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            await self.refresh()

    def _look(self) -> Stamp | None:
        """What differs once the file is another; None while there is none, as in the middle of its replacement."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
