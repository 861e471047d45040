"""Keys change by themselves, and no token that holds is refused meanwhile."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from auth_service.service.key_rotation import PUBLISHED_BEFORE_USE, KeyRotation
from rookery_common.auth import Identity, InvalidToken, TokenVerifier
from rookery_common.crypto import LocalKeyProvider

IDENTITY = Identity(1, 2, 3, frozenset({"read"}))
DAYS = 30


@pytest.fixture
def rotation(world: Any, settings: Any, operations: Any) -> KeyRotation:
    provider = LocalKeyProvider(settings.master_key_bytes())
    return KeyRotation(operations, provider, world.clock, every=timedelta(days=DAYS))


async def published(world: Any) -> list[str]:
    return [key["kid"] for key in json.loads(await world.auth.keys.jwks())["keys"]]


async def signing(world: Any) -> str:
    signer = await world.auth.keys.signer()
    return str(signer.kid)


async def test_a_young_key_stays(world: Any, rotation: KeyRotation) -> None:
    kid = await signing(world)
    world.clock.advance(timedelta(days=DAYS).total_seconds())
    await rotation.round()
    assert await published(world) == [kid]


async def test_a_key_is_published_before_it_signs_and_after_it_has_signed(world: Any, rotation: KeyRotation) -> None:
    old = await signing(world)
    world.clock.advance(timedelta(days=DAYS).total_seconds() + 1)
    await rotation.round()
    assert await signing(world) == old
    first, new = await published(world)
    assert first == old
    world.clock.advance(PUBLISHED_BEFORE_USE.total_seconds() - 1)
    await rotation.round()
    world.clock.advance(5)
    await rotation.round()
    world.clock.advance(5)
    assert await signing(world) == new
    assert set(await published(world)) == {old, new}
    world.clock.advance(3600)
    assert await published(world) == [new]


async def test_no_valid_token_is_refused_while_keys_rotate_twice(world: Any, rotation: KeyRotation) -> None:
    """A verifier that is asked all the time, and a token of every minute, over two rotations."""
    verifier, tokens = TokenVerifier(world.auth.keys.jwks, world.clock), []
    kids = {await signing(world)}
    for _ in range(2):
        world.clock.advance(timedelta(days=DAYS).total_seconds())
        for _ in range(20):
            world.clock.advance(60)
            await rotation.round()
            kids.add(await signing(world))
            tokens.append((world.clock.unix_ms(), (await world.auth.keys.signer()).sign(IDENTITY)))
            for signed_at, token in tokens[-5:]:
                if world.clock.unix_ms() - signed_at < 300_000:
                    assert (await verifier.verify(token)).account_id == 1
    assert len(kids) == 3


async def test_an_operator_may_begin_at_any_time_and_once(world: Any, rotation: KeyRotation) -> None:
    old = await signing(world)
    world.clock.advance(1)
    assert await rotation.begin()
    assert not await rotation.begin()
    world.clock.advance(PUBLISHED_BEFORE_USE.total_seconds())
    await rotation.round()
    world.clock.advance(5)
    assert await signing(world) != old


async def test_what_a_withdrawn_key_has_signed_is_refused_within_a_minute(world: Any, rotation: KeyRotation) -> None:
    verifier = TokenVerifier(world.auth.keys.jwks, world.clock)
    stolen = (await world.auth.keys.signer()).sign(IDENTITY)
    await verifier.verify(stolen)
    assert await rotation.replace() == 1
    world.clock.advance(6)
    fresh = (await world.auth.keys.signer()).sign(IDENTITY)
    assert (await verifier.verify(fresh)).account_id == 1
    world.clock.advance(54)
    with pytest.raises(InvalidToken):
        await verifier.verify(stolen)
    assert (await verifier.verify(fresh)).account_id == 1
