"""ProfileService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any

import grpc

from rookery.user.v1 import profile_service_pb2 as pb
from rookery.user.v1.account_pb2 import DefaultQuotePolicy
from rookery.user.v1.profile_service_pb2_grpc import ProfileServiceServicer
from rookery_common.auth import Identity, ScopeMissing, require_identity
from rookery_common.errors import Unauthenticated
from user_service.errors import FieldInvalid
from user_service.events import account_message
from user_service.models import QuotePolicy
from user_service.profiles.models import Picture, Privacy, ProfileChange, ProfileSettings
from user_service.profiles.service import Profiles

SERVICE_NAME = "rookery.user.v1.ProfileService"
ALLOWED_CALLERS = {name: frozenset({"gateway"}) for name in ("GetProfile", "UpdateProfile", "GetPostingDefaults")}
READ_SCOPES = ("read:accounts", "profile", "security")  # one of them; the last is a browser's, who takes it along
WRITE_SCOPE = "write:accounts"
POST_SCOPE = "write:statuses"
_PRIVACY = {
    pb.DEFAULT_VISIBILITY_PUBLIC: Privacy.PUBLIC,
    pb.DEFAULT_VISIBILITY_UNLISTED: Privacy.UNLISTED,
    pb.DEFAULT_VISIBILITY_PRIVATE: Privacy.PRIVATE,
}
_QUOTE_POLICIES = {
    DefaultQuotePolicy.DEFAULT_QUOTE_POLICY_PUBLIC: QuotePolicy.PUBLIC,
    DefaultQuotePolicy.DEFAULT_QUOTE_POLICY_FOLLOWERS: QuotePolicy.FOLLOWERS,
    DefaultQuotePolicy.DEFAULT_QUOTE_POLICY_NOBODY: QuotePolicy.NOBODY,
}
_PRIVACY_CODES = {privacy: code for code, privacy in _PRIVACY.items()}
Context = grpc.aio.ServicerContext[Any, Any]


class ProfileServicer(ProfileServiceServicer):
    """The RPCs of one's own profile."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    async def GetProfile(self, request: pb.GetProfileRequest, context: Context) -> pb.GetProfileResponse:
        profile = await self._profiles.get(_reader())
        return pb.GetProfileResponse(account=account_message(profile.account), settings=_settings(profile.settings))

    async def UpdateProfile(self, request: pb.UpdateProfileRequest, context: Context) -> pb.UpdateProfileResponse:
        profile = await self._profiles.update(_me(require_identity(WRITE_SCOPE)), _change(request))
        return pb.UpdateProfileResponse(account=account_message(profile.account), settings=_settings(profile.settings))

    async def GetPostingDefaults(
        self, request: pb.GetPostingDefaultsRequest, context: Context
    ) -> pb.GetPostingDefaultsResponse:
        found = await self._profiles.defaults(_me(require_identity(POST_SCOPE)))
        return pb.GetPostingDefaultsResponse(
            privacy=_PRIVACY_CODES[found.privacy], sensitive=found.sensitive, language=found.language
        )


def _reader() -> int:
    identity = require_identity()
    if not any(identity.has_scope(scope) for scope in READ_SCOPES):
        raise ScopeMissing(f"the token's scopes do not include {READ_SCOPES[0]}")
    return _me(identity)


def _me(identity: Identity) -> int:
    """The account that the caller acts for. An application's own token has none."""
    if not identity.account_id:
        raise Unauthenticated("this needs a user's token")
    return identity.account_id


def _change(request: pb.UpdateProfileRequest) -> ProfileChange:
    """What is set, also to what is empty."""
    named: dict[str, Any] = {field.name: value for field, value in request.ListFields()}
    if "privacy" in named:
        if request.privacy not in _PRIVACY:
            raise FieldInvalid("source.privacy", "must be public, unlisted or private", "ERR_INCLUSION")
        named["privacy"] = _PRIVACY[request.privacy]
    if "quote_policy" in named:
        if request.quote_policy not in _QUOTE_POLICIES:
            raise FieldInvalid("source.quote_policy", "must be public, followers or nobody", "ERR_INCLUSION")
        named["quote_policy"] = _QUOTE_POLICIES[request.quote_policy]
    if "fields" in named:
        named["fields"] = tuple((field.name, field.value) for field in request.fields.fields)
    if "attribution_domains" in named:
        named["attribution_domains"] = tuple(request.attribution_domains.domains)
    for name in named.keys() & {"avatar", "header"}:
        named[name] = Picture(named[name].media_id, named[name].url)
    return ProfileChange(**named)


def _settings(settings: ProfileSettings) -> pb.ProfileSettings:
    return pb.ProfileSettings(
        privacy=_PRIVACY_CODES[settings.privacy],
        sensitive=settings.sensitive,
        language=settings.language,
        birthday=settings.birthday.isoformat() if settings.birthday else "",
        attribution_domains=settings.attribution_domains,
    )
