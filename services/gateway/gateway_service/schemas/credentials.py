"""What only an account's owner is shown of it."""

from __future__ import annotations

import orjson

from gateway_service.schemas.roles import role_of
from rookery.user.v1.account_pb2 import Account
from rookery_common.auth import Identity

DEFAULT_PRIVACY = "public"


def credential_account(account: bytes, profile: Account, identity: Identity) -> bytes:
    """The Account entity as rendered for all, with the texts as their owner wrote them, and the role."""
    source = {
        "privacy": DEFAULT_PRIVACY,
        "sensitive": False,
        "language": None,
        "note": profile.note,
        "fields": [
            {
                "name": field.name,
                "value": field.value,
                "verified_at": field.verify_time.ToJsonString() if field.HasField("verify_time") else None,
            }
            for field in profile.fields
        ],
        "follow_requests_count": 0,  # Nobody can lock their account yet, so nobody has to ask.
        "discoverable": profile.discoverable,
        "indexable": profile.indexable,
        "hide_collections": False,
    }
    return account[:-1] + b',"source":' + orjson.dumps(source) + b',"role":' + orjson.dumps(role_of(identity)) + b"}"


def preferences() -> bytes:
    """What clients should preselect: until accounts can choose, the same for everyone."""
    return orjson.dumps(
        {
            "posting:default:visibility": DEFAULT_PRIVACY,
            "posting:default:sensitive": False,
            "posting:default:language": None,
            "posting:default:quote_policy": "nobody",
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
