"""The streams of Mastodon's streaming API: what they are called, what scope each needs, and what feeds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway_service.errors import RouteNotFound, invalid
from rookery_common.hashtags import normalized_tag
from rookery_common.ids import MAX_ID

MAX_TAG_CHARS: Final = 100
_STATUSES: Final = "read:statuses"
_LIST: Final = "list"
_HASHTAGS: Final = ("hashtag", "hashtag:local")
# Which timeline of everybody a stream is of; there are no other servers, so that nothing comes from them.
_TIMELINES: Final[Mapping[str, str]] = {
    "public": "public",
    "public:local": "public",
    "public:remote": "",
    "public:media": "public:media",
    "public:local:media": "public:media",
    "public:remote:media": "",
}
# The streams that there are, and the scope that each needs.
STREAMS: Final[Mapping[str, str]] = {
    "user": _STATUSES,
    "user:notification": "read:notifications",
    **dict.fromkeys(_TIMELINES, _STATUSES),
    **dict.fromkeys(_HASHTAGS, _STATUSES),
    _LIST: "read:lists",
    "direct": _STATUSES,
}


@dataclass(frozen=True, slots=True)
class Stream:
    """What a client listens to; `of` is the hashtag as the client wrote it, or the list's id."""

    name: str
    of: str = ""

    @property
    def label(self) -> list[str]:
        """What the client is told that an event is of."""
        return [self.name, self.of] if self.of else [self.name]

    @property
    def list_id(self) -> int:
        """0 for what is no list."""
        return int(self.of) if self.name == _LIST else 0

    @property
    def timeline(self) -> str:
        """The timeline of everybody that it is of, by feed's name for it; empty where there is none."""
        if self.name in _HASHTAGS:
            return f"tag:{normalized_tag(self.of)}"
        return _TIMELINES.get(self.name, "")

    @property
    def is_home(self) -> bool:
        """Whether what it brings is in the account's home."""
        return self.name in (USER.name, _LIST)


USER: Final = Stream("user")
USER_NOTIFICATION: Final = Stream("user:notification")
# Threads of direct posts.
DIRECT: Final = Stream("direct")
# What a connection of the chat listens to; no stream of Mastodon's API.
CHAT: Final = Stream("chat")


def named_stream(name: object, tag: object, list_id: object) -> Stream:
    """The stream that a client asks for. Raises RouteNotFound for what is none, InvalidArgument for a bad hashtag or
    list."""
    if not isinstance(name, str) or name not in STREAMS:
        raise RouteNotFound("There is no such stream")
    if name in _HASHTAGS:
        if not isinstance(tag, str) or not 0 < len(tag) <= MAX_TAG_CHARS or not normalized_tag(tag):
            raise invalid("tag", f"must be a hashtag of at most {MAX_TAG_CHARS} characters")
        return Stream(name, tag)
    if name == _LIST:
        number = str(list_id)
        if not (
            number.isascii() and number.isdigit() and len(number) <= len(str(MAX_ID)) and 0 < int(number) <= MAX_ID
        ):
            raise invalid("list", "must be the id of a list")
        return Stream(name, str(int(number)))
    return Stream(name)
