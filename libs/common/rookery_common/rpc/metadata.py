"""What travels beside a call: the caller's token, the calling service, the trace, the priority."""

from __future__ import annotations

from collections.abc import Iterable

Metadata = tuple[tuple[str, str], ...]
AUTHORIZATION = "authorization"
SERVICE = "rookery-service"
TRACEPARENT = "traceparent"
PRIORITY = "rookery-priority"
_BEARER = "Bearer "
_SAMPLED = "-01"


class CallHead:
    """What travels beside a call; what is empty does not travel."""

    __slots__ = ("priority", "service", "token", "traceparent")

    def __init__(self, service: str, *, token: str = "", traceparent: str = "", priority: str = "") -> None:
        self.service, self.token, self.traceparent, self.priority = service, token, traceparent, priority

    @classmethod
    def of(cls, metadata: Iterable[tuple[str, str | bytes]]) -> CallHead:
        """As a call's metadata says, as far as it concerns us."""
        head = cls("")
        for key, value in metadata:
            if not isinstance(value, str):
                continue
            if key == SERVICE:
                head.service = value
            elif key == AUTHORIZATION:
                head.token = value.removeprefix(_BEARER)
            elif key == TRACEPARENT:
                head.traceparent = value
            elif key == PRIORITY:
                head.priority = value
        return head

    def metadata(self) -> Metadata:
        """For a call of its own."""
        metadata: Metadata = ((SERVICE, self.service),)
        if self.token:
            metadata += ((AUTHORIZATION, bearer(self.token)),)
        if self.traceparent:
            metadata += ((TRACEPARENT, self.traceparent),)
        if self.priority:
            metadata += ((PRIORITY, self.priority),)
        return metadata

    @property
    def sampled(self) -> bool:
        """Whether the trace is recorded; spans of others would cost and tell nothing."""
        return is_sampled(self.traceparent)


def is_sampled(traceparent: str) -> bool:
    """Whether a W3C traceparent says that it is recorded."""
    return traceparent.endswith(_SAMPLED)


def bearer(token: str) -> str:
    """The authorization value for a token."""
    return _BEARER + token
