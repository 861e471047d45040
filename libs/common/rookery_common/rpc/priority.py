"""What goes first when there is too much: sign-in and revocation, then writes, reads, search, analytics."""

from __future__ import annotations

from enum import IntEnum

_READS = ("Get", "List", "BatchGet", "Lookup", "Check", "Watch", "Stream")
_BY_DOMAIN = {"auth": "AUTH", "search": "SEARCH", "analytics": "ANALYTICS"}


class Priority(IntEnum):
    """The lower the number, the later it is shed."""

    AUTH = 0
    WRITE = 1
    READ = 2
    SEARCH = 3
    ANALYTICS = 4


def default_priority(path: str) -> Priority:
    """By the method's path, such as "/rookery.post.v1.PostService/CreatePost", where the caller names none."""
    service, _, method = path.removeprefix("/").partition("/")
    package = service.split(".")
    domain = _BY_DOMAIN.get(package[1]) if len(package) > 1 else None
    if domain is not None:
        return Priority[domain]
    return Priority.READ if method.startswith(_READS) else Priority.WRITE
