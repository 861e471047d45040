"""What travels beside a call: the caller's token, the calling service, the trace, the priority."""

from __future__ import annotations

from collections.abc import Iterable

AUTHORIZATION = "authorization"
SERVICE = "rookery-service"
TRACEPARENT = "traceparent"
PRIORITY = "rookery-priority"
_BEARER = "Bearer "
_SAMPLED = "-01"


class CallHead:
    """A call's metadata, as far as it concerns us."""

    __slots__ = ("priority", "service", "token", "traceparent")

    def __init__(self, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        self.token = self.service = self.traceparent = self.priority = ""
        for key, value in metadata:
            if not isinstance(value, str):
                continue
            if key == SERVICE:
                self.service = value
            elif key == AUTHORIZATION:
                self.token = value.removeprefix(_BEARER)
            elif key == TRACEPARENT:
                self.traceparent = value
            elif key == PRIORITY:
                self.priority = value

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
