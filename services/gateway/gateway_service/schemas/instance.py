"""What this server tells about itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway_service import __version__
from gateway_service.config import Settings

MASTODON_VERSION = "4.5.0"
MASTODON_API_VERSION = 7  # That of Mastodon 4.5.
# What post accepts.
IMAGE_TYPES = ["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"]
VIDEO_TYPES = ["video/mp4", "video/quicktime", "video/webm"]
AUDIO_TYPES = ["audio/mpeg", "audio/mp4", "audio/x-m4a", "audio/ogg", "audio/webm", "audio/flac", "audio/wav"]
IMAGE_PIXELS = 40_000_000
VIDEO_PIXELS = 3840 * 2160
VIDEO_FRAME_RATE = 120
DESCRIPTION_CHARS = 1500
MAX_POLL_OPTIONS = 4
PINNED_STATUSES = 5
# What user accepts.
FEATURED_TAGS = 10


@dataclass(frozen=True, slots=True)
class Size:
    """Accounts, and posts that may be seen."""

    accounts: int = 0
    statuses: int = 0


class SignUpMode(StrEnum):
    """Who may sign up: anyone; anyone, but a moderator looks first; who was invited; nobody."""

    OPEN = "open"
    APPROVAL = "approval"
    INVITATION = "invitation"
    CLOSED = "closed"


_OPEN_TO_ANYONE = frozenset({SignUpMode.OPEN, SignUpMode.APPROVAL})


def version() -> str:
    """Clients compare the number in front; the rest says what it really is."""
    return f"{MASTODON_VERSION} (compatible; Rookery {__version__})"


def rules(settings: Settings) -> list[dict[str, Any]]:
    """Mastodon's Rule entities."""
    return [
        {"id": str(number), "text": text, "hint": "", "translations": {}}
        for number, text in enumerate(settings.rules, start=1)
    ]


def _configuration(settings: Settings) -> dict[str, Any]:
    return {
        "accounts": {"max_featured_tags": FEATURED_TAGS, "max_pinned_statuses": PINNED_STATUSES},
        "statuses": {
            "max_characters": settings.max_post_chars,
            "max_media_attachments": settings.max_post_media,
            "characters_reserved_per_url": 23,
        },
        "media_attachments": {
            "supported_mime_types": IMAGE_TYPES + VIDEO_TYPES + AUDIO_TYPES,
            "description_limit": DESCRIPTION_CHARS,
            "image_size_limit": settings.max_upload_bytes,
            "image_matrix_limit": IMAGE_PIXELS,
            "video_size_limit": settings.max_video_bytes,
            "video_frame_rate_limit": VIDEO_FRAME_RATE,
            "video_matrix_limit": VIDEO_PIXELS,
        },
        "polls": {
            "max_options": MAX_POLL_OPTIONS,
            "max_characters_per_option": 50,
            "min_expiration": 300,
            "max_expiration": 2_629_746,
        },
    }


def instance_v2(settings: Settings, mode: SignUpMode, active_month: int, push_key: str) -> dict[str, Any]:
    """Mastodon's Instance entity."""
    return {
        "domain": settings.domain,
        "title": settings.title,
        "version": version(),
        "source_url": settings.source_url,
        "description": settings.description,
        "usage": {"users": {"active_month": active_month}},
        "thumbnail": {"url": settings.public_url + "/assets/header.png", "blurhash": None, "versions": {}},
        "icon": [],
        "languages": settings.languages,
        "configuration": {
            "urls": {"streaming": settings.streaming_url, "status": None, "about": settings.public_url + "/"},
            "vapid": {"public_key": push_key},
            **_configuration(settings),
            "translation": {"enabled": False},
            "limited_federation": False,
        },
        "registrations": {
            "enabled": mode in _OPEN_TO_ANYONE,
            "approval_required": mode is SignUpMode.APPROVAL,
            "reason_required": mode is SignUpMode.APPROVAL,
            "message": None,
            "min_age": None,
            # Where to go with an invitation, which apps can't take.
            "url": settings.public_url + "/auth/sign_up" if mode is SignUpMode.INVITATION else None,
        },
        "api_versions": {"mastodon": MASTODON_API_VERSION},
        "contact": {"email": settings.contact_email, "account": None},
        "rules": rules(settings),
    }


def instance_v1(settings: Settings, mode: SignUpMode, size: Size) -> dict[str, Any]:
    """Mastodon's V1::Instance entity, for older clients."""
    return {
        "uri": settings.domain,
        "title": settings.title,
        "short_description": settings.description,
        "description": settings.description,
        "email": settings.contact_email,
        "version": version(),
        "urls": {"streaming_api": settings.streaming_url},
        "stats": {"user_count": size.accounts, "status_count": size.statuses, "domain_count": 1},
        "thumbnail": settings.public_url + "/assets/header.png",
        "languages": settings.languages,
        "registrations": mode in _OPEN_TO_ANYONE,
        "approval_required": mode is SignUpMode.APPROVAL,
        "invites_enabled": False,
        "configuration": _configuration(settings),
        "contact_account": None,
        "rules": rules(settings),
    }


def nodeinfo(settings: Settings, mode: SignUpMode, size: Size, active_month: int) -> dict[str, Any]:
    """NodeInfo 2.0. It speaks no protocol of federation."""
    return {
        "version": "2.0",
        "software": {"name": "rookery", "version": __version__},
        "protocols": [],
        "services": {"inbound": [], "outbound": []},
        "usage": {"users": {"total": size.accounts, "activeMonth": active_month}, "localPosts": size.statuses},
        "openRegistrations": mode in _OPEN_TO_ANYONE,
        "metadata": {"nodeName": settings.title, "nodeDescription": settings.description},
    }


def nodeinfo_links(settings: Settings) -> dict[str, Any]:
    """Where NodeInfo is found."""
    relation = "http://nodeinfo.diaspora.software/ns/schema/2.0"
    return {"links": [{"rel": relation, "href": settings.public_url + "/nodeinfo/2.0"}]}
