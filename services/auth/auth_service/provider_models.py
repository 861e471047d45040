"""Signing in by another site's account (OpenID Connect): what the operator configures, and what providers say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from auth_service.account_models import LinkedIdentity, SignInStep
from auth_service.models import ProviderIdentity

MAX_PROVIDERS = 20
MAX_CODE_CHARS = 4096
MAX_CONTINUE_CHARS = 8000
MAX_SUBJECT_CHARS = 255
MAX_LABEL_CHARS = 100


class Provider(BaseModel):
    """One that the operator trusts to say who somebody is. Without a secret we are a public client there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,29}$")
    title: str = Field(min_length=1, max_length=60)
    issuer: str = Field(min_length=8, max_length=500, pattern=r"^https?://[^\s?#@]+$")
    client_id: str = Field(min_length=1, max_length=500)
    client_secret: SecretStr = SecretStr("")
    scopes: tuple[str, ...] = Field(("openid", "email", "profile"), min_length=1, max_length=20)


_LIST: TypeAdapter[list[Provider]] = TypeAdapter(list[Provider])


def parse_providers(text: str) -> tuple[Provider, ...]:
    """The operator's JSON list; none for an empty text. ValueError, which names the place and repeats no value."""
    if not text.strip():
        return ()
    try:
        providers = tuple(_LIST.validate_python(json.loads(text)))
    except ValidationError as error:
        places = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False))
        raise ValueError("; ".join(places)) from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at line {error.lineno}") from None
    if len(providers) > MAX_PROVIDERS:
        raise ValueError(f"at most {MAX_PROVIDERS} providers")
    if len({one.name for one in providers}) < len(providers) or len({one.issuer for one in providers}) < len(providers):
        raise ValueError("each provider has a name and an issuer of its own")
    if any("openid" not in one.scopes for one in providers):
        raise ValueError("scopes: openid must be among them")
    return providers


@dataclass(frozen=True, slots=True)
class AskedProvider:
    """What a provider is asked, and what its answer must go with; made for one browser, once."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str
    afresh: bool = False


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """What a provider has added to the address that it led the browser back to."""

    state: str = field(repr=False)
    code: str = field(repr=False)
    issuer: str
    error: str


@dataclass(frozen=True, slots=True)
class StartedProvider:
    """A challenge's token for the browser, and where it goes."""

    token: str = field(repr=False)
    url: str = field(repr=False)
    provider: Provider


@dataclass(frozen=True, slots=True)
class OfferedSignUp:
    """Somebody whom nobody here knows yet: what they sign up with, and what may be filled in."""

    token: str = field(repr=False)
    provider: Provider
    identity: ProviderIdentity


@dataclass(frozen=True, slots=True)
class ProviderStep:
    """What came of a provider's answer; neither a step nor an offer where an account was linked."""

    continue_to: str
    step: SignInStep | None = None
    offer: OfferedSignUp | None = None


@dataclass(frozen=True, slots=True)
class LinkOverview:
    """A link as its owner is shown it; without a provider where the operator has removed that."""

    link: LinkedIdentity
    provider: Provider | None
    label: str


def issuers(providers: Sequence[Provider]) -> tuple[str, ...]:
    """Whose accounts lead into ours."""
    return tuple(provider.issuer for provider in providers)
