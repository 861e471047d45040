from __future__ import annotations

import pytest

from rookery_common.clients.redis import RedisUnavailable
from rookery_common.live.streams import Codec, LiveStreams
from rookery_common.testing.live import MemoryStreams

TEXT: Codec[str] = Codec(str.encode, bytes.decode)


class Away:
    """Whether Redis is away."""

    def __init__(self) -> None:
        self.is_away = False

    async def ask(self) -> None:
        if self.is_away:
            raise RedisUnavailable("Redis is away")


@pytest.fixture
def redis_away() -> Away:
    return Away()


@pytest.fixture
def streams(redis_away: Away) -> LiveStreams[str]:
    return MemoryStreams(TEXT, redis_away.ask)
