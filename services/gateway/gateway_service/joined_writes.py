"""What is written in one turn of the event loop leaves together.

uvicorn writes an answer's head and its body one after the other; each would be a call of the kernel that wakes the
client, which was a tenth of a cheap request's cost.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

MAX_HELD_BYTES: Final = 64 * 1024


class JoinedWrites:
    """A transport whose writes wait for the turn's end, or until there is much; the rest of it is the transport's."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._held_bytes = 0

    def write(self, data: bytes) -> None:
        """Never waits; what is held is bounded, so that the transport's own flow control goes on working."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > MAX_HELD_BYTES:
            self._flush()

    def close(self) -> None:
        """After what was written."""
        self._flush()
        self.transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    def _flush(self) -> None:
        held, self._held, self._held_bytes = self._held, [], 0
        # A client that has gone gets nothing; uvicorn, which tells the application, asks the same.
        if held and not self.transport.is_closing():
            self.transport.writelines(held)
