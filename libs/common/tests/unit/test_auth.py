"""Internal tokens: what is good is read back, everything else is refused."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rookery_common.auth import (
    ALGORITHM,
    Identity,
    InvalidToken,
    ScopeMissing,
    TokenSigner,
    TokenVerifier,
    current_identity,
    public_jwks,
    require_identity,
    scope_covers,
    with_identity,
)
from rookery_common.errors import Unauthenticated, Unavailable
from rookery_common.testing import FakeClock

IDENTITY = Identity(11, 22, 33, frozenset({"read", "write:statuses"}), frozenset({"admin"}))
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


class Keys:
    """Auth's answer, counted."""

    def __init__(self, **keys: Ed25519PrivateKey) -> None:
        self.keys = keys
        self.fetched = 0
        self.away = False

    async def __call__(self) -> str:
        self.fetched += 1
        if self.away:
            raise Unavailable("auth is away")
        return public_jwks({kid: key.public_key() for kid, key in self.keys.items()})


@pytest.fixture
def keys() -> Keys:
    return Keys(k1=KEY)


@pytest.fixture
def verifier(keys: Keys, clock: FakeClock) -> TokenVerifier:
    return TokenVerifier(keys, clock)


@pytest.fixture
def token(clock: FakeClock) -> str:
    return TokenSigner(KEY, "k1", clock).sign(IDENTITY)


def segment(value: bytes | dict[str, Any]) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    body = f"{segment(header)}.{segment(claims)}"
    return f"{body}.{segment(sign(body.encode()))}"


def good_header() -> dict[str, Any]:
    return {"alg": ALGORITHM, "kid": "k1", "typ": "rookery+jwt"}


def good_claims(clock: FakeClock) -> dict[str, Any]:
    now = int(clock.now().timestamp())
    ids = {"sub": "11", "sid": "22", "app": "33", "scope": "read", "roles": []}
    return {"iss": "rookery-auth", "aud": "rookery", "iat": now, "exp": now + 300, **ids}


async def test_a_signed_identity_is_read_back(verifier: TokenVerifier, token: str) -> None:
    identity = await verifier.verify(token)
    assert (identity.account_id, identity.session_id, identity.app_id) == (11, 22, 33)
    assert identity.scopes == IDENTITY.scopes
    assert identity.roles == IDENTITY.roles
    assert identity.token == token


async def test_a_verified_token_is_remembered_until_it_expires(
    verifier: TokenVerifier, token: str, clock: FakeClock
) -> None:
    assert await verifier.verify(token) is await verifier.verify(token)
    clock.advance(299)
    await verifier.verify(token)
    clock.advance(1)
    with pytest.raises(InvalidToken, match="expired"):
        await verifier.verify(token)


async def test_an_expired_token_is_refused_when_first_seen(
    verifier: TokenVerifier, token: str, clock: FakeClock
) -> None:
    clock.advance(301)
    with pytest.raises(InvalidToken, match="expired"):
        await verifier.verify(token)


async def test_a_token_without_signature_is_refused(verifier: TokenVerifier, clock: FakeClock) -> None:
    for alg in ("none", "None", "NONE"):
        with pytest.raises(InvalidToken):
            await verifier.verify(forge({**good_header(), "alg": alg}, good_claims(clock), lambda _: b""))


async def test_hmac_with_the_public_key_is_refused(verifier: TokenVerifier, clock: FakeClock) -> None:
    raw = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (raw, pem):
        for alg in ("HS256", ALGORITHM):
            forged = forge(
                {**good_header(), "alg": alg}, good_claims(clock), partial(hmac.digest, secret, digest="sha256")
            )
            with pytest.raises(InvalidToken):
                await verifier.verify(forged)


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "other"},
        {"aud": ["rookery"]},
        {"aud": None},
        {"iss": "someone"},
        {"iss": None},
        {"exp": 1},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": None},
        {"exp": 99_999_999_999},
        {"iat": 99_999_999_999, "exp": 99_999_999_999 + 300},
        {"sub": 11},
        {"sub": "-1"},
        {"sub": "٣"},
        {"sub": "1" * 30},
        {"sub": None},
        {"scope": None},
        {"scope": ["read"]},
        {"roles": "admin"},
        {"roles": [1]},
    ],
)
async def test_wrong_claims_are_refused_even_if_signed(
    verifier: TokenVerifier, clock: FakeClock, change: dict[str, Any]
) -> None:
    claims = {name: value for name, value in {**good_claims(clock), **change}.items() if value is not None}
    with pytest.raises(InvalidToken):
        await verifier.verify(forge(good_header(), claims, KEY.sign))


@pytest.mark.parametrize(
    "change",
    [{"typ": "JWT"}, {"typ": None}, {"kid": "k2"}, {"kid": None}, {"kid": 1}, {"alg": "EdDSA"}, {"crit": ["x"]}],
)
async def test_wrong_headers_are_refused_even_if_signed(
    verifier: TokenVerifier, clock: FakeClock, change: dict[str, Any]
) -> None:
    header = {name: value for name, value in {**good_header(), **change}.items() if value is not None}
    with pytest.raises(InvalidToken):
        await verifier.verify(forge(header, good_claims(clock), KEY.sign))


async def test_a_signature_by_another_key_is_refused(verifier: TokenVerifier, clock: FakeClock) -> None:
    with pytest.raises(InvalidToken, match="signature"):
        await verifier.verify(forge(good_header(), good_claims(clock), OTHER_KEY.sign))


@pytest.mark.parametrize("text", ["", ".", "..", "a.b", "a.b.c.d", "ä.b.c", "a" * 5000, "e30.e30.", "!!!.###.$$$"])
async def test_what_is_no_token_is_refused(verifier: TokenVerifier, text: str) -> None:
    with pytest.raises(InvalidToken):
        await verifier.verify(text)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_any_changed_character_is_refused(keys: Keys, clock: FakeClock, token: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != token[place]))
    with pytest.raises(InvalidToken):
        await TokenVerifier(keys, clock).verify(token[:place] + other + token[place + 1 :])


async def test_the_last_characters_unused_bits_are_part_of_the_token(verifier: TokenVerifier, token: str) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = alphabet[alphabet.index(token[-1]) ^ 1]
    with pytest.raises(InvalidToken):
        await verifier.verify(token[:-1] + twin)


async def test_an_unknown_key_is_fetched_at_most_every_five_seconds(
    verifier: TokenVerifier, keys: Keys, token: str, clock: FakeClock
) -> None:
    await verifier.verify(token)
    rotated = TokenSigner(OTHER_KEY, "k2", clock).sign(IDENTITY)
    for _ in range(3):
        with pytest.raises(InvalidToken, match="not known"):
            await verifier.verify(rotated)
    assert keys.fetched == 1
    clock.advance(5)
    keys.keys["k2"] = OTHER_KEY
    assert (await verifier.verify(rotated)).account_id == 11
    assert keys.fetched == 2


async def test_a_withdrawn_key_stops_to_verify_within_minutes(
    verifier: TokenVerifier, keys: Keys, token: str, clock: FakeClock
) -> None:
    await verifier.verify(token)
    del keys.keys["k1"]
    clock.advance(300)
    with pytest.raises(InvalidToken, match="not known"):
        await verifier.verify(TokenSigner(KEY, "k1", clock).sign(IDENTITY))


async def test_known_keys_verify_while_auth_is_away_and_unknown_ones_say_so(
    verifier: TokenVerifier, keys: Keys, token: str, clock: FakeClock
) -> None:
    await verifier.verify(token)
    keys.away = True
    clock.advance(301)
    signer = TokenSigner(KEY, "k1", clock)
    await verifier.verify(signer.sign(IDENTITY))
    await verifier.verify(signer.sign(Identity(1, 2, 3)))
    assert keys.fetched == 2
    clock.advance(6)
    with pytest.raises(Unavailable):
        await verifier.verify(TokenSigner(OTHER_KEY, "k2", clock).sign(IDENTITY))


async def test_a_verifier_that_never_had_keys_is_unavailable(verifier: TokenVerifier, keys: Keys, token: str) -> None:
    keys.away = True
    with pytest.raises(Unavailable):
        await verifier.verify(token)


@pytest.mark.parametrize(
    ("granted", "wanted", "covered"),
    [
        ("read", "read", True),
        ("read", "read:statuses", True),
        ("read:statuses", "read", False),
        ("write", "write:media", True),
        ("write", "read", False),
        ("follow", "write:follows", True),
        ("follow", "read:blocks", True),
        ("follow", "write:mutes", True),
        ("follow", "write:statuses", False),
        ("read", "profile", True),
        ("profile", "read:accounts", False),
        ("admin:read", "admin:read:accounts", True),
        ("read", "admin:read:accounts", False),
        ("admin", "admin:read", True),
        ("", "read", False),
    ],
)
def test_scopes_cover_their_children(granted: str, wanted: str, covered: bool) -> None:
    assert scope_covers(frozenset(granted.split()), wanted) is covered


def test_the_current_identity_holds_within_its_block_only() -> None:
    assert current_identity() is None
    with pytest.raises(Unauthenticated):
        require_identity()
    with with_identity(IDENTITY):
        assert require_identity("write:statuses") is IDENTITY
        with pytest.raises(ScopeMissing):
            require_identity("write:media")
        with with_identity(None):
            assert current_identity() is None
    assert current_identity() is None


async def test_a_token_is_not_part_of_the_identitys_repr(verifier: TokenVerifier, token: str) -> None:
    assert token not in repr(await verifier.verify(token))


def test_the_published_keys_are_public_ones() -> None:
    (key,) = json.loads(public_jwks({"k1": KEY.public_key()}))["keys"]
    assert "d" not in key
    assert (key["kid"], key["kty"], key["crv"], key["use"]) == ("k1", "OKP", "Ed25519", "sig")
