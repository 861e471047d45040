"""Streams of server-sent events, read by Mastodon.py in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mastodon import StreamListener

from harness.people import Person
from harness.waiting import eventually

OPEN_SECONDS = 10.0


@contextmanager
def listening(person: Person, listener: StreamListener) -> Iterator[None]:
    """The person's stream, which is open when the block begins."""
    handle = person.api.stream_user(listener, run_async=True)
    try:
        eventually(handle.is_receiving, bool, within=OPEN_SECONDS, what="the stream is open")
        yield
    finally:
        # Closing waits for the read that is under way, so for the next heartbeat: nobody needs to wait with it.
        threading.Thread(target=handle.close, daemon=True).start()
