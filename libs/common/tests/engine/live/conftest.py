from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from rookery_common.clients.redis import RedisClient
from rookery_common.live.streams import Codec, LiveStreams

TEXT: Codec[str] = Codec(str.encode, bytes.decode)


@pytest_asyncio.fixture
async def streams(redis_state_url: str, redis_state_prefix: str) -> AsyncIterator[LiveStreams[str]]:
    client = RedisClient(redis_state_url, "test")
    await client.start()
    yield LiveStreams(client, TEXT, redis_state_prefix)
    await client.stop()
