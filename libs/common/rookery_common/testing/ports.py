"""Free ports for servers that must know theirs before they listen."""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"
# Below what systems give to whoever asks for any port, and below throw-away platforms: else somebody else, a client
# even, may be given it before the server has started.
_PORTS = range(10_000, 20_000)


def free_port() -> int:
    """A port of 127.0.0.1 where nobody listens."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311  # no secret
        try:
            socket.create_server((HOST, port)).close()
        except OSError:
            continue
        return port


def free_address() -> str:
    """The same as host and port."""
    return f"{HOST}:{free_port()}"
