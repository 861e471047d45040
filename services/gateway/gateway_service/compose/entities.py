"""The Mastodon entities as bytes: what is the same for every viewer is encoded once, the rest is written after it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

import orjson

from gateway_service.cache import AccountFragment, PostFragment, quote_policy_of
from gateway_service.columns import MARKS, Numbers
from gateway_service.compose.cards import card_entity
from gateway_service.compose.html import Renderer
from gateway_service.compose.playback import played_meta
from gateway_service.compose.polls import poll_fragment, poll_params
from gateway_service.compose.quotes import policy_name, quote_fragment
from gateway_service.compose.replies import policy_name as reply_policy_name
from gateway_service.compose.replies import reply_policy
from gateway_service.compose.times import time_text
from gateway_service.config import Settings
from gateway_service.filters import NOTHING
from rookery.post.v1.draft_service_pb2 import Draft
from rookery.post.v1.edit_service_pb2 import Revision
from rookery.post.v1.media_pb2 import Dimensions, Media, MediaType
from rookery.post.v1.post_pb2 import Mention, Post, Visibility
from rookery.post.v1.post_service_pb2 import CreatePostRequest
from rookery.post.v1.schedule_service_pb2 import ScheduledPost
from rookery.user.v1.account_pb2 import Account, AccountCounts
from rookery_common.words import folded

# What a profile shows, unless its owner does not want it to; and what its pictures show.
_TABS: Final = ("media", "media_replies", "featured")
_DESCRIPTIONS: Final = ("avatar_description", "header_description")
_VISIBILITY = {
    Visibility.VISIBILITY_PUBLIC: "public",
    Visibility.VISIBILITY_UNLISTED: "unlisted",
    Visibility.VISIBILITY_PRIVATE: "private",
    Visibility.VISIBILITY_DIRECT: "direct",
}
_MEDIA_TYPE = {
    MediaType.MEDIA_TYPE_IMAGE: "image",
    MediaType.MEDIA_TYPE_GIFV: "gifv",
    MediaType.MEDIA_TYPE_VIDEO: "video",
    MediaType.MEDIA_TYPE_AUDIO: "audio",
}
_MARKS = ("favourited", "reblogged", "bookmarked", "muted", "pinned")
COMMUNITY_ID = -99
Counts = tuple[int, int, int, int]


def _marks_bytes(bits: int) -> bytes:
    return b"".join(b',"%s":%s' % (name.encode(), b"true" if bits & MARKS[name] else b"false") for name in _MARKS)


# By what a viewer has done with a post (the lowest bit means nothing), in all 32 combinations.
MEMBERS_OF_MARKS: Final = tuple(_marks_bytes(bits) for bits in range(2 << len(_MARKS)))
# For nobody signed in.
NO_MEMBERS: Final = (b"",) * len(MEMBERS_OF_MARKS)
_UNFILTERED: Final = b',"filtered":%b,"account":' % NOTHING


@lru_cache(maxsize=4096)
def numbers_bytes(numbers: Numbers) -> bytes:
    """How much was done with the post, as members of the status."""
    return b',"replies_count":%d,"reblogs_count":%d,"favourites_count":%d,"quotes_count":%d' % numbers


def counts_of(counts: AccountCounts) -> Counts:
    """Followers, following, statuses, and the day of the last one since 1970 (-1 for none)."""
    seconds = counts.last_status_time.seconds if counts.HasField("last_status_time") else -1
    return counts.followers, counts.following, counts.statuses, seconds // 86_400


class Entities:
    """Renders entities of one community."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.public_url
        self._domain, self._title = settings.domain, settings.title
        self.renderer = Renderer(settings.public_url, settings.domain)

    def post(self, post: Post, username: str) -> PostFragment:
        """The fragment of a post by this author."""
        return PostFragment(
            version=post.version,
            author_id=post.author_id,
            head=_open(self._status(post, username)),
            reply_to_account_id=post.in_reply_to_account_id,
            reblog_of_id=post.reblog_of_id,
            language=post.language,
            folded=folded(
                post.spoiler_text, post.text, *post.poll.options, *(media.description for media in post.media)
            ),
            poll=poll_fragment(post.post_id, post.poll) if post.HasField("poll") else None,
            quote=quote_fragment(post.quote) if post.HasField("quote") else None,
            quote_policy=post.quote_policy,
            is_direct=post.visibility == Visibility.VISIBILITY_DIRECT,
        )

    def account(self, account: Account, counts: Counts, checked_at: float) -> AccountFragment:
        """The fragment of an account with its counts."""
        head = _open(self._account(account))
        return AccountFragment(
            version=account.version,
            username=account.username,
            head=head,
            counts=counts,
            body=account_body(head, counts),
            checked_at=checked_at,
            quote_policy=quote_policy_of(account),
        )

    def community(self) -> bytes:
        """The community as an account, with the id that Mastodon gives its own."""
        account = Account(account_id=COMMUNITY_ID, username=self._domain, display_name=self._title, bot=True)
        return account_body(_open(self._account(account)), (0, 0, 0, -1))

    def media(self, media: Media) -> dict[str, Any]:
        """MediaAttachment."""
        meta: dict[str, Any] = {"focus": {"x": media.focus_x, "y": media.focus_y}}
        for name, size in (("original", media.original), ("small", media.small)):
            if size.width and size.height:
                meta[name] = _dimensions(size)
        if media.HasField("playback"):
            meta = played_meta(media, meta)
        return {
            "id": str(media.media_id),
            "type": _MEDIA_TYPE.get(media.type, "unknown"),
            "url": media.url or None,
            "preview_url": media.preview_url or None,
            "remote_url": None,
            "preview_remote_url": None,
            "text_url": None,
            "meta": meta,
            "description": media.description or None,
            "blurhash": media.blurhash or None,
        }

    def scheduled(self, scheduled: ScheduledPost) -> dict[str, Any]:
        """ScheduledStatus; `failure` is our own: why it was not published at its time."""
        return {
            "id": str(scheduled.scheduled_id),
            "scheduled_at": time_text(scheduled.publish_time),
            "params": {
                **_params(scheduled.post),
                "idempotency": scheduled.post.request_id or None,
                "scheduled_at": None,
                "application_id": None,
                "with_rate_limit": False,
            },
            "media_attachments": [self.media(media) for media in scheduled.media],
            "failure": scheduled.failure_reason or None,
        }

    def draft(self, draft: Draft) -> dict[str, Any]:
        """A draft, of our own: its params are those by which a status is posted."""
        return {
            "id": str(draft.draft_id),
            "version": str(draft.version),
            "updated_at": time_text(draft.update_time),
            "params": _params(draft.post),
            "media_attachments": [self.media(media) for media in draft.media],
        }

    def revision(self, revision: Revision) -> bytes:
        """StatusEdit without its quote, account and closing brace."""
        names = [mention.username for mention in revision.mentions]
        edit: dict[str, Any] = {
            "content": self.renderer.render(revision.text, names, revision.tags),
            "spoiler_text": revision.spoiler_text,
            "sensitive": revision.sensitive,
            "created_at": time_text(revision.create_time),
            "media_attachments": [self.media(media) for media in revision.media],
            "emojis": [],
        }
        if revision.poll_options:
            edit["poll"] = {"options": [{"title": title} for title in revision.poll_options]}
        return _open(edit)

    def _status(self, post: Post, username: str) -> dict[str, Any]:
        names = [mention.username for mention in post.mentions]
        status: dict[str, Any] = {
            "id": str(post.post_id),
            "created_at": time_text(post.create_time),
            "in_reply_to_id": _id(post.in_reply_to_id),
            "in_reply_to_account_id": _id(post.in_reply_to_account_id),
            "sensitive": post.sensitive,
            "spoiler_text": post.spoiler_text,
            "visibility": _VISIBILITY.get(post.visibility, "private"),
            "language": post.language or None,
            "uri": f"{self._url}/users/{username}/statuses/{post.post_id}",
            "url": f"{self._url}/@{username}/{post.post_id}",
            "edited_at": time_text(post.edit_time) if post.HasField("edit_time") else None,
            "content": self.renderer.render(post.text, names, post.tags),
            "application": _application(post),
            "media_attachments": [self.media(media) for media in post.media],
            "mentions": [self._mention(mention) for mention in post.mentions],
            "tags": [{"name": tag, "url": f"{self._url}/tags/{quote(tag)}"} for tag in post.tags],
            "emojis": [],
            "card": card_entity(post.card) if post.HasField("card") else None,
            "reply_policy": reply_policy(post),
        }
        if not post.HasField("quote"):
            status["quote"] = None
        if not post.HasField("poll"):
            status["poll"] = None
        if not post.reblog_of_id:
            status["reblog"] = None
        return status

    def _account(self, account: Account) -> dict[str, Any]:
        avatar = account.avatar_url or f"{self._url}/avatars/original/missing.png"
        header = account.header_url or f"{self._url}/headers/original/missing.png"
        return {
            "id": str(account.account_id),
            "username": account.username,
            "acct": account.username,
            "display_name": account.display_name,
            "locked": account.locked,
            "bot": account.bot,
            "discoverable": account.discoverable,
            "indexable": account.indexable,
            "noindex": not account.indexable,
            "group": account.group,
            "created_at": time_text(account.create_time),
            "note": self.renderer.render(account.note),
            "url": f"{self._url}/@{account.username}",
            "uri": f"{self._url}/users/{account.username}",
            "avatar": avatar,
            "avatar_static": avatar,
            "header": header,
            "header_static": header,
            "hide_collections": account.hide_collections,
            "emojis": [],
            "roles": [],
            "fields": [
                {
                    "name": field.name,
                    "value": self.renderer.render(field.value).removeprefix("<p>").removesuffix("</p>"),
                    "verified_at": time_text(field.verify_time) if field.HasField("verify_time") else None,
                }
                for field in account.fields
            ],
            **_details(account),
        }

    def _mention(self, mention: Mention) -> dict[str, str]:
        return {
            "id": str(mention.account_id),
            "username": mention.username,
            "url": f"{self._url}/@{mention.username}",
            "acct": mention.username,
        }


def _details(account: Account) -> dict[str, Any]:
    """What few profiles have, and clients assume where it is not named: so that it costs the others nothing."""
    hidden = {f"show_{name}": False for name in _TABS if getattr(account, f"hides_{name}")}
    described = {name: text for name in _DESCRIPTIONS if (text := getattr(account, name))}
    return {**hidden, **described}


def _params(post: CreatePostRequest) -> dict[str, Any]:
    return {
        "text": post.text,
        "media_ids": [str(media_id) for media_id in post.media_ids] or None,
        "sensitive": post.sensitive,
        "spoiler_text": post.spoiler_text or None,
        "visibility": _VISIBILITY.get(post.visibility, "private"),
        "language": post.language or None,
        "in_reply_to_id": _id(post.in_reply_to_id),
        "poll": poll_params(post.poll) if post.HasField("poll") else None,
        "quoted_status_id": _id(post.quoted_id),
        "quote_approval_policy": policy_name(post.quote_policy),
        "reply_policy": reply_policy_name(post.reply_policy),
    }


def plain_body(head: bytes, approval: bytes, numbers: Numbers, marks: bytes, account: bytes) -> bytes:
    """A whole status that is neither a reblog nor filtered, and has neither a poll nor a quote."""
    return b"".join((head, approval, numbers_bytes(numbers), marks, _UNFILTERED, account, b"}"))


def status_body(head: bytes, members: Sequence[bytes], account: bytes, filtered: bytes, original: bytes = b"") -> bytes:
    """A whole status: the fragment, then what differs by time and viewer, and `original` for what a reblog shows."""
    parts = [head, *members, b',"filtered":', filtered, b',"account":', account]
    if original:
        parts += [b',"reblog":', original]
    parts.append(b"}")
    return b"".join(parts)


def account_body(head: bytes, counts: Counts) -> bytes:
    """A whole account."""
    followers, following, statuses, day = counts
    last = b'"%b"' % _day(day) if day >= 0 else b"null"
    return b'%b,"followers_count":%d,"following_count":%d,"statuses_count":%d,"last_status_at":%b}' % (
        head,
        followers,
        following,
        statuses,
        last,
    )


def _open(entity: dict[str, Any]) -> bytes:
    return orjson.dumps(entity)[:-1]


def _id(number: int) -> str | None:
    return str(number) if number else None


def _day(day: int) -> bytes:
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d").encode()


def _dimensions(size: Dimensions) -> dict[str, Any]:
    return {
        "width": size.width,
        "height": size.height,
        "size": f"{size.width}x{size.height}",
        "aspect": size.width / size.height,
    }


def _application(post: Post) -> dict[str, str | None] | None:
    if not post.application_name:
        return None
    return {"name": post.application_name, "website": post.application_website or None}
