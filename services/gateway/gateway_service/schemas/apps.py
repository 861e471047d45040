"""Applications and tokens."""

from __future__ import annotations

from typing import Any

import orjson

from rookery.auth.v1.app_pb2 import App, Token


def application(app: App, vapid_key: str) -> dict[str, Any]:
    """Mastodon's Application entity, without credentials."""
    return {
        "id": str(app.app_id),
        "name": app.name,
        "website": app.website or None,
        "scopes": list(app.scopes),
        "redirect_uri": "\n".join(app.redirect_uris),
        "redirect_uris": list(app.redirect_uris),
        "vapid_key": vapid_key,
    }


def credential_application(app: App, client_secret: str, vapid_key: str) -> bytes:
    """The same with its credentials, shown once: to whoever registers it. They do not expire (0)."""
    return orjson.dumps(
        {
            **application(app, vapid_key),
            "client_id": app.client_id,
            "client_secret": client_secret,
            "client_secret_expires_at": 0,
        }
    )


def token(message: Token) -> bytes:
    """Mastodon's Token entity, which is RFC 6749's answer with a time."""
    return orjson.dumps(
        {
            "access_token": message.access_token,
            "token_type": "Bearer",
            "scope": " ".join(message.scopes),
            "created_at": message.create_time.seconds,
        }
    )
