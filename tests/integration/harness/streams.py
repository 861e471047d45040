"""Streams of server-sent events, read by Mastodon.py in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mastodon import StreamListener

from harness.people import Person
from harness.waiting import eventually

OPEN_SECONDS = 10.0


@contextmanager
def listening(
    person: Person, listener: StreamListener, stream: Callable[..., Any] | None = None, *what: Any
) -> Iterator[None]:
    """The person's stream (of the home, unless another one of Mastodon.py is named, and what it is of), open when the
    block begins."""
    handle = (stream or person.api.stream_user)(*what, listener, run_async=True)
    try:
        eventually(handle.is_receiving, bool, within=OPEN_SECONDS, what="the stream is open")
        yield
    finally:
        # Closing waits for the read that is under way, so for the next heartbeat: nobody needs to wait with it.
        threading.Thread(target=handle.close, daemon=True).start()
