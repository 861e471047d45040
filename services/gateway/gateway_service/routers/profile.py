"""One's own account: what its owner sees of it, and changes."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import Caller, TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.errors import FileTooLarge, invalid
from gateway_service.multipart import MultipartStream, Part
from gateway_service.nesting import decode_pair, nest
from gateway_service.params import Params, body_chunks, checked, read_params
from gateway_service.routing import Routes, json_response
from gateway_service.schemas.credentials import PRIVACY, QUOTE_POLICIES, credential_account, preferences, profile
from gateway_service.schemas.hashtags import featured_tag
from gateway_service.uploads import FORM_BYTES, MAX_FIELD_BYTES, MAX_NAME_CHARS, send_file
from rookery.post.v1.media_pb2 import MediaPurpose
from rookery.post.v1.post_service_pb2 import MediaHeader
from rookery.user.v1.profile_service_pb2 import (
    GetProfileRequest,
    GetProfileResponse,
    ProfileFields,
    ProfilePicture,
    UpdateProfileRequest,
)
from rookery_common.auth import with_identity

CALL_SECONDS = 5.0
MAX_FIELDS = 20  # More than user takes, since empty ones are left out there.
_PICTURES = {"avatar": MediaPurpose.MEDIA_PURPOSE_AVATAR, "header": MediaPurpose.MEDIA_PURPOSE_HEADER}
# More and longer than user takes, which says what is wrong with them.
MAX_DOMAINS, MAX_DOMAIN_CHARS = 40, 300
_TEXTS = ("display_name", "note", "birthday", "avatar_description", "header_description")
_SHOWN = ("show_media", "show_media_replies", "show_featured")
_FLAGS = ("locked", "bot", "group", "discoverable", "indexable", "hide_collections")
Pictures = dict[str, ProfilePicture]


class Profile:
    """Shows and changes the caller's own account."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("accounts")
        base = "/api/v1/accounts"
        routes.get(f"{base}/verify_credentials", self.verify, "accounts_verify_credentials", "The token's account")
        routes.patch(
            f"{base}/update_credentials", self.update, "accounts_update_credentials", "Change one's own account"
        )
        routes.get("/api/v1/profile", self.get, "profile_get", "One's own profile, as its owner wrote it")
        routes.patch("/api/v1/profile", self.patch, "profile_update", "Change one's own profile")
        routes.delete("/api/v1/profile/avatar", self.delete_avatar, "profile_avatar_delete", "Show no avatar any more")
        routes.delete("/api/v1/profile/header", self.delete_header, "profile_header_delete", "Show no header any more")
        routes.get("/api/v1/preferences", self.preferences, "preferences_get", "The caller's preferences")
        self.router = routes.router

    async def verify(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "read:accounts", "profile")
        own = await self._profile(caller)
        account = await self._composer.account(caller.identity, caller.identity.account_id)
        return json_response(credential_account(account, own.account, own.settings, caller.identity))

    async def preferences(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "read:accounts")
        own = await self._profile(caller)
        return json_response(preferences(own.account, own.settings))

    async def get(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "read:accounts", "profile")
        featured = await self._featured(caller)
        answer = await self._profile(caller)
        return json_response(profile(answer.account, answer.settings, featured))

    async def patch(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:accounts")
        call = await self._read_change(request, caller)
        featured = await self._featured(caller)  # Before: what is changed is answered, whoever goes away then.
        answer = await self._clients.user.call(
            "UpdateProfile", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        self._composer.posting.forget(caller.identity.account_id)
        return json_response(profile(answer.account, answer.settings, featured))

    async def update(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:accounts")
        return await self._change(caller, await self._read_change(request, caller))

    async def _featured(self, caller: Caller) -> list[bytes]:
        answer = await self._clients.list_featured_tags(caller.identity, caller.identity.account_id)
        return [featured_tag(tag, answer.username, self._settings.public_url) for tag in answer.tags]

    async def _read_change(self, request: Request, caller: Caller) -> UpdateProfileRequest:
        """What a form with pictures, or any body without, asks for."""
        if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            params, pictures = await self._read_form(request, caller)
        else:
            params, pictures = await read_params(request, self._settings.max_body_bytes), {}
        call = update_request(params)
        for name, picture in pictures.items():
            getattr(call, name).CopyFrom(picture)
        return call

    async def delete_avatar(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:accounts")
        return await self._change(caller, UpdateProfileRequest(avatar=ProfilePicture()))

    async def delete_header(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:accounts")
        return await self._change(caller, UpdateProfileRequest(header=ProfilePicture()))

    async def _profile(self, caller: Caller) -> GetProfileResponse:
        answer: GetProfileResponse = await self._clients.user.call(
            "GetProfile", GetProfileRequest(), timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        return answer

    async def _change(self, caller: Caller, call: UpdateProfileRequest) -> Response:
        before = await self._composer.before_writing(caller.identity)
        answer = await self._clients.user.call(
            "UpdateProfile", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        self._composer.posting.forget(caller.identity.account_id)
        account = await self._composer.changed(caller.identity, answer.account, before)
        return json_response(credential_account(account, answer.account, answer.settings, caller.identity))

    async def _read_form(self, request: Request, caller: Caller) -> tuple[Params, Pictures]:
        """Its fields, and its pictures as post has stored them; those of a change that is refused are swept there."""
        seconds, limit = self._settings.upload_seconds, self._settings.max_upload_bytes
        total = len(_PICTURES) * limit + FORM_BYTES
        chunks = body_chunks(request, total, FileTooLarge(limit), seconds)
        stream = MultipartStream(chunks, request.headers["content-type"])
        pairs: list[tuple[str, str]] = []
        pictures: Pictures = {}
        while (part := await stream.next_part()) is not None:
            if part.filename is None:
                pairs.append(decode_pair(part.name.encode(), await stream.text(part, MAX_FIELD_BYTES)))
            elif part.name in pictures:
                raise invalid(part.name, "is there twice")
            elif part.name in _PICTURES:
                with with_identity(caller.identity):
                    media = await send_file(self._clients.post, stream, picture_header(part), limit, seconds)
                pictures[part.name] = ProfilePicture(media_id=media.media_id, url=media.url)
        return checked(nest(pairs)), pictures


def picture_header(part: Part) -> MediaHeader:
    """What is known of a picture before its first byte."""
    return MediaHeader(
        filename=(part.filename or "")[:MAX_NAME_CHARS],
        content_type=part.content_type[:MAX_NAME_CHARS],
        purpose=_PICTURES[part.name],
    )


def update_request(params: Params) -> UpdateProfileRequest:
    """What is not named stays as it is; user knows the limits of texts."""
    for name in _PICTURES:
        if params.text(name):
            raise invalid(name, "must be a file")
    source = params.group("source")
    named: dict[str, Any] = {name: params.text(name) for name in _TEXTS}
    named |= {name: params.flag(name) for name in _FLAGS}
    shown = {name: params.flag(name) for name in _SHOWN}
    named |= {name.replace("show", "hides", 1): not flag for name, flag in shown.items() if flag is not None}
    named |= {"sensitive": source.flag("sensitive"), "language": source.text("language", 100)}
    named["privacy"] = source.choice("privacy", PRIVACY)
    named["quote_policy"] = source.choice("quote_policy", QUOTE_POLICIES)
    call = UpdateProfileRequest(**{name: value for name, value in named.items() if value is not None})
    if "fields_attributes" in params:
        call.fields.CopyFrom(profile_fields(params))
    if "attribution_domains" in params:
        call.attribution_domains.domains.extend(params.texts("attribution_domains", MAX_DOMAIN_CHARS, MAX_DOMAINS))
        call.attribution_domains.SetInParent()
    return call


def profile_fields(params: Params) -> ProfileFields:
    """All fields of the profile, in their order."""
    fields = ProfileFields()
    for group in params.groups("fields_attributes", MAX_FIELDS):
        fields.fields.add(name=group.text("name") or "", value=group.text("value") or "")
    return fields
