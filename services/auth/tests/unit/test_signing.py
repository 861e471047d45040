"""The keys of internal tokens: one is made, all processes use it, a retired one still verifies for an hour."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from auth_service.app import Auth
from auth_service.clients.json_http import JsonHttp
from auth_service.service.signing import make_key
from rookery_common.auth import Identity, TokenVerifier

IDENTITY = Identity(1, 2, 3, frozenset({"read"}))


async def test_processes_that_start_together_share_one_key(world: Any, settings: Any) -> None:
    stores = (world.repository, world.accounts, world.passkeys, world.links, world.written)
    replicas = [Auth(settings, *stores, world.users, JsonHttp(), world.ids, world.clock) for _ in range(3)]
    documents = await asyncio.gather(*(replica.keys.jwks() for replica in replicas))
    assert len(set(documents)) == 1
    signer = await replicas[0].keys.signer()
    identity = await TokenVerifier(replicas[1].keys.jwks, world.clock).verify(signer.sign(IDENTITY))
    assert identity.account_id == 1


async def test_only_public_halves_are_published_and_private_ones_stored_wrapped(world: Any) -> None:
    (published,) = json.loads(await world.auth.keys.jwks())["keys"]
    assert "d" not in published
    (stored,) = await world.repository.signing_keys(world.clock.now())
    assert len(stored.private_key) > 32
    assert stored.kid == published["kid"]
    assert "private" not in repr(stored)


async def test_keys_are_read_every_five_seconds_at_most(world: Any) -> None:
    reads = 0
    read = world.repository.signing_keys

    async def counted(after: Any) -> Any:
        nonlocal reads
        reads += 1
        return await read(after)

    await world.auth.keys.jwks()
    world.repository.signing_keys = counted
    for _ in range(5):
        await world.auth.keys.signer()
    assert reads == 0
    world.clock.advance(5)
    await asyncio.gather(*(world.auth.keys.jwks() for _ in range(5)))
    assert reads == 1


async def test_a_key_that_another_process_made_is_taken_over(world: Any) -> None:
    made = make_key(world.auth.keys._provider, world.clock, active=True)
    await world.repository.add_signing_key(made)
    (published,) = json.loads(await world.auth.keys.jwks())["keys"]
    assert published["kid"] == made.kid
