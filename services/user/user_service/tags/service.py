"""The rules of following hashtags."""

from __future__ import annotations

import unicodedata
from typing import Final

from rookery_common.hashtags import normalized_tag
from rookery_common.ids import MAX_ID, IdSource
from rookery_common.paging import CursorCodec
from user_service.errors import AccountNotFound, FieldInvalid, TooManyTags
from user_service.events import Events
from user_service.pages import position
from user_service.tags.repository import TagRepository

# A home is joined with the timelines of all of them when it is read.
MAX_FOLLOWED_TAGS: Final = 100
MAX_TAG_CHARS: Final = 100
DEFAULT_PAGE_SIZE: Final = 40
_ROUTE: Final = "followed_tags"
_JOINERS: Final = "_\u00b7\u200c\u200d\u30fb\uff65"


class FollowedTags:
    """Hashtags that accounts follow, each once."""

    def __init__(self, repository: TagRepository, events: Events, ids: IdSource, cursors: CursorCodec) -> None:
        self._repository = repository
        self._events = events
        self._ids = ids
        self._cursors = cursors

    async def page(self, account_id: int, page_size: int, token: str) -> tuple[list[str], str]:
        """Names, the one followed last first, and the next page's token (empty on the last). Raises FieldInvalid."""
        if not 0 <= page_size <= MAX_FOLLOWED_TAGS:
            raise FieldInvalid("page_size", f"must be between 1 and {MAX_FOLLOWED_TAGS}")
        limit = page_size or DEFAULT_PAGE_SIZE
        below = position(self._cursors, _ROUTE, account_id, token, "below") if token else MAX_ID
        found = await self._repository.followed(account_id, below, limit + 1)
        names = [name for name, _ in found[:limit]]
        if len(found) <= limit:
            return names, ""
        return names, self._cursors.encode(_ROUTE, account_id, {"below": found[limit - 1][1]})

    async def follow(self, account_id: int, name: str) -> str:
        """The hashtag as it is compared. Raises FieldInvalid, TooManyTags."""
        tag = checked_tag(name)
        async with self._repository.transaction(account_id) as tx:
            if not await tx.lock():
                raise AccountNotFound("there is no such account")
            if await tx.follow(tag, self._ids.mint()):
                if await tx.count() > MAX_FOLLOWED_TAGS:
                    raise TooManyTags(f"an account may follow {MAX_FOLLOWED_TAGS} hashtags")
                tx.emit(self._events.followed_tags_changed(account_id, self._ids.mint()))
        return tag

    async def unfollow(self, account_id: int, name: str) -> str:
        """The hashtag as it is compared. Raises FieldInvalid."""
        tag = checked_tag(name)
        async with self._repository.transaction(account_id) as tx:
            if not await tx.lock():
                raise AccountNotFound("there is no such account")
            if await tx.unfollow(tag):
                tx.emit(self._events.followed_tags_changed(account_id, self._ids.mint()))
        return tag


def checked_tag(name: str) -> str:
    """The hashtag as it is compared. Raises FieldInvalid."""
    tag = normalized_tag(name)
    if len(tag) > MAX_TAG_CHARS or not any(map(str.isalpha, tag)) or not all(map(_is_of_a_tag, tag)):
        raise FieldInvalid("name", f"must be a hashtag of at most {MAX_TAG_CHARS} characters")
    return tag


def _is_of_a_tag(char: str) -> bool:
    """Marks are the vowel signs and accents of many scripts."""
    return char.isalnum() or char in _JOINERS or unicodedata.category(char) in ("Mn", "Mc")
