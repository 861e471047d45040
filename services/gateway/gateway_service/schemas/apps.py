"""Applications and tokens."""

from __future__ import annotations

from typing import Any

import orjson

from rookery.auth.v1.app_pb2 import App, Token
from rookery.auth.v1.auth_service_pb2 import IntrospectTokenResponse


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


def registered_client(app: App, client_secret: str) -> bytes:
    """RFC 7591's answer: the client as it was registered, with a secret if it is confidential."""
    secret = {"client_secret": client_secret, "client_secret_expires_at": 0} if client_secret else {}
    return orjson.dumps(
        {
            "client_id": app.client_id,
            **secret,
            "client_id_issued_at": app.create_time.seconds,
            "client_name": app.name,
            **({"client_uri": app.website} if app.website else {}),
            "redirect_uris": list(app.redirect_uris),
            "scope": " ".join(app.scopes),
            "grant_types": list(app.grant_types),
            "response_types": ["code"] if "authorization_code" in app.grant_types else [],
            "token_endpoint_auth_method": app.token_endpoint_auth_method,
        }
    )


def token(message: Token) -> bytes:
    """Mastodon's Token entity, which is RFC 6749's answer with a time; with what renews it where there is that."""
    renewal = {"refresh_token": message.refresh_token, "expires_in": message.expires_in}
    return orjson.dumps(
        {
            "access_token": message.access_token,
            "token_type": "Bearer",
            "scope": " ".join(message.scopes),
            "created_at": message.create_time.seconds,
            **(renewal if message.refresh_token else {}),
        }
    )


def introspection(found: IntrospectTokenResponse, client_id: str, issuer: str) -> bytes:
    """RFC 7662's answer; of a token that does not hold, nothing but that."""
    if not found.active:
        return b'{"active":false}'
    person = {"sub": str(found.account_id), "username": found.username} if found.account_id else {}
    return orjson.dumps(
        {
            "active": True,
            "scope": " ".join(found.scopes),
            "client_id": client_id,
            **person,
            "token_type": "refresh_token" if found.refresh else "Bearer",
            "iat": found.create_time.seconds,
            "exp": found.expire_time.seconds,
            "iss": issuer,
        }
    )
