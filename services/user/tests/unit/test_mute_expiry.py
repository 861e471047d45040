"""The worker that ends mutes: where there are more than it takes at a time, it goes on."""

from __future__ import annotations

from typing import Any

import pytest

from rookery_common.testing import FakeClock
from user_service.relationships.expiry import MUTES, MuteExpiry


class Relationships:
    """Says that so many mutes were ended."""

    def __init__(self, ended: int) -> None:
        self.ended = ended

    async def end_expired_mutes(self, limit: int) -> int:
        return min(self.ended, limit)


@pytest.mark.parametrize(("expired", "more"), [(0, False), (MUTES - 1, False), (MUTES, True), (MUTES + 1, True)])
async def test_it_says_whether_there_may_be_more(expired: int, more: bool, clock: FakeClock) -> None:
    relationships: Any = Relationships(expired)
    assert await MuteExpiry(relationships, clock).round() is more
