"""What only an account's owner is shown of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from gateway_service.schemas.roles import role_of
from rookery.user.v1.account_pb2 import Account, DefaultQuotePolicy
from rookery.user.v1.profile_service_pb2 import DefaultVisibility, ProfileSettings
from rookery_common.auth import Identity

PRIVACY = {
    "public": DefaultVisibility.DEFAULT_VISIBILITY_PUBLIC,
    "unlisted": DefaultVisibility.DEFAULT_VISIBILITY_UNLISTED,
    "private": DefaultVisibility.DEFAULT_VISIBILITY_PRIVATE,
}
_PRIVACY_NAMES = {code: name for name, code in PRIVACY.items()}
QUOTE_POLICIES = {
    "public": DefaultQuotePolicy.DEFAULT_QUOTE_POLICY_PUBLIC,
    "followers": DefaultQuotePolicy.DEFAULT_QUOTE_POLICY_FOLLOWERS,
    "nobody": DefaultQuotePolicy.DEFAULT_QUOTE_POLICY_NOBODY,
}
_QUOTE_POLICY_NAMES = {code: name for name, code in QUOTE_POLICIES.items()}


def credential_account(account: bytes, profile: Account, settings: ProfileSettings, identity: Identity) -> bytes:
    """The Account entity as rendered for all, with the texts as their owner wrote them, settings, and the role."""
    source = {
        "privacy": _PRIVACY_NAMES[settings.privacy],
        "sensitive": settings.sensitive,
        "language": settings.language or None,
        "quote_policy": quote_policy(profile),
        "note": profile.note,
        "fields": _fields(profile),
        "follow_requests_count": 0,
        "discoverable": profile.discoverable,
        "indexable": profile.indexable,
        "hide_collections": profile.hide_collections,
        "attribution_domains": list(settings.attribution_domains),
        "birthday": settings.birthday or None,
    }
    return account[:-1] + b',"source":' + orjson.dumps(source) + b',"role":' + orjson.dumps(role_of(identity)) + b"}"


def profile(account: Account, settings: ProfileSettings, featured: Iterable[bytes]) -> bytes:
    """Mastodon's Profile entity: all that its owner may change, as they wrote it; `featured` are FeaturedTags."""
    entity: dict[str, Any] = {
        "id": str(account.account_id),
        "display_name": account.display_name,
        "note": account.note,
        "fields": _fields(account),
        "avatar": account.avatar_url or None,
        "avatar_static": account.avatar_url or None,
        "avatar_description": account.avatar_description,
        "header": account.header_url or None,
        "header_static": account.header_url or None,
        "header_description": account.header_description,
        "locked": account.locked,
        "bot": account.bot,
        "hide_collections": account.hide_collections,
        "discoverable": account.discoverable,
        "indexable": account.indexable,
        "show_media": not account.hides_media,
        "show_media_replies": not account.hides_media_replies,
        "show_featured": not account.hides_featured,
        "attribution_domains": list(settings.attribution_domains),
    }
    return orjson.dumps(entity)[:-1] + b',"featured_tags":[' + b",".join(featured) + b"]}"


def _fields(account: Account) -> list[dict[str, str | None]]:
    return [
        {
            "name": field.name,
            "value": field.value,
            "verified_at": field.verify_time.ToJsonString() if field.HasField("verify_time") else None,
        }
        for field in account.fields
    ]


def quote_policy(profile: Account) -> str:
    """Of the account's new posts, as clients name it."""
    return _QUOTE_POLICY_NAMES.get(profile.quote_policy, "public")


def preferences(profile: Account, settings: ProfileSettings) -> bytes:
    """What clients should preselect."""
    return orjson.dumps(
        {
            "posting:default:visibility": _PRIVACY_NAMES[settings.privacy],
            "posting:default:sensitive": settings.sensitive,
            "posting:default:language": settings.language or None,
            "posting:default:quote_policy": quote_policy(profile),
            "reading:expand:media": "default",
            "reading:expand:spoilers": False,
            "reading:autoplay:gifs": False,
        }
    )


def userinfo(account: bytes, issuer: str) -> bytes:
    """OpenID Connect's claims, from the rendered Account."""
    entity = orjson.loads(account)
    return orjson.dumps(
        {
            "iss": issuer,
            "sub": entity["url"],
            "name": entity["display_name"] or entity["username"],
            "preferred_username": entity["username"],
            "profile": entity["url"],
            "picture": entity["avatar"],
        }
    )
