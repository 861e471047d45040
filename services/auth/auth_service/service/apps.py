"""OAuth2 applications: registering one, and recognizing it."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from auth_service.errors import AppNotFound, InvalidClient, ValidationFailed
from auth_service.models import (
    APP_GRANT,
    CODE_GRANT,
    DEFAULT_GRANTS,
    DEFAULT_SCOPES,
    GRANTS,
    MAX_APP_NAME_CHARS,
    MAX_REDIRECT_URIS,
    MAX_URI_CHARS,
    OUT_OF_BAND,
    PUBLIC_CLIENT,
    REFRESH_GRANT,
    SECRET_METHODS,
    App,
)
from auth_service.repository import AuthRepository
from auth_service.service.opaque import digest, new_secret
from auth_service.service.scopes import distinct, unknown_scopes
from rookery_common.clock import Clock
from rookery_common.errors import FieldViolation
from rookery_common.ids import IdSource

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE)
_FORBIDDEN_SCHEMES = frozenset({"javascript", "vbscript", "data", "file", "about", "blob"})
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f<>\"\\^`{|}]")


class Apps:
    """Anyone may register an application; its secret is shown once."""

    def __init__(self, repository: AuthRepository, ids: IdSource, clock: Clock) -> None:
        self._repository = repository
        self._ids = ids
        self._clock = clock

    async def create(
        self,
        name: str,
        redirect_uris: Sequence[str],
        scopes: Sequence[str],
        website: str,
        grant_types: Sequence[str] = (),
        auth_method: str = "",
    ) -> tuple[App, str]:
        """The application and its secret, empty for a public one. Raises ValidationFailed naming what is wrong."""
        is_public = auth_method == PUBLIC_CLIENT
        violations = [
            *_check_name(name),
            *_check_uris(redirect_uris),
            *_check_scopes(scopes),
            *_check_website(website),
            *_check_grants(grant_types, is_public=is_public),
            *_check_auth_method(auth_method),
        ]
        if violations:
            raise ValidationFailed(*violations)
        secret = new_secret()
        app = App(
            app_id=self._ids.mint(),
            client_id=new_secret(),
            secret_hash=digest(secret),
            name=name.strip(),
            website=website,
            redirect_uris=distinct(redirect_uris),
            scopes=distinct(scopes) or DEFAULT_SCOPES,
            created_at=self._clock.now(),
            grant_types=distinct(grant_types) or ((CODE_GRANT,) if is_public else DEFAULT_GRANTS),
            is_public=is_public,
        )
        await self._repository.add_app(app)
        # A public app's was never told to anyone, and is asked of nobody.
        return app, "" if is_public else secret

    async def get(self, app_id: int) -> App:
        app = await self._repository.app(app_id)
        if app is None or app.revoked_at is not None:
            raise AppNotFound("there is no such application")
        return app

    async def authenticate(self, client_id: str, client_secret: str) -> App:
        """The client, by its id and secret; a public one by its id alone. Raises InvalidClient."""
        app = await self._repository.app_by_client(client_id)
        if app is None or app.revoked_at is not None:
            raise InvalidClient("client authentication failed: the client is unknown")
        if app.is_public:
            if client_secret:
                raise InvalidClient("client authentication failed: the client has no secret")
            return app
        if not hmac.compare_digest(app.secret_hash, digest(client_secret)):
            raise InvalidClient("client authentication failed: the secret is wrong")
        return app


def _check_name(name: str) -> list[FieldViolation]:
    if not name.strip():
        return [FieldViolation("client_name", "ERR_BLANK", "can't be blank")]
    if len(name.strip()) > MAX_APP_NAME_CHARS:
        text = f"is too long (maximum is {MAX_APP_NAME_CHARS} characters)"
        return [FieldViolation("client_name", "ERR_TOO_LONG", text)]
    return []


def _check_uris(uris: Sequence[str]) -> list[FieldViolation]:
    if not uris:
        return [FieldViolation("redirect_uris", "ERR_BLANK", "can't be blank")]
    if len(uris) > MAX_REDIRECT_URIS:
        return [FieldViolation("redirect_uris", "ERR_TOO_LONG", f"are too many (maximum is {MAX_REDIRECT_URIS})")]
    problems = [problem for problem in map(_redirect_problem, uris) if problem]
    return [FieldViolation("redirect_uris", "ERR_INVALID", problem) for problem in problems[:1]]


def _redirect_problem(uri: str) -> str:
    """Why a code must not be sent there; empty if it may. A fragment would swallow the code, a script would run it."""
    if uri == OUT_OF_BAND:
        return ""
    if len(uri) > MAX_URI_CHARS:
        return f"is too long (maximum is {MAX_URI_CHARS} characters)"
    scheme, colon, rest = uri.partition(":")
    if not colon or not rest or not _SCHEME.fullmatch(scheme) or _UNPRINTABLE.search(uri):
        return "must be an absolute URI"
    if scheme.lower() in _FORBIDDEN_SCHEMES:
        return "must not use this scheme"
    if "#" in uri:
        return "must not have a fragment"
    if scheme.lower() in ("http", "https") and not _has_host(uri):
        return "must be an absolute URI"
    return ""


def _check_scopes(scopes: Sequence[str]) -> list[FieldViolation]:
    if unknown_scopes(scopes):
        return [FieldViolation("scopes", "ERR_INVALID", "doesn't match configured on the server")]
    return []


def _check_grants(grants: Sequence[str], *, is_public: bool) -> list[FieldViolation]:
    problem = ""
    if any(grant not in GRANTS for grant in grants):
        problem = f"must be among {', '.join(GRANTS)}"
    elif REFRESH_GRANT in grants and CODE_GRANT not in grants:
        problem = f"must have {CODE_GRANT}, too, where they have {REFRESH_GRANT}"
    elif is_public and APP_GRANT in grants:
        problem = f"must not have {APP_GRANT} where the app has no secret"
    return [FieldViolation("grant_types", "ERR_INVALID", problem)] if problem else []


def _check_auth_method(method: str) -> list[FieldViolation]:
    known = (*SECRET_METHODS, PUBLIC_CLIENT)
    if not method or method in known:
        return []
    return [FieldViolation("token_endpoint_auth_method", "ERR_INVALID", f"must be one of {', '.join(known)}")]


def _check_website(website: str) -> list[FieldViolation]:
    if not website:
        return []
    if len(website) > MAX_URI_CHARS:
        text = f"is too long (maximum is {MAX_URI_CHARS} characters)"
        return [FieldViolation("website", "ERR_TOO_LONG", text)]
    scheme = website.partition(":")[0].lower()
    if scheme not in ("http", "https") or _UNPRINTABLE.search(website) or not _has_host(website):
        return [FieldViolation("website", "ERR_INVALID", "must be a web address")]
    return []


def _has_host(uri: str) -> bool:
    try:
        return bool(urlsplit(uri).hostname)
    except ValueError:
        return False
