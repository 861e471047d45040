"""No forged or malformed token is taken, whatever was done to it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rookery_common.auth import Identity, InvalidToken, TokenSigner, TokenVerifier, public_jwks
from rookery_common.testing import FakeClock
from rookery_common.testing.forgeries import forgeries

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
JWKS = public_jwks({"k1": KEY.public_key()})
MADE = FakeClock()
IDENTITY = Identity(11, 22, 33, frozenset({"read"}))
FORGED = forgeries(TokenSigner(KEY, "k1", MADE).sign(IDENTITY), JWKS)


@pytest.fixture
def verifier(clock: FakeClock) -> TokenVerifier:
    async def keys() -> str:
        return JWKS

    return TokenVerifier(keys, clock)


def test_there_are_at_least_two_hundred() -> None:
    assert len(FORGED) >= 200


@pytest.mark.parametrize("forged", [token for _, token in FORGED], ids=[what for what, _ in FORGED])
async def test_a_forged_token_is_refused(verifier: TokenVerifier, clock: FakeClock, forged: str) -> None:
    good = TokenSigner(KEY, "k1", clock).sign(IDENTITY)
    assert (await verifier.verify(good)).account_id == 11
    with pytest.raises(InvalidToken):
        await verifier.verify(forged)
