"""What providers, and who pretends to be one, may send: nothing but a signed answer to what was asked is believed."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from provider_fakes import CLIENT_ID, ISSUER, SECRET, FakeProvider, FakeWeb, rsa_key

from auth_service.clients.json_http import MAX_BYTES, JsonHttp
from auth_service.clients.oidc import OidcProvider
from auth_service.errors import ProviderUnavailable, WrongProviderAnswer
from auth_service.models import ProviderIdentity
from auth_service.provider_models import AskedProvider, Provider, ProviderAnswer
from rookery_common.testing import FakeClock

ASKED = AskedProvider("a state", "a nonce", "a verifier of its own", "https://rookery.example/back")
CONFIGURED = Provider(name="p1", title="P", issuer=ISSUER, client_id=CLIENT_ID, client_secret=SECRET)
DOCUMENT = "/.well-known/openid-configuration"


@pytest.fixture
def there(clock: FakeClock, web: FakeWeb) -> FakeProvider:
    web.sites["id.example"] = FakeProvider(clock)
    provider = web.sites["id.example"]
    assert isinstance(provider, FakeProvider)
    return provider


@pytest.fixture
def web() -> FakeWeb:
    return FakeWeb()


@pytest.fixture
def client(web: FakeWeb, clock: FakeClock) -> OidcProvider:
    return OidcProvider(CONFIGURED, JsonHttp(web.transport), clock, loopback=False)


async def identity(client: OidcProvider, there: FakeProvider, **changed: str) -> ProviderIdentity:
    answer = ProviderAnswer(error="", **{**there.sign_in(await client.address(ASKED)), **changed})
    return await client.identity(ASKED, answer)


async def test_who_it_is_comes_from_what_is_signed(client: OidcProvider, there: FakeProvider) -> None:
    there.claims = {"email": "a@b.example", "preferred_username": "Al"}
    found = await identity(client, there)
    assert (found.issuer, found.subject, found.label, found.username) == (ISSUER, "alice there", "a@b.example", "Al")


def _signed_by(key: Any, **header: Any) -> Callable[[dict[str, Any]], str]:
    return lambda claims: jwt.encode({"alg": "RS256", **header}, claims, key, algorithms=["RS256", "HS256"])


def _unsigned(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "none"}, claims, OctKey.generate_key(256), algorithms=["none"])


def _by_the_public_key(there: FakeProvider) -> Callable[[dict[str, Any]], str]:
    """As a shared secret: what everyone has signs nothing. By hand, since the library makes no such thing."""

    def sign(claims: dict[str, Any]) -> str:
        header = {"alg": "HS256", "kid": there.key.kid}
        parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
        mac = hmac.digest(there.key.as_pem(private=False), b".".join(parts), "sha256")
        return b".".join([*parts, urlsafe_b64encode(mac).rstrip(b"=")]).decode()

    return sign


def _by_the_shared_secret(there: FakeProvider) -> Callable[[dict[str, Any]], str]:
    return _signed_by(OctKey.import_key(SECRET.encode().ljust(32)), alg="HS256", kid=there.key.kid)


def _by_a_key_that_it_brings(there: FakeProvider) -> Callable[[dict[str, Any]], str]:
    key = rsa_key("forged")
    return _signed_by(key, kid=there.key.kid, jwk=key.as_dict(private=False))


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize(
    "sign",
    [
        lambda _there: _unsigned,
        _by_the_public_key,
        _by_the_shared_secret,
        _by_a_key_that_it_brings,
        lambda there: _signed_by(rsa_key("forged"), kid=there.key.kid),
        lambda _there: _signed_by(rsa_key("forged"), kid="unknown"),
        lambda _there: _signed_by(rsa_key("forged"), kid="x", jku="https://evil.example/keys"),
        lambda there: lambda claims: there.signed(claims)[:-8],
        lambda there: lambda claims: there.signed(claims) + ".x",
        lambda _there: lambda _claims: "",
        lambda _there: lambda _claims: "a.b.c",
        lambda _there: lambda _claims: "x" * 40_000,
        lambda _there: lambda _claims: "e30.e30.e30",
        lambda _there: lambda _claims: "eyJhbGciOjV9.e30.e30",
        lambda _there: lambda _claims: "eyJhbGciOltdfQ.e30.e30",
        lambda _there: lambda _claims: "ä.ö.ü",
    ],
)
async def test_a_token_that_the_provider_has_not_signed_is_refused(
    client: OidcProvider, there: FakeProvider, sign: Any
) -> None:
    there.sign = sign(there)
    # Also where the provider says that it would sign so.
    there.metadata["id_token_signing_alg_values_supported"] = ["none", "HS256", "RS256"]
    with pytest.raises(WrongProviderAnswer):
        await identity(client, there)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": f"{ISSUER}/"},
        {"iss": None},
        {"aud": "another"},
        {"aud": []},
        {"aud": ["another"]},
        {"aud": [CLIENT_ID, "another"]},
        {"aud": [CLIENT_ID, "another"], "azp": "another"},
        {"aud": None},
        {"azp": "another"},
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ["a nonce"], "sub": ""},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"iat": 10**11},
        {"iat": None},
        {"nbf": 10**11},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"sub": "x" * 256},
    ],
)
async def test_a_token_that_is_not_for_us_and_for_now_is_refused(
    client: OidcProvider, there: FakeProvider, claims: dict[str, Any]
) -> None:
    there.claims = claims
    with pytest.raises(WrongProviderAnswer):
        await identity(client, there)


async def test_a_token_for_several_names_us_as_the_one_who_asked(client: OidcProvider, there: FakeProvider) -> None:
    there.claims = {"aud": ["another", CLIENT_ID], "azp": CLIENT_ID}
    assert (await identity(client, there)).subject == "alice there"


@pytest.mark.parametrize("issuer", ["https://evil.example", ""])
async def test_an_answer_names_its_provider_where_that_says_that_it_does(
    client: OidcProvider, there: FakeProvider, issuer: str
) -> None:
    with pytest.raises(WrongProviderAnswer):
        await identity(client, there, issuer=issuer)


async def test_a_code_that_is_not_taken_back_signs_nobody_in(client: OidcProvider, there: FakeProvider) -> None:
    with pytest.raises(WrongProviderAnswer):
        await identity(client, there, code="stolen")
    there.secret = "another"
    with pytest.raises(WrongProviderAnswer):
        await identity(client, there)


@pytest.mark.parametrize("methods", [["client_secret_post"], ["client_secret_basic", "private_key_jwt"]])
async def test_the_secret_is_shown_as_the_provider_wants_it(
    client: OidcProvider, there: FakeProvider, methods: list[str]
) -> None:
    there.metadata["token_endpoint_auth_methods_supported"] = methods
    assert (await identity(client, there)).subject


@pytest.mark.parametrize("alg", ["none", "HS256", "RS1"])
async def test_a_provider_that_signs_by_nothing_that_is_believed_is_not_asked(
    client: OidcProvider, there: FakeProvider, alg: str
) -> None:
    there.metadata["id_token_signing_alg_values_supported"] = [alg]
    with pytest.raises(ProviderUnavailable):
        await client.address(ASKED)


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "http://id.example/authorize"},
        {"token_endpoint": "http://127.0.0.1/token"},
        {"token_endpoint": "file:///etc/passwd"},
        {"jwks_uri": "https://user@id.example/keys"},
        {"jwks_uri": 5},
        {"userinfo_endpoint": "http://id.example/me"},
        {"token_endpoint": None},
    ],
)
async def test_a_document_that_names_other_places_is_refused(
    client: OidcProvider, there: FakeProvider, document: dict[str, Any]
) -> None:
    there.metadata = document
    with pytest.raises(ProviderUnavailable):
        await client.address(ASKED)


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(302, headers={"location": "https://evil.example/document"}, json={}),
        httpx2.Response(500, json={}),
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, json=[]),
        httpx2.Response(200, text="[" * 100_000),
        httpx2.Response(200, content=json.dumps({"x": "y" * MAX_BYTES})),
        httpx2.Response(200, headers={"content-encoding": "br"}, stream=httpx2.ByteStream(b"{}")),
    ],
    ids=["redirect", "status", "html", "list", "deep", "large", "compressed"],
)
async def test_other_answers_are_none(
    client: OidcProvider, there: FakeProvider, web: FakeWeb, answer: httpx2.Response
) -> None:
    there.instead[DOCUMENT] = answer
    with pytest.raises(ProviderUnavailable):
        await client.address(ASKED)
    assert web.asked == [DOCUMENT]


async def test_a_provider_that_is_away_is_not_asked_again_at_once(
    client: OidcProvider, there: FakeProvider, web: FakeWeb, clock: FakeClock
) -> None:
    web.sites.clear()
    for _ in range(5):
        with pytest.raises(ProviderUnavailable):
            await client.address(ASKED)
    assert len(web.asked) == 1
    web.sites["id.example"] = there
    clock.advance(11)
    assert await client.address(ASKED)


async def test_document_and_keys_are_kept_and_hold_while_the_provider_is_away(
    client: OidcProvider, there: FakeProvider, web: FakeWeb, clock: FakeClock
) -> None:
    for _ in range(3):
        await identity(client, there)
    assert [path for path in web.asked if path != "/token"] == [DOCUMENT, "/keys"]
    clock.advance(3601)
    there.instead = {DOCUMENT: httpx2.Response(503, json={}), "/keys": httpx2.Response(503, json={})}
    await identity(client, there)
    assert [path for path in web.asked if path != "/token"] == [DOCUMENT, "/keys"] * 2


async def test_a_new_key_is_fetched_and_unknown_ones_ask_seldom(
    client: OidcProvider, there: FakeProvider, web: FakeWeb, clock: FakeClock
) -> None:
    await identity(client, there)
    there.key = rsa_key("new")
    clock.advance(11)
    await identity(client, there)
    there.sign = _signed_by(rsa_key("forged"), kid="forged")
    for _ in range(3):
        with pytest.raises(WrongProviderAnswer):
            await identity(client, there)
    assert web.asked.count("/keys") == 2


async def test_what_is_kept_apart_is_asked_for_and_believed_of_the_same_person_alone(
    client: OidcProvider, there: FakeProvider
) -> None:
    there.metadata["userinfo_endpoint"] = f"{ISSUER}/me"
    there.user_info = {"sub": "alice there", "email": "a@b.example"}
    assert (await identity(client, there)).email == "a@b.example"
    there.user_info = {"sub": "another", "email": "a@b.example"}
    assert (await identity(client, there)).email == ""
    there.instead["/me"] = httpx2.Response(500, json={})
    assert (await identity(client, there)).subject == "alice there"


@pytest.mark.parametrize(
    ("claims", "username", "label"),
    [
        ({"email": "o'brien+x@b.example"}, "o_brien_x", "o'brien+x@b.example"),
        ({"preferred_username": "x" * 60}, "x" * 30, "x" * 60),
        ({"preferred_username": "\x00\n"}, "", ""),
        ({"email": 5, "name": "Älice"}, "", "Älice"),
        ({"email": "x" * 300}, "", ""),
    ],
)
async def test_names_are_what_may_be_shown_and_filled_in(
    client: OidcProvider, there: FakeProvider, claims: dict[str, Any], username: str, label: str
) -> None:
    there.claims = claims
    found = await identity(client, there)
    assert (found.username, found.label) == (username, label)


@pytest.mark.parametrize(
    ("loopback", "issuer", "is_asked"),
    [
        (True, "http://127.0.0.1:9", True),
        (True, "http://localhost:9", True),
        (True, "http://id.example", False),
        (False, "http://127.0.0.1:9", False),
    ],
)
async def test_without_https_there_are_providers_on_this_machine_in_local_mode_alone(
    web: FakeWeb, clock: FakeClock, loopback: bool, issuer: str, is_asked: bool
) -> None:
    provider = FakeProvider(clock, issuer=issuer)
    web.sites[httpx2.URL(issuer).host] = provider
    settings = CONFIGURED.model_copy(update={"issuer": issuer})
    client = OidcProvider(settings, JsonHttp(web.transport), clock, loopback=loopback)
    if is_asked:
        assert (await client.address(replace(ASKED, afresh=True))).endswith("prompt=login&max_age=0")
    else:
        with pytest.raises(ProviderUnavailable):
            await client.address(ASKED)
