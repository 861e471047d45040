"""What others' messages mean to the index: an account's or a post's state as a document, or a tombstone."""

from __future__ import annotations

from typing import Final

from rookery.post.v1.media_pb2 import MediaType
from rookery.post.v1.post_pb2 import Post, PostState, Visibility
from rookery.user.v1.account_pb2 import Account
from search_service.errors import UnusableEvent
from search_service.folding import fold
from search_service.models import FOR_GOOD, Document, Kind

_VISIBILITY: Final = {
    Visibility.VISIBILITY_PUBLIC: "public",
    Visibility.VISIBILITY_UNLISTED: "unlisted",
    Visibility.VISIBILITY_PRIVATE: "private",
    Visibility.VISIBILITY_DIRECT: "direct",
}
_MEDIA: Final = {
    MediaType.MEDIA_TYPE_IMAGE: "image",
    MediaType.MEDIA_TYPE_GIFV: "video",
    MediaType.MEDIA_TYPE_VIDEO: "video",
    MediaType.MEDIA_TYPE_AUDIO: "audio",
}


def account_document(account: Account) -> Document:
    """A profile; its text is found only if its owner wants to be discovered."""
    _check(account.account_id, account.version)
    fields = {
        "account_id": account.account_id,
        "username_key": account.username.lower(),
        "username": account.username.lower(),
        "display_name": fold(account.display_name),
        "note": fold(account.note) if account.discoverable else "",
        "discoverable": account.discoverable,
    }
    return Document(Kind.ACCOUNTS, account.account_id, account.version, fields)


def post_document(post: Post, *, deleted: bool = False) -> Document | None:
    """A post, or a tombstone for one that may not be seen; None for a reblog, which has nothing of its own to find.

    The tombstone of a deletion is for good: no later event of the post undoes it.
    """
    _check(post.post_id, post.version)
    if post.reblog_of_id:
        return None
    if deleted or post.state == PostState.POST_STATE_DELETED:
        return Document.tombstone(Kind.POSTS, post.post_id, FOR_GOOD)
    visibility = _VISIBILITY.get(post.visibility)
    if post.state != PostState.POST_STATE_VISIBLE or visibility is None:
        return Document.tombstone(Kind.POSTS, post.post_id, post.version)
    texts = [post.spoiler_text, post.text, *post.poll.options, *(media.description for media in post.media)]
    fields = {
        "post_id": post.post_id,
        "author_id": post.author_id,
        "text": [fold(text) for text in texts if text],
        "tags": list(post.tags),
        "language": _languages(post.language),
        "properties": _properties(post),
        "visibility": visibility,
        "created_at": post.create_time.ToMilliseconds(),
    }
    return Document(Kind.POSTS, post.post_id, post.version, fields)


def _languages(language: str) -> list[str]:
    """The tag and what it is a variety of: pt-BR is found as pt, too."""
    tag = language.lower()
    return list(dict.fromkeys([tag, tag.partition("-")[0]])) if tag else []


def _properties(post: Post) -> list[str]:
    """What `has:` and `is:` ask for."""
    found = ["media", *(_MEDIA[media.type] for media in post.media if media.type in _MEDIA)] if post.media else []
    if "https://" in post.text or "http://" in post.text:
        found.append("link")
    if post.HasField("poll"):
        found.append("poll")
    if post.in_reply_to_id:
        found.append("reply")
    if post.sensitive:
        found.append("sensitive")
    return list(dict.fromkeys(found))


def _check(id_: int, version: int) -> None:
    if id_ <= 0 or version < 0:
        raise UnusableEvent("an id or a version is missing")
