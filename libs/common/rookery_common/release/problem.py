"""What is wrong, and the addresses behind a name."""

from __future__ import annotations

import socket


class Problem(Exception):
    """A service is not well; the message says how it shows."""


def addresses(target: str) -> list[str]:
    """All addresses of `host:port`, as `address:port`. Raises Problem for a name without any."""
    host, _, port = target.rpartition(":")
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except OSError as error:
        raise Problem(f"{host} has no address ({error.strerror}): no pod is ready, or the name is wrong") from error
    return sorted({f"{_text(str(place[0]), family)}:{port}" for family, *_, place in found})


def _text(address: str, family: socket.AddressFamily) -> str:
    return f"[{address}]" if family == socket.AF_INET6 else address
